"""The proof of the mirror: whatever dies, the stream holds every message once, in order."""

import contextlib
import shutil
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.client import publication
from harness.publisher import Publisher, check_all_once_in_order
from harness.stream import Stream
from harness.wait import until
from harness.world import remote

COUNT = 100_000  # A publisher.
WINDOW = 1.0  # Of the stream, for duplicates; the link is cut for longer.

STORE = """
store_and_forward {
  dir: "{dir}/mirror"
  max_bytes: 512MB
  rules: [ { subjects: ["telemetry.>"], durability: disk } ]
}
"""


class Scene:
    def __init__(self, world, hub_version, config: str = STORE, count: int = COUNT,
                 size: int = 128):
        self.world, self.count = world, count
        self.hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
        self.stream = Stream("T", ["telemetry.>"], WINDOW)
        with self.hub.client() as client:
            self.stream.create(client)
        self.proxy = world.proxy(self.hub.ports["leaf"])
        self.edge = world.leaf(remote(self.hub, self.proxy), config)
        self.hub.wait_leafs()
        self.publishers = [
            world.keep(Publisher(self.edge.host, self.edge.port, name, f"telemetry.{name}", count, size))
            for name in ("one", "two")
        ]

    def publish_to(self, part: float) -> None:
        for publisher in self.publishers:
            publisher.open_gate(int(self.count * part))

    def wait_safe(self, part: float) -> None:
        for publisher in self.publishers:
            publisher.wait(int(self.count * part), 90)

    def kill_edge(self) -> None:
        self.edge.kill()
        self.edge.start()

    def kill_hub(self) -> None:
        self.hub.kill()
        threading.Event().wait(0.3)
        self.hub.start()

    def long_cut(self) -> None:
        """Longer than the stream remembers ids."""
        self.proxy.set(refuse=True)
        self.proxy.reset()
        threading.Event().wait(WINDOW * 2.5)
        self.proxy.set(refuse=False)

    def cut_answers(self) -> None:
        """Messages arrive, their confirmations do not: the hardest case for duplicates."""
        self.proxy.set(swallow=("down",))
        threading.Event().wait(0.5)
        self.long_cut()
        self.proxy.set(swallow=())

    def check(self) -> None:
        client = self.world.client(self.hub)
        wanted = len(self.publishers) * self.count
        until(lambda: self.stream.count(client) >= wanted, "the stream holds all", 150, every=0.5)
        until(lambda: self.edge.monitor("/mirrorz")["messages"] == 0, "the mirror is empty", 60)
        check_all_once_in_order(
            self.stream.payloads(client), {p.name: self.count for p in self.publishers}
        )
        losses = self.edge.monitor("/mirrorz")["losses"]
        assert not any(losses.values()), losses


@pytest.mark.petiole
def test_200_000_messages_through_everything(world, hub_version):
    scene = Scene(world, hub_version)
    mischief = [
        scene.kill_hub, scene.kill_edge, scene.long_cut, scene.kill_edge, scene.cut_answers,
        scene.kill_hub, scene.kill_edge, scene.proxy.reset, scene.kill_edge,
    ]  # fmt: skip
    parts = len(mischief) + 1
    for turn, act in enumerate(mischief, 1):
        scene.publish_to((turn + 0.5) / parts)  # It goes on while the mischief happens.
        scene.wait_safe((turn - 0.5) / parts)
        act()
    scene.publish_to(1)
    scene.wait_safe(1)
    scene.check()


@pytest.mark.petiole
def test_killed_while_the_link_is_down(world, hub_version):
    """All of it is stored, nothing was sent; petiole dies twice before the hub is back."""
    scene = Scene(world, hub_version)
    scene.hub.kill()
    scene.publish_to(0.5)
    scene.wait_safe(0.3)
    scene.kill_edge()
    scene.publish_to(1)
    scene.wait_safe(1)
    scene.kill_edge()
    backlog = scene.edge.monitor("/mirrorz")["messages"]
    assert backlog == 2 * COUNT
    scene.hub.start()
    scene.check()


@pytest.mark.petiole
def test_killed_during_replay(world, hub_version):
    """Killed again and again while the backlog drains: resolved by asking the hub each time."""
    scene = Scene(world, hub_version)
    scene.hub.kill()
    scene.publish_to(1)
    scene.wait_safe(1)
    scene.hub.start()
    client = world.client(scene.hub)
    for turn in range(1, 4):
        until(lambda: scene.stream.count(client) >= COUNT * turn // 3, "some of it arrived", 60, 0.01)
        scene.edge.kill()
        threading.Event().wait(WINDOW * 1.5)  # The hub has forgotten the ids.
        scene.edge.start()
    scene.check()


@pytest.mark.petiole
@pytest.mark.parametrize("durability", ["disk", "outage"])
@pytest.mark.parametrize("way", ["ldm", "term"])
def test_told_to_end_during_replay(world, hub_version, way, durability):
    """Clients publish meanwhile, and go on after the restart."""
    config = STORE.replace("disk", durability).replace("rules:", "replay: { max_rate: 1MB }\n rules:")
    duck = "lame_duck_duration: 30s\nlame_duck_grace_period: 200ms\n"
    scene = Scene(world, hub_version, config + duck, count=20_000)
    scene.hub.kill()
    scene.publish_to(0.5)
    scene.wait_safe(0.5)
    scene.hub.start()
    client = world.client(scene.hub)
    until(lambda: scene.stream.count(client) > 2_000, "some of it arrived", 60, 0.01)
    scene.publish_to(0.7)
    tell = [str(scene.edge.kind.path), "-sl", f"{way}={scene.edge.pid}"]
    assert subprocess.run(tell, timeout=30, check=False).returncode == 0
    assert scene.edge.wait(40) == 0
    assert scene.stream.count(client) < 20_000, "it ended amidst the replay"
    threading.Event().wait(WINDOW * 1.5)  # The hub has forgotten the ids.
    scene.edge.start()
    scene.publish_to(1)
    scene.wait_safe(1)
    scene.check()


@pytest.mark.petiole
@pytest.mark.root
def test_salvaged_on_a_disk_with_room_for_one_copy(world, hub_version):
    """What is damaged stays beside it: a database of 32 MB on a disk of 80."""
    disk = world.directory / "mirror"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(disk)], check=True)
    try:
        scene = Scene(world, hub_version, count=15_000, size=1000)
        scene.hub.kill()
        scene.publish_to(1)
        scene.wait_safe(1)
        assert scene.edge.stop() == 0
        with contextlib.closing(sqlite3.connect(disk / "petiole.db")) as database:
            database.execute("UPDATE segment SET first=last+1 WHERE id=(SELECT max(id) FROM segment)")
            database.commit()
        scene.edge.start()
        seen = scene.edge.monitor("/mirrorz")
        assert 0 < seen["losses"]["corrupt"] < 1000
        assert seen["messages"] + seen["losses"]["corrupt"] == 30_000
    finally:
        scene.edge.kill()
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.petiole
def test_publishers_wait_for_the_disk_one_by_one(world):
    """One large message of each at once is more than may be on its way to the disk."""
    edge = world.leaf('url: "nats-leaf://127.0.0.1:1"', STORE.replace("512MB", "32MB"))
    clients = [world.client(edge) for _ in range(6)]
    for client in clients:
        client.flush()
    sent = [0] * len(clients)

    def publish(number: int) -> None:
        for _ in range(3):
            clients[number].publish("telemetry.x", bytes(900_000))
            sent[number] += 1
        clients[number].flush(60)

    edge.pause()
    with ThreadPoolExecutor(len(clients)) as pool:
        done = [pool.submit(publish, number) for number in range(len(clients))]
        until(lambda: all(sent), "each has sent one", 20)
        edge.resume()
        for each in done:
            each.result()
    mirror = edge.monitor("/mirrorz")
    assert mirror["messages"] == 3 * len(clients) and not any(mirror["losses"].values()), mirror


@pytest.mark.petiole
@pytest.mark.root
def test_publishers_wait_for_a_disk_that_others_have_filled_since(world):
    """Then less may be on its way to it than at the start."""
    disk = world.directory / "mirror"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)], check=True)
    try:
        edge = world.leaf('url: "nats-leaf://127.0.0.1:1"', STORE)
        clients = [world.client(edge) for _ in range(40)]
        free = shutil.disk_usage(disk).free
        (disk / "others").write_bytes(bytes(free - (16 << 20)))

        clients[0].publish("telemetry.x", b"x")
        clients[0].flush()
        until(lambda: edge.monitor("/mirrorz")["storage"]["max_bytes"] < 24 << 20, "it sees what is left", 30)
        edge.pause()
        for client in clients:
            client.send(6 * publication("telemetry.x", bytes(20_000)))
        edge.resume()
        for client in clients:
            client.flush(30)
        seen = edge.monitor("/mirrorz")
        assert not any(seen["losses"].values()), seen["losses"]
        assert seen["messages"] == 1 + 6 * len(clients)
    finally:
        edge.kill()
        subprocess.run(["umount", "-l", str(disk)], check=True)
