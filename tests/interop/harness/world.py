"""All that one test starts: servers, proxies, clients. close() ends it in reverse order."""

import pathlib

from harness import servers
from harness.client import Client
from harness.ports import free_port
from harness.process import Process
from harness.proxy import Proxy
from harness.servers import Kind, Server

_LOG_BYTES_SHOWN = 6000


class World:
    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self._open: list = []
        self._processes: list[Process] = []

    def close(self) -> None:
        for thing in reversed(self._open):
            thing.close() if hasattr(thing, "close") else thing.kill()
        self._open.clear()

    def logs(self) -> list[tuple[str, str]]:
        return [(f"log of {p.name}", p.output()[-_LOG_BYTES_SHOWN:]) for p in self._processes]

    def keep(self, thing):
        """Has `thing` closed, or killed, at the end of the test."""
        self._open.append(thing)
        return thing

    def process(self, name: str, argv: list[str], env: dict | None = None) -> Process:
        made = Process(name, argv, self.directory / f"{name}.log", env)
        self._processes.append(made)
        return self.keep(made)

    def server(self, kind: Kind, name: str, config: str = "", start: bool = True,
               args: list[str] | None = None, host: str = "127.0.0.1", prefix=None) -> Server:
        """`config` follows the lines that say where it listens; {leaf}, {websocket} in it become
        ports, {dir} the server's own folder."""
        ports = {use: free_port() for use in ("client", "monitor", "leaf", "websocket")}
        head = (
            f"server_name: {name}\nlisten: {host}:{ports['client']}\n"
            f"http: {host}:{ports['monitor']}\n"
        )
        for use in ("leaf", "websocket"):
            config = config.replace("{" + use + "}", str(ports[use]))
        config = config.replace("{dir}", str(self.directory))
        made = Server(kind, name, self.directory, head + config + "\n", ports, args, prefix)
        made.host = host
        self._processes.append(made)
        self.keep(made)
        return made.start() if start else made

    def hub(self, version: str = "newest", config: str = "", leafnodes: str = "", name: str = "hub",
            start: bool = True, **more) -> Server:
        """A nats-server that accepts leafs."""
        host = more.get("host", "127.0.0.1")
        leaf = f"leafnodes {{\n listen: {host}:{{leaf}}\n {leafnodes}\n}}\n"
        return self.server(servers.nats_server(version), name, leaf + config, start, **more)

    def leaf(self, remotes: str, config: str = "", name: str = "edge", start: bool = True,
             link: str = "", **more) -> Server:
        """The server under test, with these remotes: "url: …" of one, or "{…}, {…}" of several.
        `link` holds further options of the leafnodes block."""
        text = remotes if remotes.lstrip().startswith("{") else f"{{ {remotes} }}"
        leafnodes = f"leafnodes {{ remotes: [ {text} ]\n {link} }}\n"
        return self.server(servers.server_under_test(), name, leafnodes + config, start, **more)

    def alone(self, config: str = "", name: str = "edge", start: bool = True, **more) -> Server:
        """The server under test, without a hub."""
        return self.server(servers.server_under_test(), name, config, start, **more)

    def proxy(self, port: int, host: str = "127.0.0.1") -> Proxy:
        return self.keep(Proxy((host, port), free_port()))

    def client(self, server: Server, **options) -> Client:
        return self.keep(server.client(**options))


def remote(server: Server, proxy: Proxy | None = None, more: str = "", user: str = "",
           scheme: str = "nats-leaf") -> str:
    """The text of a remotes entry that leads to `server`, through `proxy` if given: then always
    through it, for a nats-server would learn the way around it from the hub."""
    if proxy:
        more += "\n ignore_discovered_servers: true"
    port = proxy.port if proxy else server.ports["leaf"]
    return f'url: "{scheme}://{user + "@" if user else ""}127.0.0.1:{port}"\n {more}'
