"""The servers of a benchmark: petiole and the reference with the same configuration."""

import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from harness.certificates import Authority
from harness.servers import Kind, Server
from harness.ports import free_port


# The `ready` of the load generator crosses, too.
ACCOUNTS = """
accounts {
  E { users: [ {user: exporter, password: exporter} ], exports: [ {stream: "load.>"}, {stream: ready} ] }
  I { users: [ {user: importer, password: importer} ]
    imports: [ {stream: {account: E, subject: "load.>"}}, {stream: {account: E, subject: ready}} ] }
}
"""

# Ten subjects to look through; what is allowed comes last, and something is denied.
PERMISSIONS = """
authorization {
  users: [
    { user: exporter, password: exporter, permissions: {
        publish: { allow: [ OTHERS, "load.>", ready ], deny: [ "load.secret.>" ] } } }
    { user: importer, password: importer, permissions: {
        subscribe: { allow: [ OTHERS, "load.>", ready ], deny: [ "load.secret.>" ] } } }
  ]
}
""".replace("OTHERS", ", ".join(f'"plant.*.line{i}.>"' for i in range(8)))


class Bench:
    def __init__(self, directory: pathlib.Path, petiole: str, reference: str, leaf_petiole: str):
        self.directory = directory
        self.kinds = {"petiole": Kind(pathlib.Path(petiole), True),
                      "nats-server": Kind(pathlib.Path(reference), False)}  # fmt: skip
        self.leaf_petiole = pathlib.Path(leaf_petiole)
        self.failures = 0
        self._pairs: dict[str, dict] = {}
        self._hub: Server | None = None
        self._authority: Authority | None = None
        self._servers: list[Server] = []

    def close(self) -> None:
        for server in reversed(self._servers):
            server.kill()

    def versions(self) -> str:
        texts = [
            subprocess.run([str(kind.path), flag], capture_output=True, text=True, check=False).stdout.strip()
            for kind, flag in ((self.kinds["petiole"], "--version"), (self.kinds["nats-server"], "-v"))
        ]
        return " beside ".join(texts)

    def server(self, kind: Kind, name: str, config: str = "", start: bool = True) -> Server:
        ports = {use: free_port() for use in ("client", "monitor", "leaf", "tls", "websocket")}
        head = f"server_name: {name}\nlisten: 127.0.0.1:{ports['client']}\nhttp: 127.0.0.1:{ports['monitor']}\n"
        for use, port in ports.items():
            config = config.replace("{" + use + "}", str(port))
        made = Server(kind, name, self.directory, head + config.replace("{dir}", str(self.directory)), ports)
        self._servers.append(made)
        return made.start() if start else made

    def pair(self, link: str) -> dict[str, tuple[Server, int]]:
        """For each name: the server under load, and the port of the subscribers."""
        if link not in self._pairs:
            for old in self._pairs.values():  # Idle servers cost a little; these cost nothing.
                for server, _ in old.values():
                    server.stop()
            one = self._one_server_config(link)
            self._pairs = {link: self._link_pair(link) if one is None else self._plain_pair(link, one)}
        return self._pairs[link]

    def _one_server_config(self, link: str) -> str | None:
        """None: it takes a leaf and a hub."""
        return {
            "": lambda: "",
            "accounts": lambda: ACCOUNTS,
            "permissions": lambda: PERMISSIONS,
            "client-tls": lambda: self.authority().server_tls(),
            "client-ws": lambda: "websocket { listen: 127.0.0.1:{websocket}, no_tls: true }",
        }.get(link, lambda: None)()

    def _plain_pair(self, link: str, config: str) -> dict[str, tuple[Server, int]]:
        made = {}
        for name, kind in self.kinds.items():
            server = self.server(kind, name, config)
            made[name] = (server, server.ports["websocket"] if link == "client-ws" else server.port)
        return made

    def _link_pair(self, link: str) -> dict[str, tuple[Server, int]]:
        """Each leaf has a hub of its own: a message must not go to the other one, too."""
        made = {}
        for name, kind in self.kinds.items():
            hub = self.server(self.kinds["nats-server"], f"hub-{name}-{link}", self._hub_config(link))
            port = hub.ports["websocket" if link == "ws" else "leaf"]
            scheme = {"tls": "tls", "ws": "ws"}.get(link, "nats-leaf")
            more = {"tls": lambda: f'tls {{ ca_file: "{self.authority().cert}" }}',
                    "s2": lambda: "compression: s2_fast"}.get(link, str)()  # fmt: skip
            config = f'leafnodes {{ remotes: [ {{ url: "{scheme}://127.0.0.1:{port}"\n {more} }} ] }}'
            server = self.server(kind, f"{name}-{link}", config)
            hub.wait_leafs()
            made[name] = (server, hub.port)
        return made

    def _hub_config(self, link: str) -> str:
        tls = self.authority().server_tls() if link == "tls" else ""
        websocket = "websocket { listen: 127.0.0.1:{websocket}, no_tls: true }\n" if link == "ws" else ""
        compression = "s2_fast" if link == "s2" else "off"
        return f"{websocket}leafnodes {{ listen: 127.0.0.1:{{leaf}}\n compression: {compression}\n {tls} }}\n"

    def authority(self) -> Authority:
        if self._authority is None:
            self._authority = Authority(self.directory)
        return self._authority

    def start_to_pong(self, kind: Kind, name: str) -> float:
        """Seconds from the start of the process to its first PONG.

        Python's subprocess with a function to run before exec() copies this process first, which
        takes as long as a server's start: posix_spawn does not.
        """
        server = self.server(kind, name, start=False)
        quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
        begin = time.monotonic()
        pid = os.posix_spawn(server.argv[0], server.argv, os.environ, file_actions=quiet)
        try:
            sock = self._connect(server)
            sock.sendall(b"CONNECT {}\r\nPING\r\n")
            got = b""
            while b"PONG" not in got:
                data = sock.recv(4096)
                assert data, f"{name} closed"
                got += data
            took = time.monotonic() - begin
            sock.close()
            return took
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    @staticmethod
    def _connect(server: Server) -> socket.socket:
        pause, end = threading.Event(), time.monotonic() + 20
        while True:
            sock = socket.socket()
            if sock.connect_ex((server.host, server.port)) == 0:
                return sock
            sock.close()
            assert time.monotonic() < end, f"{server.name} does not listen"
            pause.wait(0.0005)
