"""Servers: petiole, or a nats-server in its place, and nats-servers as hubs."""

import json
import os
import pathlib
import signal
import socket
import urllib.request
from dataclasses import dataclass

from harness.client import Client
from harness.process import Process
from harness.wait import until

ROOT = pathlib.Path(__file__).resolve().parents[3]
PEERS = pathlib.Path(os.environ.get("PETIOLE_PEERS", ROOT / "build/peers"))
NATS_CLI = PEERS / "bin/nats"
NSC, NK = PEERS / "bin/nsc", PEERS / "bin/nk"
TOOLS = (NSC, NK)  # Their tests are skipped without them.


@dataclass(frozen=True)
class Kind:
    path: pathlib.Path
    is_petiole: bool


def server_under_test() -> Kind:
    """petiole, or what PETIOLE_SUT names: a path, or `nats-server`, which proves the tests."""
    named = os.environ.get("PETIOLE_SUT", "")
    if named == "nats-server":
        return Kind(PEERS / "bin/nats-server-newest", False)
    return Kind(pathlib.Path(named) if named else ROOT / "build/release/petiole", True)


def nats_server(version: str) -> Kind:
    """`oldest` or `newest`, as tests/peers.versions says."""
    return Kind(PEERS / f"bin/nats-server-{version}", False)


class Server(Process):
    """A server with a configuration file. Ports stay the same over restarts."""

    host = "127.0.0.1"

    def __init__(self, kind: Kind, name: str, directory: pathlib.Path, config: str, ports: dict,
                 args: list[str] | None = None, prefix: list[str] | None = None):
        directory.mkdir(parents=True, exist_ok=True)
        self.kind, self.directory, self.ports = kind, directory, ports
        self.port, self.monitor_port = ports["client"], ports["monitor"]
        self.config = directory / f"{name}.conf"
        self.config.write_text(config)
        argv = [*(prefix or []), str(kind.path), "-c", str(self.config), *(args or [])]
        super().__init__(name, argv, directory / f"{name}.log")

    @property
    def url(self) -> str:
        return f"nats://{self.host}:{self.port}"

    def start(self, ready: bool = True) -> "Server":
        super().start()
        if ready:
            self.wait_ready()
        return self

    def restart(self) -> "Server":
        self.kill()
        return self.start()

    def reload(self) -> None:
        """Has it read its configuration again; returns when it says that it has."""
        before = self.output().count("Reloaded")
        self.signal(signal.SIGHUP)
        until(lambda: self.output().count("Reloaded") > before, f"{self.name} reloads")

    def take_over(self, config: str) -> None:
        """Has it read `config` in place of what followed its listeners."""
        lines = self.config.read_text().splitlines(keepends=True)
        self.config.write_text("".join(lines[:3]) + config + "\n")
        self.reload()

    def wait_ready(self, timeout: float = 20) -> None:
        def answers() -> bool:
            assert self.running(), f"{self.name} ended: {self.output()[-3000:]}"
            with socket.create_connection((self.host, self.port), 2) as sock:
                sock.settimeout(2)
                return sock.recv(5) == b"INFO "

        until(answers, f"{self.name} serves on {self.port}", timeout)

    def client(self, **options) -> Client:
        return Client(self.host, self.port, **options)

    def monitor(self, path: str):
        """The JSON of a monitoring endpoint; text where it is none."""
        with urllib.request.urlopen(f"http://{self.host}:{self.monitor_port}{path}", timeout=5) as got:
            text = got.read().decode()
        return json.loads(text) if text.lstrip().startswith(("{", "[")) else text

    def leafs(self) -> list[dict]:
        return self.monitor("/leafz?subs=1").get("leafs") or []

    def wait_leafs(self, count: int = 1, timeout: float = 20) -> None:
        until(lambda: len(self.leafs()) == count, f"{count} leaf link(s) at {self.name}", timeout)

    def wait_interest(self, subject: str, timeout: float = 20) -> None:
        """Until a leaf link of this server asks for `subject`, in these words."""

        def listed() -> bool:
            return any(subject in (leaf.get("subscriptions_list") or []) for leaf in self.leafs())

        until(listed, f"leaf interest in {subject} at {self.name}", timeout)

    def pause(self) -> None:
        """Stops it dead, connections open: a peer that hangs."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)
