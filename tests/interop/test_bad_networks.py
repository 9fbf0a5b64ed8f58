"""The leaf link over networks that are slow, far, stalling, silent or breaking."""

import time

import pytest

from harness.certificates import Authority
from harness.traffic import both_ways, flows
from harness.wait import until
from harness.world import remote

KBIT50 = 50_000 / 8


@pytest.fixture
def line(world, hub_version):
    """hub, proxy, edge: not linked yet, so that the test can spoil the line before."""
    hub = world.hub(hub_version)
    proxy = world.proxy(hub.ports["leaf"])
    return hub, proxy, lambda: world.leaf(remote(hub, proxy))


def test_600_ms_round_trip(world, line):
    """The whole handshake happens over a satellite."""
    hub, proxy, start = line
    proxy.set(latency=0.3)
    edge = start()
    hub.wait_leafs(1, 30)
    both_ways(world, hub, edge)


def test_50_kbit(world, line):
    """Many small messages and one of 20 kB at 6 kB a second: all arrive, the link stays."""
    hub, proxy, start = line
    proxy.set(latency=0.3, bandwidth=KBIT50)
    edge = start()
    hub.wait_leafs(1, 30)
    at_hub, at_edge = both_ways(world, hub, edge)
    for i in range(100):
        at_edge.publish("up.n", b"%d" % i)
    at_edge.publish("up.big", bytes(20_000))
    assert [m.payload for m in at_hub.take(100, 30)] == [b"%d" % i for i in range(100)]
    assert len(at_hub.next(30).payload) == 20_000
    assert proxy.accepted == 1


def test_stalls_of_seconds(world, line):
    """As under loss, when TCP waits for a retransmission: nothing is lost, the link stays."""
    hub, proxy, start = line
    edge = start()
    at_hub, at_edge = both_ways(world, hub, edge)
    for turn in range(2):
        proxy.set(stalled=True)
        at_edge.publish("up.s", b"%d" % turn)
        with pytest.raises(TimeoutError):
            at_hub.next(4)
        proxy.set(stalled=False)
        assert at_hub.next().payload == b"%d" % turn
    assert proxy.accepted == 1


@pytest.mark.petiole
@pytest.mark.parametrize("direction", ["up", "down"])
def test_one_way_black_hole(world, line, direction):
    """Bytes of one direction vanish: noticed within 15 s (20 with slack), a new link is made."""
    hub, proxy, start = line
    edge = start()
    hub.wait_leafs()
    both_ways(world, hub, edge)
    proxy.set(swallow=(direction,))
    began = time.monotonic()
    until(lambda: proxy.accepted >= 2, "the link is given up and dialled again", 40)
    assert time.monotonic() - began < 22
    proxy.set(swallow=())
    at_hub, at_edge = world.client(hub), world.client(edge)
    at_hub.subscribe("again")
    at_hub.flush()
    flows(at_edge, at_hub, "again", 60)


@pytest.mark.petiole
def test_hub_that_hangs(world, line):
    """The process is stopped, its kernel still acknowledges: only the heartbeat can tell."""
    hub, proxy, start = line
    edge = start()
    both_ways(world, hub, edge)
    hub.pause()
    until(lambda: proxy.accepted >= 2, "the link is given up and dialled again", 40)
    hub.resume()
    at_hub, at_edge = world.client(hub), world.client(edge)
    at_hub.subscribe("again")
    at_hub.flush()
    flows(at_edge, at_hub, "again", 60)


def test_resets(world, line):
    """Broken again and again, it comes back again and again, with its interest."""
    hub, proxy, start = line
    edge = start()
    hub.wait_leafs()
    client = world.client(edge)
    client.subscribe("down.>")
    client.flush()
    for _ in range(4):
        seen = proxy.accepted
        proxy.reset()
        until(lambda: proxy.accepted > seen, "a new connection", 30)
        hub.wait_leafs(1, 30)
    flows(world.client(hub), client, "down.x", 30)


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("after", [1, 100, 700, 5000])
def test_cut_in_mid_frame(world, line, direction, after):
    """Wherever the bytes stop, in the handshake or in a message, the next link is clean."""
    hub, proxy, start = line
    proxy.cut_after(direction, after)
    edge = start()
    at_hub, at_edge = world.client(hub), world.client(edge)
    at_hub.subscribe("up")
    at_edge.subscribe("down")
    at_hub.flush()
    at_edge.flush()
    payload = b"x" * 3000

    def cut() -> bool:
        for client, subject in ((at_edge, "up"), (at_hub, "down")):
            client.publish(subject, payload)
            client.flush()
        return proxy.accepted >= 2

    until(cut, "the cut and a new connection", 30, every=0.1)
    flows(at_edge, at_hub, "up", 30)
    flows(at_hub, at_edge, "down", 30)
    for client in (at_hub, at_edge):
        assert all(m.payload == payload or m.payload.startswith(b"probe") for m in client._pending)


@pytest.mark.parametrize("after", [50, 900, 4000])
def test_tls_cut_in_mid_record(world, hub_version, tmp_path, after):
    authority = Authority(tmp_path)
    hub = world.hub(hub_version, leafnodes=authority.server_tls())
    proxy = world.proxy(hub.ports["leaf"])
    proxy.cut_after("down", after)
    edge = world.leaf(remote(hub, proxy, f'tls {{ ca_file: "{authority.cert}" }}', scheme="tls"))
    at_hub, at_edge = world.client(hub), world.client(edge)
    at_edge.subscribe("down")
    at_edge.flush()
    until(lambda: at_hub.publish("down", bytes(2000)) or at_hub.flush() or proxy.accepted >= 2,
          "the cut and a new connection", 30, every=0.1)  # fmt: skip
    hub.wait_leafs(1, 30)
    flows(at_hub, at_edge, "down", 30)


@pytest.mark.petiole
def test_hub_that_accepts_and_says_nothing(world, hub_version):
    """A black hole from the first byte: given up after the INFO time-out, tried again."""
    hub = world.hub(hub_version)
    proxy = world.proxy(hub.ports["leaf"])
    proxy.set(swallow=("down",))
    edge = world.leaf(remote(hub, proxy, "first_info_timeout: 2s"))
    until(lambda: proxy.accepted >= 2, "a second attempt", 30)
    proxy.set(swallow=())
    hub.wait_leafs(1, 40)
    with edge.client() as client:
        client.flush()


def test_refusals(world, line):
    hub, proxy, start = line
    proxy.set(refuse=True)
    start()
    until(lambda: proxy.accepted >= 3, "it keeps trying", 40)
    proxy.set(refuse=False)
    hub.wait_leafs(1, 40)
