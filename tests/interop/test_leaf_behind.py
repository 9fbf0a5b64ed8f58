"""Leafs behind a petiole with a store: what they send is kept there, and what a petiole among them
was told is safe stays so, whatever becomes of the one in the middle."""

import os
import threading

import pytest

from harness import servers
from harness.publisher import Publisher, check_all_once_in_order
from harness.stream import Stream
from harness.wait import until
from harness.world import remote

pytestmark = pytest.mark.petiole


class SlowDisk:
    """Makes every sync of the processes started with its prefix take longer."""

    def __init__(self, world):
        self.path = world.directory / "slow_sync"
        self.set(0)

    def prefix(self) -> list[str]:
        library = os.environ.get("PETIOLE_SLOW_SYNC")
        if not library:
            text = "slow_sync is not built: with sanitizers nothing can be preloaded"
            pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
        return ["env", f"LD_PRELOAD={library}", f"SLOW_SYNC={self.path}"]

    def set(self, milliseconds: int) -> None:
        self.path.write_text(str(milliseconds))


def store(name: str, durability: str = "disk") -> str:
    return (
        f'store_and_forward {{ dir: "{{dir}}/{name}", max_bytes: 256MB\n'
        f' rules: [ {{ subjects: ["telemetry.>"], durability: {durability} }} ] }}\n'
    )


def middle_of(world, hub=None, durability="disk", **more):
    remotes = f"remotes: [ {{ {remote(hub)} }} ]\n reconnect_max: 2s" if hub else ""
    leafnodes = f"leafnodes {{ listen: 127.0.0.1:{{leaf}}\n {remotes} }}\n"
    return world.server(
        servers.server_under_test(), "middle", leafnodes + store("middle", durability), **more
    )


def mirror(server) -> dict:
    return server.monitor("/mirrorz")


def captured(server) -> int:
    return mirror(server)["rules"][0]["captured"]


def test_a_slow_disk_does_not_cut_the_link_of_a_nats_server(world, hub_version):
    """Its own PINGs go unanswered twice at most; the disk takes four times as long."""
    disk = SlowDisk(world)
    middle = middle_of(world, prefix=disk.prefix())
    below = world.server(
        servers.nats_server(hub_version), "below",
        f'leafnodes {{ remotes: [ {{ {remote(middle)} }} ] }}\nping_interval: "1s"\nping_max: 2\n',
    )  # fmt: skip
    middle.wait_leafs()
    below.wait_interest("telemetry.>")
    link = middle.leafs()[0]["id"]
    client = world.client(below)
    client.publish("telemetry.x", b"0")
    client.flush()
    until(lambda: captured(middle) == 1 and mirror(middle)["storage"]["queued_bytes"] == 0, "one is on disk")
    disk.set(8000)
    for number in range(1, 100):
        client.publish("telemetry.x", b"%d" % number)
    client.flush()
    until(lambda: captured(middle) == 100, "all are captured")
    assert mirror(middle)["storage"]["queued_bytes"] > 0
    until(lambda: mirror(middle)["storage"]["queued_bytes"] == 0, "all are on disk", 40)
    disk.set(0)
    assert [leaf["id"] for leaf in middle.leafs()] == [link]
    assert "Stale" not in below.output() + middle.output()


@pytest.mark.parametrize("durability", ["disk", "outage"])
def test_what_a_nats_server_sends_while_the_hub_is_away_is_kept(world, hub_version, durability):
    """It is told of what the rules capture: else it would send nothing, as nobody there asks."""
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    with hub.client() as client:
        stream = Stream("S", ["telemetry.>"], 1).create(client)
    middle = middle_of(world, hub, durability)
    hub.wait_leafs()
    hub.kill()
    until(lambda: middle.monitor("/linkz")["links"][0]["state"] != "up", "the hub is missed", 20)
    below = world.server(
        servers.nats_server(hub_version), "below",
        f"leafnodes {{ remotes: [ {{ {remote(middle)} }} ] }}\n",
    )  # fmt: skip
    below.wait_interest("telemetry.>")
    client = world.client(below)
    for number in range(1000):
        client.publish("telemetry.x", b"%d" % number)
    client.flush()
    until(lambda: mirror(middle)["messages"] == 1000, "all are kept")
    until(lambda: mirror(middle)["storage"]["queued_bytes"] == 0, "and on disk")
    middle.kill()
    middle.start()
    hub.start()
    client = world.client(hub)
    until(lambda: stream.count(client) == 1000, "the stream fills", 40)
    assert [bytes(payload) for payload in stream.payloads(client)] == [b"%d" % n for n in range(1000)]


def test_a_petiole_in_the_middle_is_killed(world, hub_version):
    """The outer one forgets what the middle one has confirmed, so that must be on its disk; the
    rest it sends again."""
    count = 40_000
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    with hub.client() as client:
        stream = Stream("S", ["telemetry.>"], 1).create(client)
    disk = SlowDisk(world)
    disk.set(30)
    middle = middle_of(world, hub, prefix=disk.prefix())
    edge = world.leaf(remote(middle), store("edge"))
    hub.wait_leafs()
    publisher = world.keep(Publisher(edge.host, edge.port, "one", "telemetry.one", count))
    for turn in range(1, 7):
        publisher.open_gate(count * turn // 6)
        if turn == 3:
            hub.kill()
        if turn == 5:
            hub.start()
        threading.Event().wait(0.3)  # Somewhere in the flow.
        middle.kill()
        middle.start()
    publisher.wait(count, 90)
    client = world.client(hub)
    until(lambda: stream.count(client) >= count, "the stream fills", 90)
    until(lambda: mirror(edge)["messages"] + mirror(middle)["messages"] == 0, "all is confirmed", 60)
    check_all_once_in_order(stream.payloads(client), {"one": count})
