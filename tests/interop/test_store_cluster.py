"""A hub of three nodes, as a fleet has: what becomes of its nodes and leaders, from a seed, and
every message once; in order where no leader went.

PETIOLE_SEED=n runs one seed; PETIOLE_SEEDS=n that many from PETIOLE_SEED on.
"""

import os
import random
import signal
import threading
from collections import Counter

import pytest

from harness.cluster import Cluster
from harness.mischief import play_through, seeds
from harness.publisher import Publisher, number_of
from harness.servers import NATS_CLI
from harness.stream import Stream
from harness.wait import until

COUNT = 12_000  # A publisher.
STEPS = int(os.environ.get("PETIOLE_STEPS", "3"))
STORE = """
store_and_forward {
  dir: "{dir}/mirror"
  max_bytes: 512MB
  rules: [
    { subjects: ["telemetry.one.>"], durability: disk, confirm: %s }
    { subjects: ["telemetry.two.*"], durability: %s, priority: 2 }
  ]
}
"""


class Scene:
    def __init__(self, world, hub_version: str, seed: int):
        self.world = world
        self.random = random.Random(seed)
        self.told: list[str] = []
        self.replicas = self.random.choice([1, 3, 3, 3])
        self.proxied = self.random.choice([True, True, False])
        self.domain = self.random.choice(["hub", "hub", "hub", ""])  # "": no API for the edge.
        # Petiole can ask what the stream has, not what a leader without a quorum has taken: that is
        # stored when the quorum is back.
        asks = self.replicas == 1 and self.domain
        self.window = self.random.choice([0.5, 120.0]) if asks else 120.0
        self.hub = Cluster(world, hub_version, proxied=self.proxied, domain=self.domain)
        self.stream = Stream("T", ["telemetry.>"], self.window, num_replicas=self.replicas)
        self.hub.create(self.stream)
        if self.random.choice([True, False]):  # Also without a stream somebody wants it.
            self.listen()
        urls = self.hub.leaf_urls(0 if self.proxied else 1)
        self.plan = self.make_plan()
        # What waits in memory is lost with the process, and the ids of what went from there are.
        safe = self.window > 100 and not any(self.kill_edge in step for step in self.plan)
        durability = self.random.choice(["outage", "disk"]) if safe else "disk"
        self.edge = world.leaf(urls, STORE % ("auto", durability))
        self.publishers = [
            world.keep(Publisher(self.edge.host, self.edge.port, name, f"telemetry.{name}.x", COUNT))
            for name in ("one", "two")
        ]
        self.told += [
            f"R{self.replicas}", f"window {self.window}", "proxied" if self.proxied else "direct",
            f"domain {self.domain}", f"two {durability}",
        ]  # fmt: skip

    def pause(self, longest: float) -> None:
        threading.Event().wait(self.random.uniform(0, longest))

    def listen(self) -> None:
        """A plain subscriber, who finds another node when his own dies."""
        self.told.append("others listen")
        urls = ",".join(node.url for node in self.hub.nodes)
        argv = [str(NATS_CLI), "-s", urls, "sub", "telemetry.>", "--raw"]
        self.world.process("listener", argv).start()

    def some(self):
        """A node that runs."""
        roles = [self.hub.linked, lambda: self.hub.leader("T"), self.hub.meta_leader]
        return self.random.choice(roles)() or self.random.choice(self.hub.running())

    def revive(self) -> None:
        for node in self.hub.nodes:
            if not node.running():
                node.start(ready=False)
        for node in self.hub.nodes:
            node.wait_ready()

    def kill_node(self) -> None:
        node = self.some()
        self.told.append(f"of {node.name}")
        node.kill()

    def stop_node(self) -> None:
        node = self.some()
        self.told.append(f"of {node.name}")
        node.stop()

    def lame_duck(self) -> None:
        node = self.some()
        self.told.append(f"of {node.name}")
        node.signal(signal.SIGUSR2)
        self.pause(2)
        node.stop()

    def hang(self) -> None:
        node = self.some()
        self.told.append(f"of {node.name}")
        node.pause()
        self.pause(3)
        node.resume()

    def kill_two(self) -> None:
        for node in self.random.sample(self.hub.running(), min(2, len(self.hub.running()))):
            self.told.append(f"of {node.name}")
            node.kill()
        self.pause(2 * STEPS)

    def step_down(self) -> None:
        if self.hub.running():
            self.hub.step_down("T")

    def meta_hangs(self) -> None:
        """So that another leads; to ask for that takes a system account."""
        if node := self.hub.meta_leader():
            node.pause()
            self.pause(1)
            node.resume()

    def kill_edge(self) -> None:
        self.edge.kill()
        self.edge.start()

    def stop_edge(self) -> None:
        self.edge.stop()
        self.edge.start()

    def reset(self) -> None:
        for proxy in self.hub.proxies:
            proxy.reset()

    def swallow(self) -> None:
        way = self.random.choice(["up", "down"])
        for proxy in self.hub.proxies:
            proxy.set(swallow=(way,))
        self.pause(1.5)
        for proxy in self.hub.proxies:
            proxy.reset()
            proxy.set(swallow=())

    def make_plan(self) -> list[list]:
        acts = [self.kill_edge, self.kill_edge, self.stop_edge, self.reset, self.swallow]
        self.in_order = self.random.random() < 0.2  # No leader goes, and takes what is on its way along.
        if not self.in_order:
            acts += [
                self.kill_node, self.kill_node, self.stop_node, self.lame_duck, self.hang, self.kill_two,
                self.step_down, self.step_down, self.meta_hangs,
            ]  # fmt: skip
        return [self.random.sample(acts, self.random.choice([1, 2, 3])) for _ in range(STEPS)]

    def begin(self) -> None:
        """Without a domain petiole must have heard of a stream to wait for it."""
        for publisher in self.publishers:
            publisher.open_gate(10)
            publisher.wait(10, 30)
        until(lambda: self.edge.monitor("/mirrorz")["messages"] == 0, "the first are there", 30)

    def play(self) -> None:
        self.begin()
        done, all_acts = 0, sum(len(step) for step in self.plan)
        for step in self.plan:
            for act in step:
                done += 1
                for publisher in self.publishers:
                    publisher.open_gate(COUNT * done // all_acts)
                if not self.hub.running():
                    continue
                self.pause(0.2)  # In the midst of what is on its way.
                self.told.append(act.__name__)
                act()
            self.pause(1)
            if self.random.choice([True, False]) or len(self.hub.running()) < 2:
                self.told.append("revive")
                self.revive()
        self.revive()
        for publisher in self.publishers:
            publisher.wait(COUNT, 90)

    def check(self) -> None:
        self.hub.wait_leader()
        until(lambda: self.edge.monitor("/mirrorz")["messages"] == 0, "the mirror is empty", 150)
        self.hub.wait_stream("T")
        payloads = self.payloads()
        for each in self.publishers:
            check_once(payloads, each.name, self.in_order)
        losses = self.edge.monitor("/mirrorz")["losses"]
        assert not any(losses.values()), losses

    def payloads(self) -> list[bytes]:
        """A consumer may lose its leader like any stream."""

        def read() -> list[bytes]:
            try:
                with self.hub.client() as client:
                    return self.stream.payloads(client, 10)
            except AssertionError as error:
                raise ValueError(error) from error

        return until(read, "the stream is read", 60)


def check_once(payloads: list[bytes], name: str, in_order: bool = False) -> None:
    mine = [number_of(p)[1] for p in payloads if p.startswith(name.encode() + b" ")]
    lost = sorted(set(range(COUNT)) - set(mine))
    doubled = sorted(number for number, times in Counter(mine).items() if times > 1)
    assert not lost and not doubled, f"{name}: lost {spans(lost)}, doubled {spans(doubled)}"
    assert mine == sorted(mine) or not in_order, f"{name}: out of order"


def spans(numbers: list[int]) -> str:
    """1-3 7 for 1, 2, 3, 7; the first few."""
    text: list[list[int]] = []
    for number in numbers:
        if text and text[-1][1] == number - 1:
            text[-1][1] = number
        else:
            text.append([number, number])
    return " ".join(f"{a}-{b}" if a != b else str(a) for a, b in text[:9]) or "none"


@pytest.mark.petiole
@pytest.mark.parametrize("seed", seeds(83))
def test_cluster(world, hub_version, seed):
    play_through(Scene(world, hub_version, seed), seed)


@pytest.mark.petiole
def test_stream_at_another_leaf(world, hub_version):
    """The hub knows of no such stream; a rule that asks for PubAcks goes by those of the far end."""
    hub = Cluster(world, hub_version, proxied=True)
    far = world.hub(
        hub_version, "jetstream { store_dir: '{dir}/far', domain: far }\n", name="far",
        leafnodes=f"remotes: [ {{ {hub.leaf_urls().splitlines()[0]} }} ]",
    )  # fmt: skip
    until(hub.linked, "the far end is linked")
    with far.client() as client:
        stream = Stream("T", ["telemetry.>"]).create(client)
    edge = world.leaf(hub.leaf_urls(), STORE % ("puback", "disk"))
    publisher = world.keep(Publisher(edge.host, edge.port, "one", "telemetry.one.x", COUNT))

    def restart_far() -> None:
        """And waits: a nats-server whose link is reset amid its handshake does not try again."""
        far.restart()
        far.wait_leafs()

    for step, act in enumerate((
        lambda: hub.linked().restart(), restart_far, lambda: [p.reset() for p in hub.proxies], edge.restart,
    ), 1):  # fmt: skip
        publisher.open_gate(COUNT * step // 4)
        act()
    publisher.wait(COUNT, 60)
    until(lambda: edge.monitor("/mirrorz")["messages"] == 0, "the mirror is empty", 100)
    with far.client() as client:
        check_once(stream.payloads(client), "one")
