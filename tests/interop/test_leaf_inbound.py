"""The server under test as the hub: nats-servers and petioles hang below it, over TCP, TLS and
WebSocket. `peer` is who solicits: the oldest and the newest nats-server, and petiole itself."""

import socket

import pytest

from harness import servers
from harness.certificates import Authority
from harness.traffic import both_ways
from harness.wait import until
from harness.world import remote


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture(params=["oldest", "newest", "petiole"])
def peer(request):
    if request.param == "petiole":
        return servers.server_under_test()
    return servers.nats_server(request.param)


def hub_of(world, leafnodes: str = "", config: str = "", **more):
    return world.alone(
        f"leafnodes {{ listen: 127.0.0.1:{{leaf}}\n {leafnodes} }}\n{config}", name="hub", **more
    )


def below(world, peer, url: str, more: str = "", config: str = "", name: str = "below", link: str = ""):
    if peer.is_petiole:
        link += "\n reconnect_max: 2s"
    return world.server(
        peer, name, f'leafnodes {{ remotes: [ {{ url: "{url}"\n {more} }} ]\n {link} }}\n{config}'
    )


def leaf_url(hub, scheme: str = "nats-leaf") -> str:
    return f"{scheme}://127.0.0.1:{hub.ports['leaf']}"


def websocket_url(hub, scheme: str = "ws") -> str:
    return f"{scheme}://127.0.0.1:{hub.ports['websocket']}"


def links(world, hub, edge, payload: int = 100_000) -> None:
    hub.wait_leafs()
    at_hub, at_edge = both_ways(world, hub, edge)
    body = bytes(i % 251 for i in range(payload))
    at_edge.publish("up.large", body)
    assert at_hub.next().payload == body
    at_hub.publish("down.large", body)
    assert at_edge.next().payload == body


def test_tcp(world, peer):
    hub = hub_of(world)
    links(world, hub, below(world, peer, leaf_url(hub)))
    leaf = hub.leafs()[0]
    assert leaf["name"] == "below" and leaf["account"] == "$G" and not leaf["is_spoke"]


def test_tls(world, peer, authority):
    hub = hub_of(world, authority.server_tls())
    links(world, hub, below(world, peer, leaf_url(hub, "tls"), f'tls {{ ca_file: "{authority.cert}" }}'))
    leaf = hub.monitor("/varz")["leaf"]
    assert leaf["tls_required"] and leaf["tls_timeout"] == 5


def test_tls_with_a_client_certificate(world, peer, authority):
    verify = f'verify: true, ca_file: "{authority.cert}"'
    hub = hub_of(world, authority.server_tls(more=verify))
    cert, key = authority.issue("edge")
    tls = f'tls {{ ca_file: "{authority.cert}", cert_file: "{cert}", key_file: "{key}" }}'
    links(world, hub, below(world, peer, leaf_url(hub, "tls"), tls))


def test_tls_without_the_certificate_is_refused(world, authority):
    verify = f'verify: true, ca_file: "{authority.cert}"'
    hub = hub_of(world, authority.server_tls(more=verify))
    peer = servers.nats_server("newest")
    edge = below(world, peer, leaf_url(hub, "tls"), f'tls {{ ca_file: "{authority.cert}" }}')
    until(lambda: hub.output().count("TLS") > 1, "two attempts fail")
    assert hub.leafs() == [] and edge.leafs() == []


def test_tls_with_an_optional_certificate(world, peer, authority):
    verify = f'verify: optional, ca_file: "{authority.cert}"'
    hub = hub_of(world, authority.server_tls(more=verify))
    cert, key = authority.issue("edge", "DNS:edge.example")
    for count, more in ((1, ""), (2, f'cert_file: "{cert}", key_file: "{key}"')):
        tls = f'tls {{ ca_file: "{authority.cert}"\n {more} }}'
        below(world, peer, leaf_url(hub, "tls"), tls, name=f"below{count}")
        hub.wait_leafs(count)


def test_what_a_peer_denies_by_the_hash_of_an_account(world):
    """nats-server 2.15.3 leaves it to the hub to work these out."""
    users = "accounts { HUB { users: [ {user: h, password: h} ] } }"
    hub = hub_of(world, "authorization { user: h, password: h, account: HUB }", users)
    url = f"nats-leaf://h:h@127.0.0.1:{hub.ports['leaf']}"
    deny = "deny_imports: ['a.{{account-hash()}}', 'b.{{account-hash-leaf-remote()}}']"
    edge = below(world, servers.nats_server("newest"), url, deny)
    hub.wait_leafs()
    at_hub, at_edge = world.client(hub, user="h", password="h"), world.client(edge)
    at_edge.subscribe(">")
    at_edge.flush()
    hub.wait_interest(">")
    local, remote_hash = "szMpdrwD", "LNj1UmbN"  # Of "$G" and "HUB".
    for subject in (f"a.{local}", f"b.{remote_hash}", f"a.{remote_hash}", f"b.{local}"):
        at_hub.publish(subject, b"x")
    assert [at_edge.next().subject for _ in range(2)] == [f"a.{remote_hash}", f"b.{local}"]
    assert at_edge.nothing()
    assert hub.leafs()[0]["out_msgs"] == 2


def test_ping_interval_of_leafnodes(world):
    """A silent peer is given up by leafnodes' own ping_interval and ping_max."""
    hub = hub_of(world, "ping_interval: 1s\n ping_max: 1")
    edge = below(world, servers.nats_server("newest"), leaf_url(hub))
    hub.wait_leafs()
    edge.pause()
    hub.wait_leafs(0, 8)
    edge.resume()
    hub.wait_leafs()


@pytest.mark.parametrize("first", ["true", "auto"])
def test_tls_handshake_first(world, authority, first):
    hub = hub_of(world, authority.server_tls(more=f"handshake_first: {first}"))
    tls = f'tls {{ ca_file: "{authority.cert}", handshake_first: true }}'
    links(world, hub, below(world, servers.nats_server("newest"), leaf_url(hub, "tls"), tls))


def test_tls_handshake_first_falls_back(world, authority):
    hub = hub_of(world, authority.server_tls(more="handshake_first: 100ms"))
    tls = f'tls {{ ca_file: "{authority.cert}" }}'
    links(world, hub, below(world, servers.nats_server("oldest"), leaf_url(hub, "tls"), tls))


WS = "websocket { listen: 127.0.0.1:{websocket}, no_tls: true, compression: true }"


@pytest.mark.parametrize("compression", ["false", "true"])
def test_websocket(world, peer, compression):
    hub = hub_of(world, config=WS)
    edge = below(world, peer, websocket_url(hub), f"ws_compression: {compression}")
    links(world, hub, edge)


def test_websocket_over_tls(world, peer, authority):
    config = f"websocket {{ listen: 127.0.0.1:{{websocket}}\n {authority.server_tls()} }}"
    hub = hub_of(world, config=config)
    tls = f'tls {{ ca_file: "{authority.cert}" }}'
    links(world, hub, below(world, peer, websocket_url(hub, "wss"), tls))


def test_websocket_without_a_leaf_listener_is_refused(world):
    hub = world.alone(WS, name="hub")
    below(world, servers.nats_server("newest"), websocket_url(hub))
    hub.wait_for_output("Not configured to accept leaf node connections")
    assert hub.leafs() == []


def test_interest_queues_and_requests(world, peer):
    hub = hub_of(world)
    edge = below(world, peer, leaf_url(hub))
    hub.wait_leafs()
    at_hub, at_edge = world.client(hub), world.client(edge)
    for _ in range(3):
        at_edge.subscribe("work", "g")
    at_edge.subscribe("ask")
    at_edge.flush()
    hub.wait_interest("work")
    hub.wait_interest("ask")
    for i in range(60):
        at_hub.publish("work", b"%d" % i)
    at_hub.flush()
    assert len(at_edge.take(60)) == 60
    assert at_edge.nothing()
    # A member here is served first.
    near = world.client(hub)
    near.subscribe("work", "g")
    near.flush()
    for _ in range(10):
        at_hub.publish("work", b"near")
    assert len(near.take(10)) == 10
    near.close()
    # A request from here is answered there.
    reply = at_hub.subscribe("inbox.1")
    at_hub.publish("ask", b"?", "inbox.1")
    question = at_edge.next()
    assert question.subject == "ask" and question.reply

    def answered() -> bool:
        at_edge.publish(question.reply, b"!")
        try:
            return at_hub.next(0.2, reply).payload == b"!"
        except TimeoutError:
            return False

    until(answered, "the answer comes back")
    # And a request there finds nobody here, at once.
    assert at_edge.request("nobody.there").status() == "503"


def test_interest_comes_and_goes(world, peer):
    hub = hub_of(world)
    edge = below(world, peer, leaf_url(hub))
    hub.wait_leafs()
    client = world.client(edge)
    sid = client.subscribe("come.and.go")
    client.flush()
    hub.wait_interest("come.and.go")
    client.unsubscribe(sid)
    client.flush()

    def gone() -> bool:
        return all("come.and.go" not in (leaf.get("subscriptions_list") or []) for leaf in hub.leafs())

    until(gone, "the interest is gone")


def test_jetstream_of_the_leaf_is_its_own(world):
    """A stream below: its API is reached by its domain, its messages come from here."""
    hub = hub_of(world)
    store = world.directory / "js"
    edge = below(
        world, servers.nats_server("newest"), leaf_url(hub),
        config=f'jetstream {{ store_dir: "{store}", domain: edge }}',
    )  # fmt: skip
    hub.wait_leafs()
    at_hub, at_edge = world.client(hub), world.client(edge)
    created = at_edge.request(
        "$JS.API.STREAM.CREATE.S", b'{"name":"S","subjects":["s.>"],"storage":"file"}'
    )
    assert b'"error"' not in created.payload, created.payload
    hub.wait_interest("s.>")
    for i in range(10):
        at_hub.publish("s.a", b"%d" % i)
    at_hub.flush()

    def stored() -> bool:
        return b'"messages":10' in at_edge.request("$JS.API.STREAM.INFO.S").payload

    until(stored, "ten messages in the stream below")
    until(
        lambda: b'"messages":10' in at_hub.request("$JS.edge.API.STREAM.INFO.S", timeout=2).payload,
        "its API is reached by the domain",
    )
    assert at_hub.request("$JS.API.INFO").status() == "503"


@pytest.mark.parametrize("kind", ["under_test", "newest"])
def test_an_account_without_a_user(world, kind):
    """It is where leafs go that nobody has to know, whatever they say of themselves."""
    server = world.server(
        servers.server_under_test() if kind == "under_test" else servers.nats_server("newest"), "edge",
        "accounts { A {}, B {} }\nleafnodes { listen: 127.0.0.1:{leaf}\n authorization { account: A } }\n",
    )  # fmt: skip
    for name, user in (("silent", ""), ("named", "joe:p")):
        world.server(servers.nats_server("newest"), name,
                     f"leafnodes {{ remotes: [ {{ {remote(server, user=user)} }} ] }}")  # fmt: skip
    server.wait_leafs(2)
    assert [leaf["account"] for leaf in server.leafs()] == ["A", "A"]


@pytest.mark.parametrize("kind", ["under_test", "newest"])
def test_an_account_without_a_user_where_clients_have_names(world, kind):
    server = world.server(
        servers.server_under_test() if kind == "under_test" else servers.nats_server("newest"), "edge",
        "accounts { A {}, B { users: [{user: joe, password: p}] } }\n"
        "leafnodes { listen: 127.0.0.1:{leaf}\n authorization { account: A } }\n",
    )  # fmt: skip
    silent, named = (
        world.server(servers.nats_server("newest"), name,
                     f"leafnodes {{ remotes: [ {{ {remote(server, user=user)} }} ] }}")  # fmt: skip
        for name, user in (("silent", ""), ("named", "joe:p"))
    )
    server.wait_leafs(1)
    assert [leaf["account"] for leaf in server.leafs()] == ["B"]
    until(lambda: "Authorization Violation" in silent.output(), "the other is refused")


def test_login(world, peer):
    hub = hub_of(world, "authorization { users: [ { user: ann, password: s3cret } ] }")
    wrong = below(world, peer, f"nats-leaf://ann:wrong@127.0.0.1:{hub.ports['leaf']}", name="wrong")
    right = below(world, peer, f"nats-leaf://ann:s3cret@127.0.0.1:{hub.ports['leaf']}", name="right")
    hub.wait_leafs()
    until(lambda: "Authorization Violation" in wrong.output(), "the refusal is told")
    assert [leaf["name"] for leaf in hub.leafs()] == ["right"]
    links(world, hub, right)


@pytest.mark.parametrize("isolated", [False, True])
def test_isolation(world, isolated):
    """What one leaf wants another is told, unless they are isolated."""
    hub = hub_of(world, f"isolate_leafnode_interest: {str(isolated).lower()}")
    peer = servers.nats_server("newest")
    one = below(world, peer, leaf_url(hub), name="one")
    two = below(world, peer, leaf_url(hub), name="two")
    hub.wait_leafs(2)
    first, here = world.client(one), world.client(hub)
    first.subscribe("of.one")
    first.flush()
    hub.wait_interest("of.one")
    here.subscribe("of.hub")
    here.flush()
    two.wait_interest("of.hub")
    if not isolated:
        two.wait_interest("of.one")
    told = two.leafs()[0].get("subscriptions_list") or []
    assert ("of.one" in told) != isolated


@pytest.mark.petiole  # As nats-server since 2.12; the marked leaf is a petiole.
def test_isolation_that_the_leaf_asks_for(world):
    hub = hub_of(world)
    peer = servers.server_under_test()
    one = below(world, peer, leaf_url(hub), name="one")
    two = below(world, peer, leaf_url(hub), "request_isolation: true", name="two")
    hub.wait_leafs(2)
    first, here = world.client(one), world.client(hub)
    first.subscribe("of.one")
    first.flush()
    hub.wait_interest("of.one")
    here.subscribe("of.hub")
    here.flush()
    two.wait_interest("of.hub")
    assert "of.one" not in (two.leafs()[0].get("subscriptions_list") or [])


def test_minimum_version(world):
    hub = hub_of(world, "min_version: 2.11.0")
    old = below(world, servers.nats_server("oldest"), leaf_url(hub), name="old")
    new = below(world, servers.nats_server("newest"), leaf_url(hub), name="new")
    hub.wait_leafs()
    text = 'connection rejected since minimum version required is "2.11.0"'
    old.wait_for_output(text)
    assert [leaf["name"] for leaf in hub.leafs()] == ["new"]
    assert new.leafs()


def test_minimum_version_on_the_wire(world):
    hub = hub_of(world, "min_version: 2.11.0")
    sock = socket.create_connection(("127.0.0.1", hub.ports["leaf"]), 10)
    sock.settimeout(10)
    sock.sendall(b'CONNECT {"version":"2.10.9","name":"x","server_id":"Y"}\r\n')
    text = b""
    while data := sock.recv(65536):
        text += data
    lines = text.split(b"\r\n")
    assert lines[0].startswith(b"INFO ") and b'"connect_info":true' in lines[1]
    want = b'-ERR \'connection rejected since minimum version required is "2.11.0"\''
    assert lines[2] == want


def test_loop(world):
    """hub <- one <- two <- hub: somebody sees it and stays away."""
    hub = hub_of(world)
    peer = servers.nats_server("newest")
    one = world.server(
        peer, "one",
        f"leafnodes {{ listen: 127.0.0.1:{{leaf}}\n remotes: [ {{ url: \"{leaf_url(hub)}\" }} ] }}",
    )  # fmt: skip
    hub.wait_leafs()
    urls = f"{{ url: \"{leaf_url(hub)}\" }}, {{ url: \"nats-leaf://127.0.0.1:{one.ports['leaf']}\" }}"
    two = world.server(peer, "two", f"leafnodes {{ remotes: [ {urls} ] }}")
    until(
        lambda: any("Loop detected" in s.output() for s in (one, two)), "the loop is detected", 30
    )


def test_the_same_leaf_again_replaces_the_first(world):
    hub = hub_of(world)
    peer = servers.nats_server("newest")
    first = below(world, peer, leaf_url(hub), name="twin")
    hub.wait_leafs()
    # The same name from another process, as after a reconnect that the hub has not noticed.
    config = first.config.read_text().replace(f":{first.port}", ":-1").replace(
        f":{first.monitor_port}", ":-1"
    )
    (world.directory / "again.conf").write_text(config)
    again = world.process("again", [str(peer.path), "-c", str(world.directory / "again.conf")])
    again.start()
    first.wait_for_output("Duplicate Remote LeafNode Connection")
    again.stop()


def test_a_client_on_the_leaf_port(world):
    hub = hub_of(world)
    sock = socket.create_connection(("127.0.0.1", hub.ports["leaf"]), 10)
    sock.settimeout(10)
    sock.sendall(b'CONNECT {"lang":"go","version":"1"}\r\n')
    text = b""
    try:
        while data := sock.recv(65536):
            text += data
    except ConnectionError:
        pass
    assert b"-ERR 'attempted to connect to leaf node port'" in text
