"""A real browser without a window, on a page of ours. The page tells its result by a POST."""

import http.server
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import urllib.parse

import pytest

from harness import servers

CLIENTS = pathlib.Path(__file__).resolve().parents[1] / "clients"
PACKAGES = servers.PEERS / "browser/node_modules"


def _missing(what: str):
    """A loud skip; a failure in CI."""
    text = f"NOT TESTED: {what} is missing (tests/run installs it)"
    pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


def need_packages() -> None:
    if not (PACKAGES / "@nats-io/nats-core").exists():
        _missing(f"{PACKAGES}/@nats-io/nats-core")


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return found or _missing("chromium")


def bundle(directory: pathlib.Path) -> None:
    """The page's script, with the official client in it."""
    need_packages()
    subprocess.run(
        [str(PACKAGES / ".bin/esbuild"), str(CLIENTS / "websocket_browser.mjs"), "--bundle",
         "--format=esm", f"--outfile={directory / 'page.js'}", "--log-level=error"],
        check=True, env={**os.environ, "NODE_PATH": str(PACKAGES)},
    )  # fmt: skip


class Browser:
    """Serves a page on 127.0.0.1 and opens it in Chromium."""

    def __init__(self, world):
        self.world, self.binary = world, _chromium()
        bundle(world.directory)
        self.result: str | None = None
        self._told = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def run(self, mode: str, options: dict, args: tuple = (), cookies: str = "") -> str:
        """What the page said; its first line is "passed" or says what failed."""
        self._told.clear()
        self._cookies = cookies
        query = urllib.parse.urlencode({"mode": mode, "options": json.dumps(options)})
        # What it writes beside its profile; a socket is among it, whose path must be short.
        with tempfile.TemporaryDirectory(prefix="petiole-", ignore_cleanup_errors=True) as scratch:
            self._open(query, args, {"TMPDIR": scratch, "HOME": scratch})
        return self.result

    def _open(self, query: str, args: tuple, env: dict[str, str]) -> None:
        chromium = self.world.process(
            "chromium",
            [self.binary, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", f"--user-data-dir={self.world.directory / 'profile'}",
             *args, f"{self.origin}/?{query}"],
            env,
        )  # fmt: skip
        chromium.start()
        assert self._told.wait(60), "the page told nothing: " + chromium.output()[-2000:]
        chromium.stop()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        browser = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = self.path == "/page.js"
                body = b'<script type="module" src="/page.js"></script>'
                if page:
                    body = (browser.world.directory / "page.js").read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "text/javascript" if page else "text/html")
                if browser._cookies:
                    self.send_header("Set-Cookie", browser._cookies)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                size = int(self.headers["Content-Length"])
                browser.result = self.rfile.read(size).decode()
                self.send_response(204)
                self.end_headers()
                browser._told.set()

            def log_message(self, *_):
                pass

        return Handler

    _cookies = ""
