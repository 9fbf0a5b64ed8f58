"""The leaf link over TCP, TLS and WebSocket, to the oldest and the newest nats-server."""

import pytest

from harness import servers
from harness.certificates import Authority
from harness.http_connect import ConnectProxy
from harness.ports import free_port
from harness.traffic import both_ways
from harness.wait import until
from harness.world import remote


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def links(world, hub, edge, payload: int = 100_000) -> None:
    """Messages pass both ways, the large one in one piece."""
    hub.wait_leafs()
    at_hub, at_edge = both_ways(world, hub, edge)
    body = bytes(i % 251 for i in range(payload))
    at_edge.publish("up.large", body)
    assert at_hub.next().payload == body
    at_hub.publish("down.large", body)
    assert at_edge.next().payload == body


def test_tcp(world, hub_version):
    hub = world.hub(hub_version)
    links(world, hub, world.leaf(remote(hub)))


def test_a_hub_that_advertises_nothing(world, hub_version):
    """The newest tells then no list of addresses at all, by which leafs know a leaf port else."""
    hub = world.hub(hub_version, leafnodes="no_advertise: true")
    links(world, hub, world.leaf(remote(hub)))


def test_a_petiole_that_advertises_nothing(world):
    hub = world.alone("leafnodes { listen: 127.0.0.1:{leaf}, no_advertise: true }", name="hub")
    for version in ("oldest", "newest"):
        leaf = f"leafnodes {{ remotes: [ {{ {remote(hub)} }} ] }}"
        below = world.server(servers.nats_server(version), version, leaf)
        hub.wait_leafs()
        below.stop()
        until(lambda: not hub.leafs(), "it has gone")


def test_tls(world, hub_version, authority):
    hub = world.hub(hub_version, leafnodes=authority.server_tls())
    tls = f'tls {{ ca_file: "{authority.cert}" }}'
    links(world, hub, world.leaf(remote(hub, more=tls, scheme="tls")))


def test_tls_because_the_hub_says_so(world, hub_version, authority):
    """INFO's tls_required decides, not the scheme."""
    hub = world.hub(hub_version, leafnodes=authority.server_tls())
    tls = f'tls {{ ca_file: "{authority.cert}" }}'
    links(world, hub, world.leaf(remote(hub, more=tls, scheme="nats-leaf")))


def test_tls_client_certificate(world, hub_version, authority):
    verify = f'verify: true, ca_file: "{authority.cert}"'
    hub = world.hub(hub_version, leafnodes=authority.server_tls(more=verify))
    cert, key = authority.issue("edge")
    tls = f'tls {{ ca_file: "{authority.cert}", cert_file: "{cert}", key_file: "{key}" }}'
    links(world, hub, world.leaf(remote(hub, more=tls, scheme="tls")))


def never_links(world, hub, remotes_of) -> None:
    """The link is tried more than once, and never made."""
    proxy = world.proxy(hub.ports["leaf"])
    world.leaf(remotes_of(proxy))
    until(lambda: proxy.accepted >= 2, "a second attempt", 30)
    assert hub.leafs() == []


def test_tls_unknown_authority_is_refused(world, hub_version, authority, tmp_path):
    hub = world.hub(hub_version, leafnodes=authority.server_tls())
    stranger = Authority(tmp_path, "stranger")
    tls = f'tls {{ ca_file: "{stranger.cert}" }}'
    never_links(world, hub, lambda proxy: remote(hub, proxy, tls, scheme="tls"))


def test_tls_wrong_name_is_refused(world, hub_version, authority):
    hub = world.hub(hub_version, leafnodes=authority.server_tls("other", "DNS:other.example"))
    tls = f'tls {{ ca_file: "{authority.cert}" }}'
    never_links(
        world, hub, lambda p: f'url: "tls://localhost:{p.port}"\n {tls}'
    )


def test_tls_missing_client_certificate_is_refused(world, hub_version, authority):
    verify = f'verify: true, ca_file: "{authority.cert}"'
    hub = world.hub(hub_version, leafnodes=authority.server_tls(more=verify))
    tls = f'tls {{ ca_file: "{authority.cert}" }}'
    never_links(world, hub, lambda proxy: remote(hub, proxy, tls, scheme="tls"))


def test_tls_handshake_first(world, authority):
    hub = world.hub("newest", leafnodes=authority.server_tls(more="handshake_first: true"))
    tls = f'tls {{ ca_file: "{authority.cert}", handshake_first: true }}'
    links(world, hub, world.leaf(remote(hub, more=tls, scheme="tls")))


def websocket(hub, more: str = "", scheme: str = "ws") -> str:
    return f'url: "{scheme}://127.0.0.1:{hub.ports["websocket"]}"\n {more}'


PLAIN_WS = "websocket { listen: 127.0.0.1:{websocket}, no_tls: true, compression: true }"


@pytest.mark.parametrize("compression", ["false", "true"])
def test_websocket(world, hub_version, compression):
    hub = world.hub(hub_version, PLAIN_WS)
    links(world, hub, world.leaf(websocket(hub, f"ws_compression: {compression}")))


def test_websocket_compression_saves_bytes(world, hub_version):
    hub = world.hub(hub_version, PLAIN_WS)
    proxy = world.proxy(hub.ports["websocket"])
    edge = world.leaf(f'url: "ws://127.0.0.1:{proxy.port}"\n ws_compression: true')
    at_hub, at_edge = both_ways(world, hub, edge)
    before = dict(proxy.bytes)
    at_edge.publish("up.a", b"a" * 200_000)
    at_hub.next()
    at_hub.publish("down.a", b"a" * 200_000)
    at_edge.next()
    assert proxy.bytes["up"] - before["up"] < 20_000
    assert proxy.bytes["down"] - before["down"] < 20_000


def test_websocket_over_tls(world, hub_version, authority):
    hub = world.hub(
        hub_version, f"websocket {{ listen: 127.0.0.1:{{websocket}}\n {authority.server_tls()} }}"
    )
    tls = f'tls {{ ca_file: "{authority.cert}" }}'
    links(world, hub, world.leaf(websocket(hub, tls, "wss")))


@pytest.mark.parametrize("user", ["", "ann"])
def test_websocket_through_an_http_proxy(world, hub_version, user):
    hub = world.hub(hub_version, PLAIN_WS)
    proxy = world.keep(ConnectProxy(free_port(), user, "s3cret"))
    login = f", username: {user}, password: s3cret" if user else ""
    edge = world.leaf(websocket(hub, f'proxy {{ url: "{proxy.url}"{login} }}'))
    links(world, hub, edge)
    assert proxy.requests[0].startswith(f"CONNECT 127.0.0.1:{hub.ports['websocket']} ")


def test_several_urls_of_one_remote(world, hub_version):
    """A dead hub in the list does no harm; when the live one dies, the other takes over."""
    first, second = world.hub(hub_version, name="first"), world.hub(hub_version, name="second")
    second.kill()
    urls = ", ".join(f'"nats-leaf://127.0.0.1:{hub.ports["leaf"]}"' for hub in (first, second))
    world.leaf(f"urls: [ {urls} ]")
    first.wait_leafs()
    first.kill()
    second.start()
    second.wait_leafs()


def test_several_remotes(world, hub_version):
    """Two hubs at once. What comes from one is not sent to the other."""
    first, second = world.hub(hub_version, name="first"), world.hub(hub_version, name="second")
    edge = world.leaf(f"{{ {remote(first)} }}, {{ {remote(second)} }}")
    first.wait_leafs()
    second.wait_leafs()
    at_first, at_second, at_edge = (world.client(server) for server in (first, second, edge))
    for client in (at_first, at_second):
        client.subscribe("all")
        client.flush()
    edge.wait_interest("all")
    until(lambda: len(edge.leafs()) == 2, "two links")
    until(
        lambda: all("all" in (leaf.get("subscriptions_list") or []) for leaf in edge.leafs()),
        "interest from both",
    )
    at_edge.publish("all", b"x")
    assert at_first.next().payload == b"x"
    assert at_second.next().payload == b"x"
    at_first.publish("all", b"y")
    assert at_first.next().payload == b"y"
    assert at_second.nothing()


def test_hub_restarts(world, hub_version):
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub))
    hub.wait_leafs()
    client = world.client(edge)
    client.subscribe("down.>")
    client.flush()
    hub.restart()
    hub.wait_leafs()
    hub.wait_interest("down.>")
    world.client(hub).publish("down.again", b"x")
    assert client.next().payload == b"x"


def test_starts_without_a_hub(world, hub_version):
    """It boots and serves its clients with nobody to talk to, and links when the hub appears."""
    hub = world.hub(hub_version, start=False)
    edge = world.leaf(remote(hub))
    client = world.client(edge)
    client.subscribe("local")
    client.publish("local", b"x")
    assert client.next().payload == b"x"
    hub.start()
    hub.wait_leafs()
