"""Mischief in random order, from a seed: real hub, real kills, and every message once and in order.

PETIOLE_SEED=n runs one seed; PETIOLE_SEEDS=n that many from PETIOLE_SEED (or 1) on.
"""

import signal

import pytest

from harness.mischief import Mischief, play_through, seeds
from harness.publisher import Publisher, check_all_once_in_order, number_of
from harness.stream import Stream
from harness.wait import until
from harness.world import remote

COUNT = 10_000  # A publisher.
STEPS = 12
HUB = "jetstream { store_dir: '{dir}/hub', domain: hub }\nlame_duck_grace_period: '1s'\n"
STORE = """
ping_interval: {ping}
store_and_forward {{
  dir: "{{dir}}/mirror"
  max_bytes: 512MB
  rules: [
    {{ subjects: ["telemetry.one.>"], durability: disk }}
    {{ subjects: ["telemetry.two.*"], durability: disk, priority: 2 }}
  ]
}}
"""


class Scene(Mischief):
    def __init__(self, world, hub_version: str, seed: int):
        super().__init__(world, seed)
        self.window = self.random.choice([0.2, 1.0, 120.0])  # Of the stream, for duplicates.
        self.hub = world.hub(hub_version, HUB)
        with self.hub.client() as client:
            self.stream = Stream("T", ["telemetry.>"], self.window).create(client)
        self.proxy = world.proxy(self.hub.ports["leaf"])
        self.edge = world.leaf(remote(self.hub, self.proxy), STORE.format(ping=30))
        self.publishers = [
            world.keep(Publisher(self.edge.host, self.edge.port, name, f"telemetry.{name}.x", COUNT))
            for name in ("one", "two")
        ]

    def reload(self) -> None:
        text = STORE.format(ping=self.random.randint(20, 60))
        written = self.edge.config.read_text()
        head = written[: written.index("ping_interval:")]
        self.edge.config.write_text(head + text.replace("{dir}", str(self.edge.directory)))
        self.edge.signal(signal.SIGHUP)

    def full_stream(self) -> None:
        """The hub refuses, and then takes again. A limit below what it holds would remove some: nothing comes
        while one is set. Of messages: close to a limit of bytes 2.9.10 takes new ones and removes old ones."""
        with self.hub.client() as client:
            self.proxy.set(stalled=True)
            some_more = self.settled_count(client) + 1000
            self.stream.update(client, max_msgs=some_more, discard="new")
            self.proxy.set(stalled=False)
            self.pause(1)
            self.stream.update(client, max_msgs=-1, discard="new")
            self.stream.update(client, max_msgs=-1, discard="old")

    def settled_count(self, client) -> int:
        seen = -1

        def same_again() -> bool:
            nonlocal seen
            before, seen = seen, self.stream.count(client)
            return seen == before

        until(same_again, "what was on the way is stored", every=0.1)
        return seen

    def play(self) -> None:
        acts = [
            self.kill_edge, self.kill_edge, self.stop_edge, self.kill_hub, self.lame_duck, self.hang_hub,
            self.reload, self.reset, self.cut, self.cut_in_frame, self.swallow, self.stall, self.slow,
            self.full_stream,
        ]  # fmt: skip
        for step in range(1, STEPS + 1):
            for publisher in self.publishers:
                publisher.open_gate(COUNT * step // STEPS)
            self.do(acts)
        self.proxy.set(latency=0, bandwidth=0)
        for publisher in self.publishers:
            publisher.wait(COUNT, 90)

    def check(self) -> None:
        client = self.world.client(self.hub)
        wanted = len(self.publishers) * COUNT
        until(lambda: self.stream.count(client) >= wanted, "the stream holds all", 150, every=0.1)
        until(lambda: self.edge.monitor("/mirrorz")["messages"] == 0, "the mirror is empty", 60)
        payloads = self.stream.payloads(client)
        for each in self.publishers:  # Two rules: in order each.
            mine = [p for p in payloads if p.startswith(each.name.encode() + b" ")]
            if "full_stream" in self.told:  # What is refused comes behind what was in flight.
                mine.sort(key=number_of)
            check_all_once_in_order(mine, {each.name: COUNT})
        assert len(payloads) == wanted
        losses = self.edge.monitor("/mirrorz")["losses"]
        assert not any(losses.values()), losses


@pytest.mark.petiole
@pytest.mark.parametrize("seed", seeds())
def test_mischief(world, hub_version, seed):
    play_through(Scene(world, hub_version, seed), seed)
