"""A hub of several nats-servers: one cluster, with JetStream, each with a port for leafs."""

import json

from harness import servers
from harness.client import Client
from harness.ports import free_port
from harness.servers import Server
from harness.stream import Stream
from harness.wait import until


class Cluster:
    """`names` say how many; all run when it is made, and have chosen who leads. `proxied`: leafs
    come by a proxy before each node."""

    def __init__(self, world, version: str, config: str = "", proxied: bool = False,
                 names: tuple[str, ...] = ("a", "b", "c"), domain: str = "hub"):
        self.world = world
        routes = {name: free_port() for name in names}
        others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes.values())
        self.nodes = [
            world.server(
                servers.nats_server(version), name,
                f"leafnodes {{ listen: 127.0.0.1:{{leaf}}, no_advertise: {str(proxied).lower()} }}\n"
                f"jetstream {{ store_dir: '{{dir}}/{name}'{f', domain: {domain}' if domain else ''} }}\n"
                f"cluster {{ name: C, listen: 127.0.0.1:{routes[name]}, routes: [{others}] }}\n"
                "lame_duck_grace_period: '1s'\n" + config,
                start=False,
            )
            for name in names
        ]  # fmt: skip
        for node in self.nodes:
            node.start(ready=False)
        for node in self.nodes:
            node.wait_ready()
        self.proxies = [world.proxy(node.ports["leaf"]) for node in self.nodes] if proxied else []
        self.wait_leader()

    def leaf_urls(self, count: int = 0) -> str:
        """What a remotes entry says to reach the first `count` nodes; 0: all."""
        ports = [each.port for each in self.proxies] or [node.ports["leaf"] for node in self.nodes]
        ports = ports[: count or None]
        urls = ", ".join(f'"nats-leaf://127.0.0.1:{port}"' for port in ports)
        return f"urls: [{urls}]\n ignore_discovered_servers: {str(bool(self.proxies)).lower()}"

    def running(self) -> list[Server]:
        return [node for node in self.nodes if node.running()]

    def node(self, name: str) -> Server:
        return next(node for node in self.nodes if node.name == name)

    def linked(self) -> Server | None:
        """The node that the leaf is on."""
        return next((node for node in self.running() if has_leafs(node)), None)

    def client(self) -> Client:
        """Of some node that runs; the caller closes it."""
        return self.running()[0].client()

    def api(self, call: str, body: dict | None = None, timeout: float = 5) -> dict:
        """One request; AssertionError when it is refused, TimeoutError when there is no answer."""
        with self.client() as client:
            payload = json.dumps(body).encode() if body else b""
            answer = json.loads(client.request(f"$JS.API.{call}", payload, timeout).payload)
        if "error" in answer:
            raise ValueError(f"{call}: {answer['error']}")
        return answer

    def create(self, stream: Stream) -> Stream:
        """Also while some node has not been heard of yet."""

        def made() -> bool:
            with self.client() as client:
                try:
                    stream.create(client)
                except AssertionError as error:
                    raise ValueError(error) from error
            return True

        until(made, f"stream {stream.name} is made", 30, every=0.2)
        return stream

    def leader(self, stream: str) -> Server | None:
        """The node that leads the stream now."""
        try:
            name = self.api(f"STREAM.INFO.{stream}", timeout=2).get("cluster", {}).get("leader")
        except (OSError, EOFError, ValueError):
            return None
        return self.node(name) if name else None

    def meta_leader(self) -> Server | None:
        for node in self.running():
            try:
                name = node.monitor("/jsz").get("meta_cluster", {}).get("leader")
            except (OSError, ValueError):
                continue
            if name:
                return self.node(name)
        return None

    def step_down(self, stream: str) -> None:
        """Has another node lead it, if somebody can be asked."""
        try:
            self.api(f"STREAM.LEADER.STEPDOWN.{stream}", timeout=2)
        except (OSError, EOFError, ValueError):
            pass

    def wait_leader(self, timeout: float = 30) -> None:
        until(lambda: self.api("INFO", timeout=1), "the cluster has chosen who leads", timeout, every=0.1)
        until(self.meta_leader, "the cluster tells who leads", timeout, every=0.1)

    def wait_stream(self, name: str, timeout: float = 60) -> None:
        """Until it has a leader, and all others have what that one has."""

        def settled() -> bool:
            cluster = self.api(f"STREAM.INFO.{name}", timeout=2)["cluster"]
            replicas = cluster.get("replicas") or []
            return bool(cluster.get("leader")) and all(r.get("current") for r in replicas)

        until(settled, f"stream {name} is whole again", timeout, every=0.1)


def has_leafs(node: Server) -> bool:
    """It runs, and some are linked."""
    try:
        return bool(node.leafs())
    except (OSError, ValueError):
        return False
