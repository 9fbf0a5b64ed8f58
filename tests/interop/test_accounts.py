"""Accounts: the same scripts against petiole and a nats-server, side by side, must see the same."""

import json
import re

import pytest

from harness import servers
from harness.traffic import flows
from harness.wait import until
from harness.world import remote

CONFIG = """
accounts {
  E {
    users: [ {user: e, password: e}, {user: e2, password: e2} ]
    exports: [
      {stream: "pub.>"}
      {stream: "priv.*", accounts: [I]}
      {stream: "lit"}
      {service: "svc.*.*"}
      {service: "one"}
      {service: "many", response_type: stream}
      {service: "chunks", response_type: chunked, response_threshold: "1s"}
      {service: "measured", latency: {sampling: 100%, subject: "latency.measured"}}
      {service: "by.*", account_token_position: 2}
    ]
    mappings: { "mapped.in": "one" }
  }
  I {
    users: [ {user: i, password: i}, {user: i2, password: i2} ]
    imports: [
      {stream: {account: E, subject: "pub.>"}}
      {stream: {account: E, subject: "priv.*"}, prefix: "from.e"}
      {stream: {account: E, subject: "lit"}, to: "near.lit"}
      {service: {account: E, subject: "svc.*.*"}, to: "ask.$2.$1"}
      {service: {account: E, subject: "one"}, share: true}
      {service: {account: E, subject: "many"}}
      {service: {account: E, subject: "chunks"}}
      {service: {account: E, subject: "measured"}}
      {service: {account: E, subject: "by.I"}, to: "mine"}
    ]
    mappings: {
      "old.*": "new.$1"
      "gone": [ {destination: "gone", weight: 0%} ]
      "parts.*.*": "parted.{{partition(5,1,2)}}.$2"
      "old.ask.*.*": "ask.$1.$2"
    }
  }
  O {
    users: [ {user: o, password: o} ]
    limits { max_connections: 2, max_payload: 64, max_subscriptions: 3 }
  }
}
"""


@pytest.fixture
def pair(world):
    """The server under test and the reference, with one configuration."""
    return world.alone(CONFIG), world.server(servers.nats_server("newest"), "reference", CONFIG)


def login(world, server, user: str, **options):
    return world.client(server, user=user, password=user, **options)


def received(client, timeout: float = 0.3) -> list:
    """All that has come, as far as it can be compared."""
    got = []
    while True:
        try:
            m = client.next(timeout)
        except TimeoutError:
            return got
        timeout = 0.05
        headers = m.headers()
        info = headers.pop("Nats-Request-Info", None)
        if info is not None:
            fields = json.loads(info)
            headers["info"] = {k: fields[k] for k in ("acc", "svc", "user", "name", "kind", "client_type") if k in fields}
        reply = re.sub(r"^_R_\.\w{6}\.\w{6}", "_R_", m.reply)
        got.append((m.subject, m.sid, reply, m.payload.decode(), m.status(), headers))


def same(world, pair, script):
    mine, theirs = (script(world, server) for server in pair)
    assert mine == theirs
    return mine


WISHES = ["pub.a", "pub.>", "pub.*", ">", "from.e.priv.x", "from.e.priv.*", "*.e.priv.x", "from.>", "near.lit", "near.*", "lit", "priv.x"]


@pytest.mark.parametrize("wish", WISHES)
def test_stream_imports(world, pair, wish):
    def script(world, server):
        importer, exporter, other = (login(world, server, user) for user in ("i", "e", "o"))
        importer.subscribe(wish)
        other.subscribe(">")
        importer.flush(), other.flush()
        for subject in ("pub.a", "pub.a.b", "pub", "priv.x", "priv.x.y", "lit", "secret"):
            exporter.publish(subject, subject.encode())
        exporter.flush()
        return received(importer), received(other)

    mine = same(world, pair, script)
    assert mine[1] == []
    assert mine[0] or wish in ("lit", "priv.x")


def test_a_queue_group_over_both_accounts(world, pair):
    def script(world, server):
        importer, exporter, publisher = (login(world, server, user) for user in ("i", "e", "e2"))
        importer.subscribe("pub.q", "g")
        exporter.subscribe("pub.*", "g")
        importer.flush(), exporter.flush()
        for n in range(40):
            publisher.publish("pub.q", b"%d" % n)
        publisher.flush()
        here, there = received(importer), received(exporter)
        return len(here) + len(there), bool(here), bool(there)

    assert same(world, pair, script) == (40, True, True)


def answer(responder, *bodies: bytes):
    request = responder.next()
    for body in bodies:
        responder.publish(request.reply, body)
    responder.flush()
    return request


@pytest.mark.parametrize(
    "subject, foreign, bodies",
    [
        ("ask.b.a", "svc.a.b", [b"1", b"2"]),
        ("one", "one", [b"1", b"2"]),
        ("many", "many", [b"1", b"2", b"", b"3"]),
        ("chunks", "chunks", [b"1", b"", b"2"]),
        ("mine", "by.I", [b"1"]),
        ("old.ask.b.a", "svc.a.b", [b"1"]),
    ],
)
def test_services(world, pair, subject, foreign, bodies):
    def script(world, server):
        importer, exporter, eavesdropper = (login(world, server, user) for user in ("i", "e", "i2"))
        exporter.subscribe(foreign)
        eavesdropper.subscribe("_R_.>")
        exporter.flush(), eavesdropper.flush()
        importer.subscribe("_INBOX.x")
        importer.publish(subject, b"q", "_INBOX.x", {"Mine": "1", "Nats-Request-Info": '{"acc":"E"}'})
        importer.flush()
        request = exporter.next()
        for body in bodies:
            exporter.publish(request.reply, body)
        exporter.flush()
        shown = (request.subject, request.payload, request.headers().get("Mine"))
        info = json.loads(request.headers()["Nats-Request-Info"])
        return shown, info["acc"], info.get("user"), received(importer), received(eavesdropper)

    same(world, pair, script)


def test_what_the_responder_sees(world, pair):
    def script(world, server):
        importer, exporter = login(world, server, "i"), login(world, server, "e")
        exporter.subscribe("svc.>")
        exporter.subscribe("one")
        exporter.flush()
        importer.publish("ask.2.1", b"q", "_INBOX.x")
        importer.publish("one", b"q", "_INBOX.x")
        importer.publish("one", b"no reply")
        importer.flush()
        return received(exporter)

    same(world, pair, script)


@pytest.mark.parametrize("subject", ["one", "ask.a.b", "nobody", "from.e.priv.x", "gone"])
def test_no_responders(world, pair, subject):
    def script(world, server):
        importer = login(world, server, "i")
        importer.subscribe("_INBOX.x")
        importer.publish(subject, b"", "_INBOX.x")
        importer.flush()
        return received(importer)

    mine = same(world, pair, script)
    assert mine[0][4] == "503"


def test_mappings(world, pair):
    def script(world, server):
        importer, listener, exporter = (login(world, server, user) for user in ("i", "i2", "e"))
        listener.subscribe(">")
        exporter.subscribe("one")
        listener.flush(), exporter.flush()
        for subject in ("old.a", "old.a.b", "gone", "parts.x.y", "parts.x.z", "parts.x"):
            importer.publish(subject, subject.encode())
        importer.flush()
        exporter.publish("mapped.in", b"own")
        exporter.flush()
        return received(listener), received(exporter)

    same(world, pair, script)


def test_limits(world, pair):
    def script(world, server):
        first, second = login(world, server, "o"), login(world, server, "o")
        try:
            third = login(world, server, "o")
            third.wait_closed(2)
            refused = third.errors
        except EOFError as error:
            refused = re.findall(r"'([^']*)'", str(error))
        for n in range(5):
            first.subscribe(f"s.{n}")
        first.flush()
        second.send(b"PUB x 65\r\n" + b"x" * 65 + b"\r\n")
        second.wait_closed()
        return refused, first.errors, second.errors

    mine = same(world, pair, script)
    assert mine[0] == ["maximum account active connections exceeded"]


def test_latency(world, pair):
    def script(world, server):
        importer, exporter, watcher = (login(world, server, user) for user in ("i", "e", "e2"))
        watcher.subscribe("latency.>")
        exporter.subscribe("measured")
        watcher.flush(), exporter.flush()
        importer.subscribe("_INBOX.x")
        importer.publish("measured", b"q", "_INBOX.x")
        importer.flush()
        answer(exporter, b"a")
        seen = [json.loads(watcher.next().payload)]
        importer.publish("measured", b"no reply")
        importer.flush()
        seen.append(json.loads(watcher.next().payload))
        shapes = []
        for sample in seen:
            fields = {k: sorted(v) if isinstance(v, dict) else None for k, v in sample.items()}
            fields.get("requestor", []).remove("rtt") if "rtt" in (fields.get("requestor") or []) else None
            fields.get("responder", []).remove("rtt") if "rtt" in (fields.get("responder") or []) else None
            shapes.append((fields, sample["type"], sample["status"], sample.get("description")))
        return shapes

    same(world, pair, script)


def linked(world, version: str, account: str, hub_config: str = ""):
    """A hub, and a leaf whose remote belongs to `account`."""
    hub = world.hub(version, hub_config)
    edge = world.leaf(remote(hub, more=f"account: {account}"), CONFIG)
    hub.wait_leafs()
    return hub, edge


def test_a_leaf_in_the_exporter_hears_of_importers(world, hub_version):
    hub, edge = linked(world, hub_version, "E")
    importer, at_hub = login(world, edge, "i"), world.client(hub)
    importer.subscribe("from.e.priv.x")
    importer.subscribe("pub.>")
    importer.flush()
    hub.wait_interest("priv.x")
    hub.wait_interest("pub.>")
    at_hub.publish("priv.x", b"down")
    got = importer.next()
    assert (got.subject, got.payload) == ("from.e.priv.x", b"down")


def test_a_leaf_in_the_importer_gets_what_is_imported(world, hub_version):
    hub, edge = linked(world, hub_version, "I")
    exporter, at_hub = login(world, edge, "e"), world.client(hub)
    at_hub.subscribe("from.e.priv.*")
    at_hub.flush()
    edge.wait_interest("from.e.priv.*")
    exporter.publish("priv.x", b"up")
    got = at_hub.next()
    assert (got.subject, got.payload) == ("from.e.priv.x", b"up")
    exporter.publish("secret", b"no")
    assert at_hub.nothing()


def test_a_service_is_asked_from_the_hub(world, hub_version):
    """The importer's link tells of the service; the answer finds its way back."""
    hub, edge = linked(world, hub_version, "I")
    exporter, at_hub = login(world, edge, "e"), world.client(hub)
    exporter.subscribe("svc.>")
    exporter.flush()
    hub.wait_interest("ask.*.*")
    at_hub.subscribe("_INBOX.x")
    at_hub.publish("ask.b.a", b"q", "_INBOX.x")
    at_hub.flush()
    request = answer(exporter, b"a")
    assert request.subject == "svc.a.b"
    got = at_hub.next()
    assert (got.subject, got.payload) == ("_INBOX.x", b"a")


def test_a_service_that_is_offered_at_the_hub(world, hub_version):
    """The exporter's link carries the request up and the answer down."""
    hub, edge = linked(world, hub_version, "E")
    importer, at_hub = login(world, edge, "i"), world.client(hub)
    at_hub.subscribe("svc.>")
    at_hub.flush()
    edge.wait_interest("svc.>")
    importer.subscribe("_INBOX.x")
    importer.publish("ask.b.a", b"q", "_INBOX.x")
    importer.flush()
    request = answer(at_hub, b"a")
    assert request.subject == "svc.a.b"
    got = importer.next()
    assert (got.subject, got.payload) == ("_INBOX.x", b"a")


def test_mappings_of_what_a_hub_sends(world, hub_version):
    """The hub hears of the source, and what it sends there arrives elsewhere."""
    hub, edge = linked(world, hub_version, "I")
    listener, at_hub = login(world, edge, "i"), world.client(hub)
    hub.wait_interest("old.*")
    listener.subscribe("new.*", "q")
    listener.flush()
    at_hub.publish("old.a", b"x")
    got = listener.next()
    assert (got.subject, got.payload) == ("new.a", b"x")


def test_remotes_of_several_accounts(world, hub_version):
    """Each link serves its own account, and no other."""
    hubs = [world.hub(hub_version, name=f"hub{n}") for n in range(2)]
    entries = ", ".join(
        "{ " + remote(hub, more=f"account: {account}") + " }" for hub, account in zip(hubs, "EI")
    )
    edge = world.leaf(entries, CONFIG)
    for hub in hubs:
        hub.wait_leafs()
    at_e, at_i = (world.client(hub) for hub in hubs)
    for client in (at_e, at_i):
        client.subscribe("own.>")
        client.flush()
    until(lambda: sum("own.>" in (leaf.get("subscriptions_list") or []) for leaf in edge.leafs()) == 2, "interest of both")
    login(world, edge, "e").publish("own.e", b"e")
    login(world, edge, "i").publish("own.i", b"i")
    assert at_e.next().subject == "own.e"
    assert at_i.next().subject == "own.i"
    assert at_e.nothing() and at_i.nothing()


def test_max_leafnodes(world, hub_version):
    """The account's limit refuses the second link; the first one stays."""
    config = """
      leafnodes { listen: 127.0.0.1:{leaf}
        authorization { users: [ {user: l, password: l, account: A} ] } }
      accounts { A { users: [ {user: a, password: a} ], limits { max_leafnodes: 1 } } }
    """
    server = world.alone(config, name="accepting")
    url = f'url: "nats-leaf://l:l@127.0.0.1:{server.ports["leaf"]}"\n ignore_discovered_servers: true'
    first = world.server(servers.nats_server(hub_version), "first", f"leafnodes {{ remotes: [ {{ {url.splitlines()[0]} }} ] }}")
    server.wait_leafs()
    second = world.server(servers.nats_server(hub_version), "second", f"leafnodes {{ remotes: [ {{ {url.splitlines()[0]} }} ] }}")
    until(lambda: "maximum account active connections exceeded" in second.output(), "the second link is refused")
    assert [leaf["name"] for leaf in server.leafs()] == [first.name]


HASHED = """
accounts {
  E { users: [ {user: e, password: e} ]
      exports: [ {stream: "s.{{account-hash()}}.*"}, {service: "v.{{account-hash()}}"} ]
      mappings: { "m.{{account-hash()}}.*": "s.{{Account-Hash()}}.{{wildcard(1)}}" } }
  I { users: [ {user: i, password: i} ]
      imports: [
        {stream: {account: E, subject: "s.{{account-hash-import()}}.*"}, to: "t.{{account-hash()}}.$1"}
        {service: {account: E, subject: "v.{{account-hash-import()}}"}, to: "w.{{account-hash()}}"} ] } }
"""


def test_hashes_of_accounts(world):
    """Functions that stand for an account, where it maps, exports and imports."""
    of_e, of_i = "jxLe3f5z", "izMI56vM"

    def script(world, server):
        e, i = login(world, server, "e"), login(world, server, "i")
        i.subscribe(">"), i.flush()
        e.subscribe("v.*"), e.flush()
        e.publish(f"s.{of_e}.a", b"1")
        e.publish(f"m.{of_e}.b", b"2")
        e.publish("s.{{account-hash()}}.c", b"3")
        e.flush()
        i.publish(f"w.{of_i}", b"?", "here")
        i.flush()
        return received(i), received(e)

    pair = [world.alone(HASHED), world.server(servers.nats_server("newest"), "reference", HASHED)]
    at_i, at_e = same(world, pair, script)
    assert [m[0] for m in at_i[:2]] == [f"t.{of_i}.a", f"t.{of_i}.b"]
    assert [m[0] for m in at_e] == [f"v.{of_e}"]


@pytest.mark.petiole
def test_rules_belong_to_the_account_of_their_remote(world):
    """What an account's clients publish is kept for its hub alone."""
    hubs = [world.hub(name=f"hub{n}") for n in range(2)]
    entries = ", ".join(
        "{ " + remote(hub, more=f"account: {account}") + " }" for hub, account in zip(hubs, "EI")
    )
    rules = "store_and_forward { dir: '{dir}/store', rules: [ {subjects: ['t.>'], account: E}, {subjects: ['t.>'], account: I} ] }"
    edge = world.leaf(entries, CONFIG + rules)
    for hub in hubs:
        hub.wait_leafs()
    at_e, at_i = login(world, edge, "e"), login(world, edge, "i")
    for n in range(10):
        at_e.publish("t.e", b"%d" % n)
        at_i.publish("t.i", b"%d" % n)
    at_e.flush(), at_i.flush()
    assert edge.monitor("/mirrorz")["messages"] == 20  # No interest up there yet.
    edge.restart()
    for hub in hubs:
        hub.wait_leafs()
    for hub, subject in zip(hubs, ("t.e", "t.i")):
        client = world.client(hub)
        client.subscribe("t.>")
        got = [client.next(20) for _ in range(10)]
        assert [m.subject for m in got] == [subject] * 10
        assert [m.payload for m in got] == [b"%d" % n for n in range(10)]
    until(lambda: edge.monitor("/mirrorz")["messages"] == 0, "all is confirmed")
    assert {rule["account"] for rule in edge.monitor("/mirrorz")["rules"]} == {"E", "I"}
