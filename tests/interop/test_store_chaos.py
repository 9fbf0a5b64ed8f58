"""More than mischief at a time: five publishers, four rules, four streams, a petiole behind, large messages,
others on our subjects, clients that come and go. From a seed, as test_store_mischief."""

import signal
import threading

import pytest

from harness.client import publication
from harness.mischief import Mischief, play_through, seeds
from harness.publisher import Publisher, check_all_once_in_order
from harness.stream import Stream
from harness.wait import until
from harness.world import remote

COUNT = 4_000  # A publisher.
UNWANTED = 200  # Of the one whose subject no stream takes until the end.
STEPS = 12
HUB = "jetstream { store_dir: '{dir}/hub', domain: hub }\nlame_duck_grace_period: '1s'\n"
STORE = """
store_and_forward {
  dir: "{dir}/mirror"
  max_bytes: 512MB
  rules: [
    { subjects: ["telemetry.one.>", "nobody.>"], durability: disk }
    { subjects: ["telemetry.two.*"], durability: disk, priority: 2 }
    { subjects: ["odd.>"], durability: disk, priority: 1 }
    { subjects: ["back.>"], durability: disk, priority: 1 }
  ]
}
"""
BEHIND = 'store_and_forward { dir: "{dir}/behind", rules: [ { subjects: ["back.>"] } ] }'
OTHER = b"other "  # What others publish on our subjects begins so.


class Sized(Publisher):
    """Its messages are of several sizes, each always of the same one."""

    def __init__(self, server, name: str, subject: str, count: int, sizes: tuple):
        self.sizes = sizes
        super().__init__(server.host, server.port, name, subject, count)

    def message(self, number: int) -> bytes:
        size = self.sizes[number * 7919 % 31 % len(self.sizes)]
        payload = f"{self.name} {number} ".encode().ljust(size, b".")
        headers = {"Nats-Msg-Id": f"{self.name}-{number}"}
        if number % 3 == 0:
            headers["X-Some"] = "v" * (number % 300)
        return publication(self.subject, payload, headers=headers)


class Scene(Mischief):
    def __init__(self, world, hub_version: str, seed: int):
        super().__init__(world, seed)
        self.hub = world.hub(hub_version, HUB)
        with self.hub.client() as client:
            self.telemetry = self.stream("T", "telemetry.>").create(client)
            self.odd = self.stream("O", "odd.>").create(client)
            self.back = self.stream("B", "back.*").create(client)
            for i in range(self.random.choice([0, 0, 30])):
                Stream(f"X{i}", [f"extra.{i}.>"]).create(client)
        self.proxy = world.proxy(self.hub.ports["leaf"])
        self.edge = world.leaf(remote(self.hub, self.proxy), STORE, link="listen: 127.0.0.1:{leaf}")
        self.behind = self.start_behind() if self.random.random() < 0.5 else None
        self.publishers = self.start_publishers()
        self.over = threading.Event()
        self.company = [
            self.accompany(work)
            for work, share in ((self.come_and_go, 0.6), (self.publish_beside, 0.5))
            if self.random.random() < share
        ]

    def stream(self, name: str, subject: str) -> Stream:
        return Stream(name, [subject], self.random.choice([0.2, 1.0, 120.0]))

    def start_behind(self):
        url = f'url: "nats-leaf://127.0.0.1:{self.edge.ports["leaf"]}"'
        return self.world.leaf(url, BEHIND, name="behind")

    def start_publishers(self) -> list[Sized]:
        sizes = (16, 100, 5000, 60_000) if self.random.random() < 0.3 else (16, 128, 1000)
        plan = (
            (self.edge, "one", "telemetry.one.x", COUNT), (self.edge, "two", "telemetry.two.x", COUNT),
            (self.edge, "three", "odd.x.y", COUNT), (self.edge, "four", "nobody.x", UNWANTED),
            (self.behind or self.edge, "five", "back.x", COUNT),
        )  # fmt: skip
        return [self.world.keep(Sized(*each, sizes)) for each in plan]

    def accompany(self, work) -> threading.Thread:
        """Clients of the hub, until it is over; they come back where it dies."""

        def run() -> None:
            while not self.over.is_set():
                try:
                    with self.hub.client() as client:
                        work(client)
                except (OSError, EOFError, AssertionError):
                    self.over.wait(0.1)

        self.told.append(work.__name__)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def come_and_go(self, client) -> None:
        turn = 0
        while not self.over.wait(0.02):
            turn += 1
            sid = client.subscribe("telemetry.>" if turn % 7 == 0 else f"_INBOX.{turn}")
            client.flush()
            client.unsubscribe(sid)

    def publish_beside(self, client) -> None:
        while not self.over.wait(0.01):
            for subject in ("telemetry.one.x", "odd.x.y", "back.x"):
                client.publish(subject, OTHER)
            client.flush()

    def edit_stream(self) -> None:
        with self.hub.client() as client:
            self.telemetry.update(client, subjects=["telemetry.>", f"more.{self.random.randint(0, 9)}"])

    def hang_edge(self) -> None:
        self.edge.pause()
        self.pause(2)
        self.edge.resume()

    def hang_hub_for_long(self) -> None:
        """The link is given up meanwhile."""
        self.hub.pause()
        self.pause(18)
        self.hub.resume()

    def kill_both(self) -> None:
        self.hub.kill()
        self.kill_edge()
        self.pause(1)
        self.hub.start()

    def kill_behind(self) -> None:
        if self.behind:
            self.behind.kill()
            self.behind.start()

    def stop_behind(self) -> None:
        if self.behind:
            self.behind.signal(signal.SIGTERM)
            self.behind.wait(20)
            self.behind.start()

    def play(self) -> None:
        acts = [
            self.kill_edge, self.kill_edge, self.stop_edge, self.kill_hub, self.lame_duck, self.hang_hub,
            self.reset, self.cut, self.cut_in_frame, self.cut_in_frame, self.swallow, self.stall, self.slow,
            self.edit_stream, self.hang_edge, self.hang_hub_for_long, self.kill_both, self.kill_behind,
            self.kill_behind, self.stop_behind,
        ]  # fmt: skip
        for step in range(1, STEPS + 1):
            for publisher in self.publishers:
                publisher.open_gate(publisher.count * step // STEPS)
            self.do(acts)
        self.proxy.set(latency=0, bandwidth=0)
        for publisher in self.publishers:
            publisher.wait(publisher.count, 90)

    def waiting(self, server) -> int:
        return server.monitor("/mirrorz")["messages"]

    def end(self) -> None:
        self.over.set()
        for thread in self.company:
            thread.join(20)

    def check(self) -> None:
        until(lambda: self.waiting(self.edge) <= UNWANTED, "what nobody wants alone is left", 150, every=0.2)
        if self.behind:
            until(lambda: self.waiting(self.behind) == 0, "the one behind is empty", 60)
        client = self.world.client(self.hub)
        nobody = Stream("N", ["nobody.>"]).create(client)
        until(lambda: self.waiting(self.edge) == 0, "the mirror is empty", 60)
        self.end()
        one, two, three, four, five = self.publishers
        for stream, publishers in (
            (self.telemetry, (one, two)), (self.odd, (three,)), (nobody, (four,)), (self.back, (five,)),
        ):  # fmt: skip
            ours = [p for p in stream.payloads(client) if not p.startswith(OTHER)]
            for each in publishers:  # Two rules: in order each.
                mine = [p for p in ours if p.startswith(each.name.encode() + b" ")]
                check_all_once_in_order(mine, {each.name: each.count})
            assert len(ours) == sum(each.count for each in publishers)
        losses = self.edge.monitor("/mirrorz")["losses"]
        assert not any(losses.values()), losses


@pytest.mark.petiole
@pytest.mark.parametrize("seed", seeds())
def test_chaos(world, hub_version, seed):
    scene = Scene(world, hub_version, seed)
    try:
        play_through(scene, seed)
    finally:
        scene.end()
