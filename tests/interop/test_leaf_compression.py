"""S2 on leaf links, with the newest nats-server at the other end, and petiole at both. (2.9.10 has
none: every other test of leafs shows that it goes without.)"""

import random

import pytest

from harness import servers
from harness.certificates import Authority
from harness.traffic import both_ways
from harness.wait import until
from harness.world import remote

MESSAGES = 3000
BODY = b'{"line": 7, "sensor": "temperature", "unit": "C", "value": 21.5, "quality": "good", "n": %d}'


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def hub_of(world, kind, leafnodes: str, config: str = ""):
    if kind == "nats-server":
        return world.hub("newest", config, leafnodes=leafnodes)
    return world.alone(f"leafnodes {{ listen: 127.0.0.1:{{leaf}}\n {leafnodes} }}\n{config}", name="hub")


def edge_of(world, kind, line: str):
    if kind == "petiole":
        return world.leaf(line)
    return world.server(servers.nats_server("newest"), "edge", f"leafnodes {{ remotes: [ {{ {line} }} ] }}")


def said(hub, edge) -> list[str]:
    """What each end says of what it sends. nats-server has several words, and none, for off."""
    modes = [each.get("compression", "off") for each in hub.leafs() + edge.leafs()]
    return [mode if mode.startswith("s2_") else "off" for mode in modes]


def both_say(hub, edge, mode: str) -> None:
    until(lambda: said(hub, edge) == [mode, mode], f"both ends say {mode}, not {said(hub, edge)}")


def much_both_ways(world, hub, edge, proxy=None) -> float:
    """Messages and a large one each way, in order; returns what a byte of them was on the wire."""
    hub.wait_leafs()
    at_hub, at_edge = both_ways(world, hub, edge)
    before = sum(proxy.bytes.values()) if proxy else 0
    size, large = 0, bytes(i * i % 251 for i in range(900_000))
    for sender, receiver, subject in ((at_edge, at_hub, "up.x"), (at_hub, at_edge, "down.x")):
        for i in range(MESSAGES):
            sender.publish(subject, BODY % i)
            size += len(BODY % i) + len(subject)
        sender.flush()
        assert [receiver.next().payload for _ in range(MESSAGES)] == [BODY % i for i in range(MESSAGES)]
        size += len(large)
        sender.publish(subject, large)
        assert receiver.next().payload == large
    return ((sum(proxy.bytes.values()) if proxy else 0) - before) / size


def wire_bytes(edge) -> dict:
    link = edge.monitor("/linkz")["links"][0]
    return {"up": link["out_bytes"]["wire"], "down": link["in_bytes"]["wire"]}


# The default, but that a busy machine makes no way long.
SHORT = "compression { mode: s2_auto, rtt_thresholds: [10s, 20s, 30s] }"
PAIRS = [("nats-server", "petiole"), ("petiole", "nats-server"), ("petiole", "petiole")]


@pytest.mark.parametrize("mode", ["s2_fast", "s2_better", "s2_best"])
@pytest.mark.parametrize("hub_kind, edge_kind", PAIRS)
def test_each_mode(world, hub_kind, edge_kind, mode):
    hub = hub_of(world, hub_kind, f"compression: {mode}")
    edge = edge_of(world, edge_kind, remote(hub, more=f"compression: {mode}"))
    much_both_ways(world, hub, edge)
    both_say(hub, edge, mode)


@pytest.mark.parametrize("hub_kind, edge_kind", PAIRS)
@pytest.mark.parametrize("theirs, ours", [("s2_fast", "accept"), ("accept", "s2_fast")])
def test_one_end_wants_it(world, hub_kind, edge_kind, theirs, ours):
    hub = hub_of(world, hub_kind, f"compression: {theirs}")
    edge = edge_of(world, edge_kind, remote(hub, more=f"compression: {ours}"))
    much_both_ways(world, hub, edge)
    both_say(hub, edge, "s2_fast")


@pytest.mark.parametrize("hub_kind, edge_kind", PAIRS)
def test_one_end_packs(world, hub_kind, edge_kind):
    """The other only frames what it says: the way is short."""
    hub = hub_of(world, hub_kind, "compression: s2_fast")
    edge = edge_of(world, edge_kind, remote(hub, more=SHORT))
    much_both_ways(world, hub, edge)
    assert said(hub, edge) == ["s2_fast", "s2_uncompressed"]


@pytest.mark.parametrize("hub_kind, edge_kind", PAIRS)
@pytest.mark.parametrize("theirs, ours", [("accept", "accept"), ("off", "s2_fast"), ("s2_fast", "off")])
def test_one_end_does_not(world, hub_kind, edge_kind, theirs, ours):
    hub = hub_of(world, hub_kind, f"compression: {theirs}")
    edge = edge_of(world, edge_kind, remote(hub, more=f"compression: {ours}"))
    much_both_ways(world, hub, edge)
    both_say(hub, edge, "off")


@pytest.mark.petiole
def test_over_a_short_way_the_default_leaves_the_link_as_it_is(world):
    hub = world.hub("newest")
    edge = world.leaf(remote(hub, more=SHORT))
    much_both_ways(world, hub, edge)
    both_say(hub, edge, "off")


@pytest.mark.parametrize("hub_kind, edge_kind", PAIRS)
def test_over_a_long_way_the_default_saves_bytes(world, hub_kind, edge_kind):
    hub = hub_of(world, hub_kind, "")
    proxy = world.proxy(hub.ports["leaf"])
    proxy.set(latency=0.03)  # Each way.
    edge = edge_of(world, edge_kind, remote(hub, proxy))
    hub.wait_leafs()
    packs = {"s2_fast", "s2_better", "s2_best"}
    until(lambda: set(said(hub, edge)) <= packs, f"both ends pack, not {said(hub, edge)}")
    assert much_both_ways(world, hub, edge, proxy) < 0.5
    if edge_kind == "petiole":
        until(lambda: wire_bytes(edge) == proxy.bytes, "what the line costs is told")


@pytest.mark.petiole
@pytest.mark.parametrize("hub_kind", ["nats-server", "petiole"])
def test_a_slow_way_is_not_taken_for_a_dead_one(world, hub_kind):
    """nats-server packs up to a megabyte as one block. That on the way, nothing comes out for longer
    than a silence may last."""
    hub = hub_of(world, hub_kind, "compression: s2_fast")
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy, more="compression: s2_fast"), link="heartbeat: 1s")
    hub.wait_leafs()
    at_hub, at_edge = both_ways(world, hub, edge)
    proxy.set(bandwidth=120_000)
    large = random.Random(1).randbytes(1_000_000)
    at_hub.publish("down.x", large)
    assert at_edge.next(60).payload == large
    assert proxy.accepted == 1


@pytest.mark.parametrize("hub_kind, edge_kind", [*PAIRS, ("nats-server", "nats-server")])
def test_a_reload_of_the_hub(world, hub_kind, edge_kind):
    """Another level on the same link; off on a new one."""
    hub = hub_of(world, hub_kind, "compression: s2_fast")
    edge = edge_of(world, edge_kind, remote(hub, more="compression: s2_fast"))
    both_say(hub, edge, "s2_fast")
    first = hub.leafs()[0]["id"]
    text = hub.config.read_text()
    for mode, wanted in (("s2_best", ["s2_best", "s2_fast"]), ("off", ["off", "off"])):
        hub.config.write_text(text.replace("s2_fast", mode))
        hub.reload()
        until(lambda: said(hub, edge) == wanted, f"{wanted}, not {said(hub, edge)}")
        assert (hub.leafs()[0]["id"] == first) == (mode == "s2_best")
    much_both_ways(world, hub, edge)


@pytest.mark.parametrize("hub_kind, edge_kind", [*PAIRS, ("nats-server", "nats-server")])
def test_a_reload_turns_compression_on_and_off(world, hub_kind, edge_kind):
    """Leafs that have nothing of their own to say about it follow the hub, there and back."""
    hub = hub_of(world, hub_kind, "compression: off")
    edge = edge_of(world, edge_kind, remote(hub))
    both_say(hub, edge, "off")
    assert hub.leafs()[0]["compression"] == edge.leafs()[0]["compression"] == "off"
    text = hub.config.read_text()
    for mode in ("s2_fast", "off", "s2_fast"):
        last = hub.leafs()[0]["id"]
        hub.config.write_text(text.replace("compression: off", f"compression: {mode}"))
        hub.reload()
        until(lambda last=last: [each["id"] for each in hub.leafs()] not in ([], [last]), "a new link")
        until(lambda: [each["compression"] for each in hub.leafs()] == [mode], f"the hub says {mode}")
        until(lambda: len(edge.leafs()) == 1, "the edge has its link")
        assert edge.leafs()[0]["compression"].startswith("s2_") == (mode != "off")
    much_both_ways(world, hub, edge)


@pytest.mark.parametrize("hub_kind, edge_kind", PAIRS)
def test_over_tls(world, authority, hub_kind, edge_kind):
    hub = hub_of(world, hub_kind, authority.server_tls() + "\n compression: s2_fast")
    more = f'tls {{ ca_file: "{authority.cert}" }}\n compression: s2_fast'
    edge = edge_of(world, edge_kind, remote(hub, more=more, scheme="tls"))
    much_both_ways(world, hub, edge)
    both_say(hub, edge, "s2_fast")


@pytest.mark.parametrize("hub_kind, edge_kind", PAIRS)
def test_not_over_websocket(world, hub_kind, edge_kind):
    """There nats-server packs masked frames, in vain; we go without, whoever asks."""
    websocket = "websocket { listen: 127.0.0.1:{websocket}, no_tls: true }"
    hub = hub_of(world, hub_kind, "compression: s2_fast", websocket)
    url = f'url: "ws://127.0.0.1:{hub.ports["websocket"]}"'
    edge = edge_of(world, edge_kind, url + "\n compression: s2_fast")
    much_both_ways(world, hub, edge)
    both_say(hub, edge, "off")


def test_a_refused_login_says_why(world):
    """The hub's -ERR comes compressed."""
    hub = world.hub("newest", leafnodes="compression: s2_fast\n authorization { user: u, password: p }")
    edge = world.leaf(remote(hub, more="compression: s2_fast", user="u:wrong"))

    def told() -> bool:
        link = edge.monitor("/linkz")["links"][0]
        return "Authorization Violation" in (link.get("last_error") or "")

    until(told, "the refusal is told")
