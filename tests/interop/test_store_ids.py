"""Ids of messages at a real hub: none given, another subject in the stream, a store that was copied."""

import signal
import subprocess
import threading

import pytest

from harness.stream import Stream
from harness.wait import until
from harness.world import remote

pytestmark = pytest.mark.petiole

STORE = """
store_and_forward {
  dir: "%s"
  max_bytes: 64MB
  rules: [ { subjects: ["telemetry.>"], durability: disk } ]
}
"""
HUB = "jetstream { store_dir: '{dir}/hub', domain: hub }"
WINDOW = 0.1


def hub_is_known(edge) -> None:
    known = "exactly once where a stream"
    until(lambda: edge.monitor("/mirrorz")["guarantee"].startswith(known), "it tells", 20)


def settled(edge) -> None:
    until(lambda: edge.monitor("/mirrorz")["messages"] == 0, "all is settled", 40)


def test_an_empty_id_is_none(world, hub_version):
    hub = world.hub(hub_version, HUB)
    edge = world.leaf(remote(hub), STORE % "{dir}/mirror")
    hub.wait_leafs()
    client, publisher = world.client(hub), world.client(edge)
    stream = Stream("S", ["telemetry.>", "direct"]).create(client)
    for way, subject in ((client, "direct"), (publisher, "telemetry.x")):
        for number in range(3):
            way.publish(subject, b"%d" % number, headers={"Nats-Msg-Id": ""})
        way.flush()
    settled(edge)
    assert sorted(stream.payloads(client)) == [b"0", b"0", b"1", b"1", b"2", b"2"]


def test_as_much_as_the_hub_takes_goes_without_an_id(world, hub_version):
    hub = world.hub(hub_version, HUB)
    edge = world.leaf(remote(hub), STORE % "{dir}/mirror")
    hub.wait_leafs()
    client, publisher = world.client(hub), world.client(edge)
    stream = Stream("S", ["telemetry.>"]).create(client)
    bodies = [b"a" * (1 << 20), b"b", b"c" * ((1 << 20) - 1)]
    for body in bodies:
        publisher.publish("telemetry.x", body)
    publisher.flush()
    settled(edge)
    assert stream.payloads(client) == bodies
    assert edge.monitor("/mirrorz")["losses"]["rejected"] == 0


def test_what_a_stream_keeps_under_another_subject_is_found(world):
    hub = world.hub("newest", HUB)  # The oldest has no transforms.
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy), STORE % "{dir}/mirror")
    hub.wait_leafs()
    client, publisher = world.client(hub), world.client(edge)
    transform = {"src": "telemetry.>", "dest": "kept.>"}
    stream = Stream("S", ["telemetry.>"], WINDOW, subject_transform=transform).create(client)
    hub_is_known(edge)
    publisher.publish("telemetry.x", b"0")
    publisher.flush()
    until(lambda: stream.count(client) == 1, "the first is there", 20)
    settled(edge)
    proxy.set(swallow=("down",))
    for number in range(1, 6):
        publisher.publish("telemetry.x", b"%d" % number)
    publisher.flush()
    until(lambda: stream.count(client) == 6, "all are there", 20)
    threading.Event().wait(3 * WINDOW)
    proxy.reset()
    proxy.set(swallow=())
    settled(edge)
    assert stream.payloads(client) == [b"%d" % number for number in range(6)]


def test_a_copied_store_loses_nothing(world, hub_version):
    hub = world.hub(hub_version, HUB)
    first = world.leaf(remote(hub), STORE % "{dir}/first", name="first")
    hub.wait_leafs()
    first.signal(signal.SIGTERM)
    first.wait(20)
    second = world.leaf(remote(hub), STORE % "{dir}/second", name="second", start=False)
    subprocess.run(["cp", "-r", first.directory / "first", second.directory / "second"], check=True)
    first.start()
    second.start()
    hub.wait_leafs(2)
    client = world.client(hub)
    stream = Stream("S", ["telemetry.>"]).create(client)
    boxes = {"first": world.client(first), "second": world.client(second)}
    wanted = []
    for start in (0, 500):
        for name, box in boxes.items():
            for number in range(start, start + 500):
                wanted.append(f"{name} {number}".encode())
                box.publish(f"telemetry.{name}", wanted[-1])
            box.flush()
        settled(first)
        settled(second)
    assert sorted(stream.payloads(client)) == sorted(wanted)
