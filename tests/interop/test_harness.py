"""The harness itself, against nats-servers: what a test relies on must be able to fail."""

import threading
import time

import pytest

from harness import servers
from harness.client import Client
from harness.publisher import Publisher, check_all_once_in_order, check_first_arrivals
from harness.stream import Stream
from harness.wait import until
from harness.world import remote


def test_server_restarts_on_its_port_and_leaves_nothing(world, hub_version):
    hub = world.hub(hub_version)
    with hub.client() as client:
        assert client.info["server_name"] == "hub" or hub_version == "oldest"
    hub.restart()
    assert hub.client().info["port"] == hub.port
    hub.kill()
    assert not hub.running()


def test_until_says_what_it_waited_for():
    with pytest.raises(AssertionError, match="pigs fly"):
        until(lambda: False, "pigs fly", timeout=0.05)


def test_client_sees_absence(world):
    hub = world.hub()
    client = world.client(hub)
    client.subscribe("a")
    assert client.nothing(0.05)
    client.publish("a", b"x")
    assert not client.nothing(1)
    assert client.next().payload == b"x"
    assert client.request("nobody").status() == "503"


def _echo(hub, proxy):
    client = Client("127.0.0.1", proxy.port)
    client.subscribe("echo")
    client.flush()
    return client


def test_proxy_latency(world):
    hub = world.hub()
    proxy = world.proxy(hub.port)
    client = world.keep(_echo(hub, proxy))
    proxy.set(latency=0.15)
    start = time.monotonic()
    client.flush()
    assert time.monotonic() - start >= 0.3


def test_proxy_bandwidth(world):
    hub = world.hub()
    proxy = world.proxy(hub.port)
    client = world.keep(_echo(hub, proxy))
    proxy.set(bandwidth=20_000)
    start = time.monotonic()
    client.publish("other", bytes(10_000))
    client.flush()
    assert time.monotonic() - start >= 0.4


def test_proxy_black_hole_and_stall(world):
    hub = world.hub()
    proxy = world.proxy(hub.port)
    client = world.keep(_echo(hub, proxy))
    proxy.set(stalled=True)
    client.publish("echo", b"late")
    with pytest.raises(TimeoutError):
        client.next(0.2)
    proxy.set(stalled=False)
    assert client.next().payload == b"late"
    proxy.set(swallow=("down",))
    client.publish("echo", b"never")
    with pytest.raises(TimeoutError):
        client.next(0.2)


def test_proxy_reset_refusal_and_cut(world):
    hub = world.hub()
    proxy = world.proxy(hub.port)
    client = world.keep(_echo(hub, proxy))
    proxy.reset()
    client.wait_closed()
    proxy.set(refuse=True)
    with pytest.raises((OSError, EOFError)):
        Client("127.0.0.1", proxy.port)
    proxy.set(refuse=False)
    client = world.keep(_echo(hub, proxy))
    proxy.cut_after("up", 20)
    client.publish("echo", bytes(100))
    client.wait_closed()
    until(lambda: proxy.open_links() == 0, "the proxy lets go")


def test_proxy_is_fast(world):
    """Fast enough not to be what a test of 200,000 messages measures: by its CPU time, which other work
    on the machine does not lengthen."""
    hub = world.hub()
    proxy = world.proxy(hub.port)
    client = world.keep(_echo(hub, proxy))
    start = time.process_time()
    writer = threading.Thread(target=lambda: client.send(b"PUB x 1000\r\n" + bytes(1000) + b"\r\n"))
    writer.start()
    writer.join()
    for _ in range(50):
        client.send((b"PUB x 1000\r\n" + bytes(1000) + b"\r\n") * 400)
    client.flush(30)
    assert time.process_time() - start < 5


def test_leaf_pair_with_a_nats_server_as_leaf(world, hub_version):
    hub = world.hub(hub_version)
    config = f"leafnodes {{ remotes: [ {{ {remote(hub)} }} ] }}"
    edge = world.server(servers.nats_server("newest"), "edge", config)
    hub.wait_leafs()
    subscriber = world.client(hub)
    subscriber.subscribe("up.>")
    subscriber.flush()
    edge.wait_interest("up.>")
    world.client(edge).publish("up.x", b"hello")
    assert subscriber.next().payload == b"hello"


def test_publisher_and_stream(world, hub_version):
    """The instruments of the store tests, without a leaf and without mischief."""
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub' }")
    with hub.client() as client:
        stream = Stream("S", ["telemetry.>"]).create(client)
    count = 4000
    publishers = [
        world.keep(Publisher(hub.host, hub.port, name, f"telemetry.{name}", count))
        for name in ("one", "two")
    ]
    for publisher in publishers:
        publisher.open_gate(count)
        publisher.wait(count, 30)
    client = world.client(hub)
    until(lambda: stream.count(client) == 2 * count, "all are stored")
    check_all_once_in_order(stream.payloads(client), {"one": count, "two": count})


def test_checks_of_order_can_fail():
    def payloads(*numbers):
        return [b"a %d ..." % number for number in numbers]

    check_all_once_in_order(payloads(0, 1, 2), {"a": 3})
    for wrong in [(0, 2), (0, 0, 1, 2), (1, 0, 2), (0, 1)]:
        with pytest.raises(AssertionError):
            check_all_once_in_order(payloads(*wrong), {"a": 3})
    assert check_first_arrivals(payloads(0, 1, 0, 1, 2), {"a": 3}) == 2
    with pytest.raises(AssertionError):
        check_first_arrivals(payloads(0, 2, 1), {"a": 3})
