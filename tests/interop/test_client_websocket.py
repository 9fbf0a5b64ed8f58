"""WebSocket for clients: the official JavaScript client in Node and in a real browser; what an
upgrade request may say; close frames."""

import base64
import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess

import pytest

from harness import servers
from harness.browser import CLIENTS, PACKAGES, Browser, need_packages
from harness.certificates import Authority
from harness.wait import until

PLAIN = "websocket {{ listen: 127.0.0.1:{{websocket}}, no_tls: true\n {} }}"


def serve(world, more: str = "", config: str = "", **options):
    return world.alone(PLAIN.format(more) + "\n" + config, **options)


def node(world, mode: str, url: str, options: dict | None = None, env: dict | None = None) -> str:
    need_packages()
    # Node resolves packages of a module from where it lies.
    home = world.directory / "node"
    home.mkdir(exist_ok=True)
    for name in ("websocket_client.mjs", "websocket_node.mjs"):
        shutil.copy(CLIENTS / name, home / name)
    link = home / "node_modules"
    if not link.exists():
        link.symlink_to(PACKAGES)
    binary = shutil.which("node") or str(servers.PEERS / "venv/bin/node")
    process = world.process(
        f"node-{mode}",
        [binary, "--experimental-websocket", "--no-warnings", str(home / "websocket_node.mjs"), mode,
         url, json.dumps(options or {})],
        env,
    )  # fmt: skip
    process.start()
    status = process.wait(60)
    assert status == 0, process.output()[-3000:]
    return process.output()


def closed(server) -> list[dict]:
    """The WebSocket connections that have ended."""
    known = server.monitor("/connz?state=closed")["connections"]
    return [each for each in known if each.get("type") == "websocket"]


def url(server, scheme: str = "ws", host: str = "127.0.0.1") -> str:
    return f"{scheme}://{host}:{server.ports['websocket']}"


@pytest.mark.parametrize("compression", ["false", "true"])
def test_node(world, compression):
    server = serve(world, f"compression: {compression}")
    said = node(world, "basic", url(server))
    assert said.count("ok ") == 5
    known = closed(server)
    assert len(known) == 1 and known[0]["lang"] == "nats.ws"
    assert known[0]["reason"] == "Client Closed"


def test_node_over_tls(world, tmp_path):
    authority = Authority(tmp_path)
    server = world.alone(f"websocket {{ listen: 127.0.0.1:{{websocket}}\n {authority.server_tls()} }}")
    node(world, "basic", url(server, "wss", "localhost"),
         env={"NODE_EXTRA_CA_CERTS": str(authority.cert)})  # fmt: skip
    assert closed(server)[0]["tls_version"] in ("1.2", "1.3")


def test_beside_plain_clients(world):
    """What comes in by one door goes out by the other."""
    server = serve(world)
    client = world.client(server)
    client.subscribe("a.b")
    client.flush()
    node(world, "basic", url(server))
    assert client.next().payload == b"hello"


@pytest.mark.parametrize("compression", ["false", "true"])
def test_browser(world, compression):
    server = serve(world, f"compression: {compression}")
    browser = world.keep(Browser(world))
    said = browser.run("basic", {"servers": url(server)})
    assert said.startswith("passed") and said.count("ok ") == 5, said


def test_browser_over_tls(world, tmp_path):
    """Chromium trusts the one key that it is told of; another server's certificate it refuses."""
    authority = Authority(tmp_path)
    server, other = (
        world.alone(f"websocket {{ listen: 127.0.0.1:{{websocket}}, compression: true\n {authority.server_tls(name)} }}", name)
        for name in ("localhost", "other")
    )  # fmt: skip
    trust = f"--ignore-certificate-errors-spki-list={key_digest(tmp_path / 'ca-localhost.pem')}"
    browser = world.keep(Browser(world))
    said = browser.run("basic", {"servers": url(server, "wss", "localhost")}, (trust,))
    assert said.startswith("passed") and said.count("ok ") == 5, said
    assert closed(server)[0]["tls_version"] == "1.3"
    assert not browser.run("basic", {"servers": url(other, "wss", "localhost")}, (trust,)).startswith("passed")


def key_digest(certificate) -> str:
    """SHA-256 of the public key, in base64."""
    public = subprocess.run(["openssl", "x509", "-in", str(certificate), "-pubkey", "-noout"],
                            check=True, capture_output=True).stdout  # fmt: skip
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True,
                         capture_output=True).stdout  # fmt: skip
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def test_browser_of_an_allowed_origin(world):
    browser = world.keep(Browser(world))
    server = serve(world, f"allowed_origins: [\"{browser.origin}\"]")
    said = browser.run("basic", {"servers": url(server)})
    assert said.startswith("passed"), said


def test_browser_of_another_origin_is_refused(world):
    browser = world.keep(Browser(world))
    server = serve(world, 'allowed_origins: ["https://app.example"]')
    said = browser.run("refused", {"servers": url(server)})
    assert said.startswith("passed"), said
    assert closed(server) == []


def test_browser_with_a_cookie_for_a_password(world):
    """Cookies do not know ports: a page of this machine has those of the server."""
    users = "authorization { users: [ { user: ann, password: s3cret } ] }"
    server = serve(world, "user_cookie: who, pass_cookie: how", users)
    browser = world.keep(Browser(world))
    options = {"servers": url(server), "user": "ann"}
    assert browser.run("refused", options).startswith("passed")
    said = browser.run("basic", options, cookies="how=s3cret; Path=/")
    assert said.startswith("passed"), said


class Raw:
    """A WebSocket by hand."""

    def __init__(self, server, headers: tuple = (), path: str = "/", upgrade: bool = True):
        self.sock = socket.create_connection((server.host, server.ports["websocket"]), 10)
        self.sock.settimeout(10)
        lines = [f"GET {path} HTTP/1.1", f"Host: {server.host}:{server.ports['websocket']}"]
        if upgrade:
            key = base64.b64encode(os.urandom(16)).decode()
            lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                      f"Sec-WebSocket-Key: {key}"]  # fmt: skip
        self.sock.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
        self.head, self.data = b"", b""
        while b"\r\n\r\n" not in self.head:
            self.head += self._more()
        self.head, _, self.data = self.head.partition(b"\r\n\r\n")

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    def _more(self) -> bytes:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        return data

    def send(self, payload: bytes, opcode: int = 2) -> None:
        head = bytes([0x80 | opcode])
        size = len(payload)
        head += bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        self.sock.sendall(head + bytes(4) + payload)

    def frame(self) -> tuple[int, bytes]:
        while True:
            if len(self.data) > 1:
                size, start = self.data[1] & 127, 2
                if size == 126:
                    size, start = struct.unpack(">H", self.data[2:4])[0], 4
                if len(self.data) >= start + size:
                    opcode, payload = self.data[0] & 15, self.data[start : start + size]
                    self.data = self.data[start + size :]
                    return opcode, payload
            self.data += self._more()

    def closing(self) -> tuple[int, str]:
        """Code and reason of the close frame."""
        while True:
            opcode, payload = self.frame()
            if opcode == 8:
                return struct.unpack(">H", payload[:2])[0], payload[2:].decode()


def info(raw: Raw) -> dict:
    return json.loads(raw.frame()[1].split(b"INFO ")[1].split(b"\r\n")[0])


def test_upgrade(world):
    server = serve(world, "headers { X-Box: seven }", "client_advertise: 'a:1'")
    raw = Raw(server, ("X-Forwarded-For: 192.0.2.9",))
    assert raw.status == 101 and b"X-Box: seven" in raw.head
    said = info(raw)
    assert said["port"] == server.ports["websocket"] and said["client_ip"] == "127.0.0.1"
    assert "ws_connect_urls" not in said and not said.get("tls_required")
    assert server.monitor("/connz")["connections"][0]["ip"] == "127.0.0.1"  # Nobody may lie here.


@pytest.mark.parametrize(
    "more,headers,upgrade,status",
    [
        ("", (), False, 400),
        ("same_origin: true", ("Origin: http://evil.example",), True, 403),
        ("same_origin: true", (), True, 101),
        ("allowed_origins: ['http://a.example']", ("Origin: http://A.example:80",), True, 101),
        ("allowed_origins: ['http://a.example']", ("Origin: https://a.example",), True, 403),
    ],
)
def test_upgrade_verdicts(world, more, headers, upgrade, status):
    server = serve(world, more)
    raw = Raw(server, headers, upgrade=upgrade)
    assert raw.status == status
    if status != 101:
        assert b"Sec-Websocket-Version: 13".lower() in raw.head.lower()


@pytest.mark.petiole  # The reference's frame is overtaken by the end of the stream at times.
def test_close_frames(world):
    server = serve(
        world, "", "max_payload: 100\nmax_control_line: 1024\nauthorization { user: ann, password: s3cret }"
    )
    hello = b'CONNECT {"user":"ann","pass":"s3cret"}\r\n'
    for sent, code, reason in (
        (b"CONNECT {}\r\nPING\r\n", 1008, "Authentication Failure"),
        (hello + b"PUB a 101\r\n", 1009, "Maximum Message Payload Exceeded"),
        (hello + b"NONSENSE\r\n", 1002, "Protocol Violation"),
        (hello + b"SUB " + b"x" * 1100 + b" 1\r\n", 1008, "Maximum Control Line Exceeded"),
    ):
        raw = Raw(server)
        raw.send(sent)
        assert raw.closing() == (code, reason), sent
    raw = Raw(server)
    raw.send(hello + b"PING\r\n")
    while b"PONG" not in raw.frame()[1]:
        pass
    server.signal(15)
    assert raw.closing() == (1001, "Server Shutdown")


def test_own_login(world):
    """authorization and no_auth_user of the block are for those who come by WebSocket."""
    server = serve(world, "authorization { token: t0ken }")
    world.client(server).flush()
    raw = Raw(server)
    assert info(raw)["auth_required"]
    raw.send(b'CONNECT {"auth_token":"t0ken"}\r\nPING\r\n')
    assert b"PONG" in raw.frame()[1]
    wrong = Raw(server)
    wrong.send(b"CONNECT {}\r\n")
    assert wrong.closing()[0] == 1008

    users = "authorization { users: [ { user: ann, password: x }, { user: bob, password: x } ] }"
    other = serve(world, "no_auth_user: bob", users, name="other")
    raw = Raw(other)
    raw.send(b"CONNECT {}\r\nPING\r\n")
    while b"PONG" not in raw.frame()[1]:
        pass
    assert other.monitor("/connz?auth=1")["connections"][0]["authorized_user"] == "bob"


@pytest.mark.petiole  # The reference waits for ever without a handshake_timeout.
def test_slow_drips_and_endless_requests(world):
    server = serve(world, "handshake_timeout: 1s")
    quiet = socket.create_connection((server.host, server.ports["websocket"]), 10)
    drip = socket.create_connection((server.host, server.ports["websocket"]), 10)
    drip.settimeout(0.1)

    def cut() -> bool:
        try:
            drip.sendall(b"G")
            return drip.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    until(cut, "a drip of bytes is cut off", 5)
    quiet.settimeout(5)
    assert quiet.recv(1) == b""
    long = socket.create_connection((server.host, server.ports["websocket"]), 10)
    long.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 20000)
    assert b" 431 " in long.recv(4096)


def test_varz(world):
    server = serve(world, "compression: true, same_origin: true, handshake_timeout: 3s")
    said = server.monitor("/varz")["websocket"]
    assert said["host"] == "127.0.0.1" and said["port"] == server.ports["websocket"]
    assert said["no_tls"] and said["compression"] and said["same_origin"]
    assert said["handshake_timeout"] == 3_000_000_000
