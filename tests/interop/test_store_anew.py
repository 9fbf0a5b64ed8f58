"""What the mirror notes of a stream that is deleted and made anew, or put back from a copy, and of one that
stays."""

import shutil
import signal
import threading

import pytest

from harness.stream import Stream
from harness.wait import until
from harness.world import remote

pytestmark = pytest.mark.petiole

STORE = """
store_and_forward {
  dir: "{dir}/mirror"
  max_bytes: 64MB
  rules: [ { subjects: ["telemetry.>"], durability: disk } ]
}
"""
WINDOW = 0.1
OTHERS = 3000  # More than are looked at one by one.


class Scene:
    def __init__(self, world, version: str):
        self.hub = world.hub(version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
        self.proxy = world.proxy(self.hub.ports["leaf"])
        self.edge = world.leaf(remote(self.hub, self.proxy), STORE)
        self.hub.wait_leafs()
        self.stream = Stream("S", ["telemetry.>"], WINDOW)
        self.world = world
        self.client = world.client(self.hub)
        self.stream.create(self.client)
        # The hub removes a directory without streams when it comes to it, under one that is made anew.
        Stream("KEEP", ["keep"]).create(self.client)
        self.publisher = world.client(self.edge)

    def restart_hub(self, meanwhile=lambda: None) -> None:
        self.hub.stop()
        meanwhile()
        self.hub.start()
        self.hub.wait_leafs()
        self.client = self.world.client(self.hub)
        self.hub_is_known()

    def restart_edge(self) -> None:
        self.edge.signal(signal.SIGTERM)
        self.edge.wait(20)
        self.edge.start()
        self.hub.wait_leafs()
        self.publisher = self.world.client(self.edge)
        self.hub_is_known()

    def hub_is_known(self) -> None:
        known = "exactly once where a stream"
        until(lambda: self.edge.monitor("/mirrorz")["guarantee"].startswith(known), "it tells", 20)

    def backlog(self) -> int:
        return self.edge.monitor("/mirrorz")["messages"]

    def settled(self) -> None:
        until(lambda: self.backlog() == 0, "all is settled", 40)

    def send(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            self.publisher.publish("telemetry.x", b"%d" % number)
        self.publisher.flush()

    def others(self, count: int) -> None:
        for _ in range(count):
            self.client.publish("telemetry.x", b"other")
        self.client.flush()

    def anew(self) -> None:
        self.publisher.subscribe("behind")
        self.publisher.flush()
        self.client.request("$JS.API.STREAM.DELETE.S")
        self.stream.create(self.client)

        def told() -> bool:  # What the link says of interest is before this.
            self.client.publish("behind")
            try:
                return self.publisher.next(0.2).subject == "behind"
            except TimeoutError:
                return False

        until(told, "the leaf knows of the new one", 20)

    def send_unheard(self, first: int, last: int) -> None:
        """The answers are lost, another comes behind them, and the duplicate window passes."""
        before = self.stream.state(self.client)["last_seq"]
        self.proxy.set(swallow=("down",))
        self.send(first, last)
        wanted = before + last - first + 1
        until(lambda: self.stream.state(self.client)["last_seq"] == wanted, "they are there", 20)
        self.others(1)
        threading.Event().wait(3 * WINDOW)
        self.proxy.reset()  # First: of a link that goes on no answers are missing.
        self.proxy.set(swallow=())

    def check(self, first: int, last: int) -> None:
        self.settled()
        got = [int(each) for each in self.stream.payloads(self.client) if each != b"other"]
        assert got == list(range(first, last + 1))


@pytest.mark.parametrize("kill", [False, True], ids=["link", "kill"])
@pytest.mark.parametrize("more", [0, 200], ids=["below", "beyond"])
def test_what_arrived_in_a_stream_made_anew_is_found(world, hub_version, more, kill):
    scene = Scene(world, hub_version)
    scene.send(1, 100)
    scene.settled()
    if kill:  # In order, for the note of what is confirmed.
        scene.restart_edge()
    scene.anew()
    scene.send_unheard(101, 120)
    scene.others(more)
    if kill:
        scene.edge.kill()
        scene.edge.start()
    scene.check(101, 120)


def test_what_is_noted_of_a_stream_outlives_a_restart_of_the_hub(world, hub_version):
    scene = Scene(world, hub_version)
    scene.others(OTHERS)
    scene.restart_edge()  # It asks for the hub's streams before it sends anything.
    scene.send(1, 5)
    scene.settled()
    scene.restart_hub()
    scene.send_unheard(6, 20)
    scene.check(1, 20)


@pytest.mark.parametrize("more", [1, 200])
def test_what_arrived_in_a_stream_put_back_from_a_copy_is_found(world, hub_version, more):
    scene = Scene(world, hub_version)
    scene.restart_edge()
    scene.send(1, 50)
    scene.settled()
    data, copy = world.directory / "hub", world.directory / "copy"
    scene.restart_hub(lambda: shutil.copytree(data, copy))
    scene.send(51, 150)
    scene.settled()

    def put_back() -> None:
        shutil.rmtree(data)
        shutil.copytree(copy, data)

    scene.restart_hub(put_back)
    scene.send_unheard(151, 170)
    scene.others(more)
    scene.settled()
    got = [int(each) for each in scene.stream.payloads(scene.client) if each != b"other"]
    assert got == [*range(1, 51), *range(151, 171)]
