"""Message traces: the same messages through petiole and through a nats-server leave the same traces.

Events are compared field by field, up to times, ids and the version of the server; so is what was
delivered."""

import gzip
import json
import re
import subprocess

import pytest

from harness import servers
from harness.wait import until
from harness.world import remote

CONFIG = """
accounts {
  A {
    users: [
      {user: a, password: p}
      {user: few, password: p, permissions: {publish: {deny: ["secret", "hidden.dest"]}, subscribe: {deny: ["no.*"]}}}
    ]
    msg_trace: {dest: "w3c.traces"}
    mappings: { "old.*": "new.$1", "lost": [ {destination: "lost", weight: 0%} ] }
    exports: [
      {stream: "open.>"}
      {stream: "shut.>"}
      {service: "traced.svc", allow_trace: true}
      {service: "plain.svc"}
    ]
    imports: [ {service: {account: C, subject: "deep.svc"}} ]
  }
  B {
    users: [ {user: b, password: p} ]
    msg_trace: "w3c.traces"
    imports: [
      {stream: {account: A, subject: "open.>"}, prefix: "from.a", allow_trace: true}
      {stream: {account: A, subject: "shut.>"}}
      {service: {account: A, subject: "traced.svc"}, to: "ask.traced"}
      {service: {account: A, subject: "plain.svc"}, to: "ask.plain"}
    ]
  }
  C {
    users: [ {user: c, password: p} ]
    exports: [ {service: "deep.svc", allow_trace: true} ]
  }
}
"""

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def without_tokens(text: str) -> str:
    return re.sub(r"_R_\.\w+\.\w+", "_R_", text)


def plain(event: dict) -> dict:
    """What can be compared of an event."""
    server = event["server"]
    assert {"id", "seq", "time", "ver"} <= server.keys()
    kept = {k: server[k] for k in server.keys() - {"id", "seq", "time", "ver", "feature_flags"}}
    kept["name"] = re.sub(r"\d+$", "", kept["name"])
    if "cluster" in kept:
        kept["cluster"] = re.sub(r"\d+$", "", kept["cluster"])
    steps = []
    for step in event["events"]:
        assert step["ts"].startswith("20") and (step["type"] not in ("in", "eg") or step["cid"] > 0)
        step = {k: v for k, v in step.items() if k not in ("ts", "cid")}
        if step.get("kind") == 4:
            step["name"] = re.sub(r"\d+$", "", step["name"])
        steps.append({k: without_tokens(v) if isinstance(v, str) else v for k, v in step.items()})
    first = next((i for i, step in enumerate(steps) if step["type"] in ("se", "eg")), len(steps))
    steps[first:] = sorted(steps[first:], key=json.dumps)  # in whatever order they were found
    request = dict(event["request"], header=dict(event["request"]["header"]))
    for name, values in request["header"].items():
        request["header"][name] = [without_tokens(value) for value in values]
    if any("Nats-Request-Info" == name for name in request["header"]):
        request["header"]["Nats-Request-Info"] = "info"
        request.pop("msgsize")
    return {**event, "server": kept, "request": request, "events": steps}


def received(client, wait: float = 0.3) -> list:
    """All that has come, as far as it can be compared."""
    got = []
    while True:
        try:
            m = client.next(wait)
        except TimeoutError:
            return got
        wait = 0.05
        headers = m.headers()
        headers.pop("Nats-Request-Info", None)
        headers = {name: without_tokens(value) for name, value in headers.items()}
        got.append((m.subject, m.payload.decode(), m.status(), headers))


def traced(world, server, case: dict):
    """What the case's message leaves behind: its trace, deliveries, errors of the publisher."""
    log_in = lambda user, name, **more: world.client(server, user=user, password="p", name=name, **more)  # noqa: E731
    user = case.get("user", "a")
    observer = log_in("a" if user == "few" else user, "observer")
    for subject in ("my.dest", "w3c.traces", "hidden.dest"):
        observer.subscribe(subject)
    observer.flush()
    clients = []
    for who, name, subject, *queue in case.get("subs", []):
        clients.append(log_in(who, name))
        clients[-1].subscribe(subject, *queue)
        clients[-1].flush()
    publisher = log_in(user, "publisher", echo=case.get("echo", True))
    for subject in case.get("own", []):
        publisher.subscribe(subject)
    try:  # The end may come in the midst of a payload.
        publisher.publish(case["subject"], case.get("payload", b"hello"), case.get("reply", ""), case["headers"])
        publisher.flush()
    except (EOFError, ConnectionError):
        assert case.get("closes")
    events = []
    for message in [observer.next(5)] if case.get("traced", True) else []:
        assert message.header == b""
        events.append(plain(json.loads(message.payload)))
    assert observer.nothing(0.2)
    delivered = [received(client) for client in clients]
    if case.get("closes"):  # What was said before may be lost with the rest of the input.
        return events, delivered
    return events, delivered, publisher.errors, received(publisher, 0.05)


DEST = {"Nats-Trace-Dest": "my.dest"}
ONLY = {**DEST, "Nats-Trace-Only": "true"}
TWO = [("a", "one", "foo"), ("a", "two", "*")]
QUEUE = [("a", "worker", "foo", "q")]
CASES = {
    "delivered": {"subject": "foo", "headers": DEST, "subs": TWO},
    "traced alone": {"subject": "foo", "headers": ONLY, "subs": TWO},
    "alone, as a number": {"subject": "foo", "headers": {**DEST, "Nats-Trace-Only": "1"}, "subs": TWO},
    "alone, as ON": {"subject": "foo", "headers": {**DEST, "Nats-Trace-Only": "ON"}, "subs": TWO},
    "alone, said no": {"subject": "foo", "headers": {**DEST, "Nats-Trace-Only": "false"}, "subs": TWO},
    "alone without a destination": {"subject": "foo", "headers": {"Nats-Trace-Only": "true"}, "subs": TWO, "traced": False},
    "nobody there": {"subject": "foo", "headers": DEST},
    "nobody answers": {"subject": "foo", "headers": DEST, "reply": "back", "own": ["back"]},
    "somebody would answer": {"subject": "foo", "headers": ONLY, "subs": TWO, "reply": "back", "own": ["back"]},
    "a queue": {"subject": "foo", "headers": ONLY, "subs": QUEUE},
    "a queue, delivered": {"subject": "foo", "headers": DEST, "subs": QUEUE},
    "no echo": {"subject": "foo", "headers": DEST, "own": ["foo"], "echo": False},
    "mapped": {"subject": "old.x", "headers": ONLY, "subs": [("a", "one", "new.x")]},
    "mapped away": {"subject": "lost", "headers": DEST, "subs": [("a", "one", "lost")]},
    "other headers": {"subject": "foo", "headers": {"Zoo": "<&>", "A-b": "c", **DEST}, "subs": TWO},
    "forbidden to publish": {"user": "few", "subject": "secret", "headers": DEST, "subs": [("a", "one", "secret")]},
    "forbidden to publish, alone": {"user": "few", "subject": "secret", "headers": ONLY},
    "reserved reply": {"subject": "foo", "headers": DEST, "subs": TWO, "reply": "_R_.x"},
    "forbidden destination": {"user": "few", "subject": "foo", "headers": {"Nats-Trace-Dest": "hidden.dest"}, "subs": TWO, "traced": False},
    "reserved destination": {"subject": "foo", "headers": {"Nats-Trace-Dest": "_GR_.a.b"}, "subs": TWO, "traced": False},
    "bad destination": {"subject": "foo", "headers": {"Nats-Trace-Dest": "a b"}, "subs": TWO, "traced": False},
    "bad destination, alone": {"subject": "foo", "headers": {"Nats-Trace-Dest": "a..b", "Nats-Trace-Only": "true"}, "subs": TWO, "traced": False},
    "wildcard destination": {"subject": "foo", "headers": {"Nats-Trace-Dest": "my.*"}, "subs": TWO, "traced": False},
    "disabled": {"subject": "foo", "headers": {"Nats-Trace-Dest": "trace disabled", "traceparent": PARENT}, "subs": TWO, "traced": False},
    "an old hop": {"subject": "foo", "headers": {**DEST, "Nats-Trace-Hop": "3.1"}, "subs": TWO},
    "an origin account": {"subject": "foo", "headers": {**DEST, "Nats-Trace-Origin-Account": "A"}, "subs": TWO, "traced": False},
    "an origin account, alone": {"subject": "foo", "headers": {**ONLY, "Nats-Trace-Origin-Account": "A"}, "subs": TWO, "traced": False},
    "subscription denied": {"subject": "no.go", "headers": DEST, "subs": [("few", "one", "*.go"), ("a", "two", "no.go")]},
    "traceparent": {"subject": "foo", "headers": {"TraceParent": PARENT, "Nats-Trace-Only": "true"}, "subs": TWO},
    "traceparent, not sampled": {"subject": "foo", "headers": {"traceparent": PARENT[:-1] + "0"}, "subs": TWO, "traced": False},
    "traceparent, torn": {"subject": "foo", "headers": {"traceparent": PARENT[:-3]}, "subs": TWO, "traced": False},
    "traceparent and a destination": {"subject": "foo", "headers": {"traceparent": PARENT, **ONLY}, "subs": TWO},
    "traceparent of an account without": {"user": "c", "subject": "foo", "headers": {"traceparent": PARENT}, "subs": [("c", "one", "foo")], "traced": False},
    "stream import": {"subject": "open.x", "headers": DEST, "subs": [("b", "one", "from.a.open.x"), ("b", "two", "from.a.open.*", "q"), ("a", "three", "open.x")]},
    "stream import, alone": {"subject": "open.x", "headers": ONLY, "subs": [("b", "one", "from.a.open.x"), ("b", "two", "from.a.open.*", "q")]},
    "stream import without leave": {"subject": "shut.x", "headers": DEST, "subs": [("b", "one", "shut.x"), ("b", "two", "shut.*", "q")]},
    "stream import without leave, alone": {"subject": "shut.x", "headers": ONLY, "subs": [("b", "one", "shut.x"), ("b", "two", "shut.*", "q")], "reply": "back", "own": ["back"]},
    "service import": {"user": "b", "subject": "ask.traced", "headers": DEST, "subs": [("a", "one", "traced.svc"), ("a", "two", "traced.svc", "q")]},
    "service import, alone": {"user": "b", "subject": "ask.traced", "headers": ONLY, "subs": [("a", "one", "traced.svc")], "reply": "back", "own": ["back"]},
    "service import without leave": {"user": "b", "subject": "ask.plain", "headers": DEST, "subs": [("a", "one", "plain.svc")]},
    "service import without leave, alone": {"user": "b", "subject": "ask.plain", "headers": ONLY, "subs": [("a", "one", "plain.svc")], "reply": "back", "own": ["back"]},
    "service import, nobody there": {"user": "b", "subject": "ask.traced", "headers": DEST, "reply": "back", "own": ["back"]},
    "two services": {"subject": "deep.svc", "headers": ONLY, "subs": [("c", "one", "deep.svc")]},
    "too large": {"subject": "foo", "headers": DEST, "payload": b"x" * 1100000, "closes": True},
    "too large, with a reply": {"subject": "foo", "headers": ONLY, "payload": b"x" * 1100000, "reply": "back", "closes": True},
}  # fmt: skip


@pytest.fixture(scope="module")
def module_world(tmp_path_factory):
    from harness.world import World

    made = World(tmp_path_factory.mktemp("trace"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def pair(module_world):
    """The server under test and the reference, with one configuration."""
    reference = servers.nats_server("newest")
    return module_world.alone(CONFIG, name="edge1"), module_world.server(reference, "edge2", CONFIG)


@pytest.mark.parametrize("name", CASES)
def test_one_server(world, pair, name):
    mine, theirs = (traced(world, server, CASES[name]) for server in pair)
    assert mine == theirs
    assert len(mine[0]) == (1 if CASES[name].get("traced", True) else 0)


def test_the_answer_to_a_traced_request_is_traced_itself(world, pair):
    def script(server):
        asker, responder = (world.client(server, user=u, password="p", name=u) for u in ("b", "a"))
        asker.subscribe("back")
        responder.subscribe("plain.svc")
        responder.subscribe("my.dest")
        asker.flush(), responder.flush()
        asker.publish("ask.plain", b"?", "back")
        reply = responder.next().reply
        responder.publish(reply, b"!", "", DEST)
        return plain(json.loads(responder.next().payload)), received(asker)

    mine, theirs = (script(server) for server in pair)
    assert mine == theirs
    assert [step["type"] for step in mine[0]["events"]] == ["in", "si"]


def unframe_snappy(data: bytes) -> bytes:
    """The stream format of snappy, of chunks as they are; the reference compresses them."""
    assert data[:10] == b"\xff\x06\x00\x00sNaPpY"
    text, at = b"", 10
    while at < len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 4], "little")
        assert kind == 1
        text += data[at + 8 : at + 4 + size]
        at += 4 + size
    return text


@pytest.mark.parametrize("accepted, named", [("gzip", "gzip"), ("snappy", "snappy"), ("deflate", "identity"), ("S2, gzip", "snappy")])
def test_an_event_comes_in_the_encoding_that_the_message_accepts(world, pair, accepted, named):
    for server in pair:
        client = world.client(server, user="a", password="p")
        client.subscribe("my.dest")
        client.publish("foo", b"", "", {**DEST, "Accept-Encoding": accepted})
        message = client.next()
        assert message.headers() == {"Content-Encoding": named}
        if named == "gzip":
            event = json.loads(gzip.decompress(message.payload))
        elif named == "snappy":
            if not server.kind.is_petiole:
                continue
            event = json.loads(unframe_snappy(message.payload))
        else:
            event = json.loads(message.payload)
        assert event["request"]["header"]["Accept-Encoding"] == [accepted]


def test_sampling(world):
    """Of a hundred traces some come and some do not; what does not says so to others."""
    server = world.alone('accounts { A { users: [{user: a, password: p}], msg_trace: {dest: "d", sampling: "50%"} } }')
    client = world.client(server, user="a", password="p")
    client.subscribe("d"), client.subscribe("foo")
    for _ in range(200):
        client.publish("foo", b"", "", {"traceparent": PARENT})
    client.flush()
    got = received(client)
    events = sum(1 for subject, *_ in got if subject == "d")
    disabled = sum(1 for subject, _, _, headers in got if headers.get("Nats-Trace-Dest") == "trace disabled")
    assert 40 < events < 160 and events + disabled == 200


# Over leaf links: a hub, the server under test in the middle, a nats-server below it.


def chain(world, middle_kind, mark: str, hub_version: str = "newest", below_version: str = "newest"):
    hub = world.server(servers.nats_server(hub_version), f"hub{mark}", "leafnodes { listen: 127.0.0.1:{leaf} }")
    leafnodes = f"leafnodes {{ listen: 127.0.0.1:{{leaf}}\n remotes: [ {{ {remote(hub)} }} ] }}"
    middle = world.server(middle_kind, f"middle{mark}", leafnodes)
    below = world.server(servers.nats_server(below_version), f"below{mark}", f"leafnodes {{ remotes: [ {{ {remote(middle)} }} ] }}")
    middle.wait_leafs(2)
    return {"hub": hub, "middle": middle, "below": below}


def wait_for_interest(chain_of: dict, subject: str, at: str) -> None:
    """Until all the servers know that somebody at `at` wants `subject`."""
    order = list(chain_of)
    for index, name in enumerate(order):
        if name == at:
            continue
        beyond = order[index + 1] if order.index(at) > index else order[index - 1]
        until(lambda: any(leaf["name"].startswith(beyond) and subject in (leaf.get("subscriptions_list") or [])
                          for leaf in chain_of[name].leafs()), f"{name} knows of {subject}")  # fmt: skip


def traces_through(world, chain_of: dict, origin: str, only: bool, count: int) -> tuple:
    observer = world.client(chain_of[origin], name="observer")
    observer.subscribe("my.dest")
    observer.flush()
    wait_for_interest(chain_of, "my.dest", origin)
    clients = {}
    for name, server in chain_of.items():
        clients[name] = world.client(server, name=f"at {name}")
        clients[name].subscribe("foo")
        clients[name].flush()
        wait_for_interest(chain_of, "foo", name)
    publisher = world.client(chain_of[origin], name="publisher")
    publisher.publish("foo", b"hello", "", ONLY if only else DEST)
    events = [plain(json.loads(observer.next().payload)) for _ in range(count)]
    assert observer.nothing(0.3)
    return sorted(events, key=json.dumps), {name: received(client) for name, client in clients.items()}


def without_hops(result: tuple) -> tuple:
    text = re.sub(r'("(?:hop|Nats-Trace-Hop)": \[?)"\d"', r'\1"n"', json.dumps(result))
    events, got = json.loads(text)
    for event in events:
        event["events"].sort(key=json.dumps)
    return sorted(events, key=json.dumps), got


@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize("origin", ["hub", "middle", "below"])
def test_over_leaf_links(world, origin, only):
    """Every server tells of the message, and hops number the way."""
    mine = traces_through(world, chain(world, servers.server_under_test(), "1"), origin, only, 3)
    theirs = traces_through(world, chain(world, servers.nats_server("newest"), "2"), origin, only, 3)
    if origin == "middle":  # Its two links are told in no order.
        for events, got in (mine, theirs):
            hops = [hop for event in events for hop in event["request"]["header"].get("Nats-Trace-Hop", [])]
            assert sorted(hops) == ["1", "2"]
            sent = [headers["Nats-Trace-Hop"] for name in ("hub", "below") for *_, headers in got[name]]
            assert only or sorted(sent) == ["1", "2"]
        mine, theirs = (without_hops(each) for each in (mine, theirs))
    assert mine == theirs
    assert all(not got for got in mine[1].values()) == only


@pytest.mark.parametrize("only", [False, True])
def test_a_hub_that_knows_of_no_traces(world, only):
    """What is to be traced alone does not go there; else the event says that none will come back."""
    def script(kind, mark):
        hub = world.hub("oldest", name=f"hub{mark}")
        edge = world.server(kind, f"edge{mark}", f"leafnodes {{ remotes: [ {{ {remote(hub)} }} ] }}")
        edge.wait_leafs(1)
        there, observer = world.client(hub, name="there"), world.client(edge, name="observer")
        there.subscribe("foo"), there.flush()
        edge.wait_interest("foo")
        observer.subscribe("my.dest"), observer.flush()
        observer.publish("foo", b"hello", "", ONLY if only else DEST)
        event = plain(json.loads(observer.next().payload))
        assert observer.nothing(0.2)
        return event, received(there)

    mine, theirs = script(servers.server_under_test(), "1"), script(servers.nats_server("newest"), "2")
    assert mine == theirs
    assert "support message tracing" in mine[0]["events"][-1]["error"]
    assert bool(mine[1]) != only


def test_a_leaf_that_may_not_send_to_the_destination(world):
    """Neither the message nor an event passes; the link stays."""
    def script(kind, mark):
        accounts = ('accounts { A { users: [ {user: a, password: p}, {user: l, password: p, '
                    'permissions: {publish: {deny: "closed.dest"}}} ] } }\n')  # fmt: skip
        top = world.server(kind, f"top{mark}", accounts + "leafnodes { listen: 127.0.0.1:{leaf} }")
        edge = world.server(servers.nats_server("newest"), f"edge{mark}", f"leafnodes {{ remotes: [ {{ {remote(top, user='l:p')} }} ] }}")
        top.wait_leafs(1)
        there, sender = world.client(top, user="a", password="p"), world.client(edge)
        there.subscribe("foo"), there.subscribe("closed.dest"), there.flush()
        edge.wait_interest("foo")
        sender.publish("foo", b"1", "", {"Nats-Trace-Dest": "closed.dest"})
        sender.publish("foo", b"2")
        return [there.next().payload, received(there)]

    mine, theirs = script(servers.server_under_test(), "1"), script(servers.nats_server("newest"), "2")
    assert mine == theirs == [b"2", []]


def test_a_service_behind_a_leaf_link(world):
    """Its server's events come back to the account that asked."""
    def script(kind, mark):
        accounts = ("accounts { S { users: [{user: s, password: p}], exports: [{service: svc, allow_trace: true}] }\n"
                    "R { users: [{user: r, password: p}], imports: [{service: {account: S, subject: svc}}] } }\n")  # fmt: skip
        top = world.server(kind, f"top{mark}", accounts + "leafnodes { listen: 127.0.0.1:{leaf} }")
        below = world.server(servers.nats_server("newest"), f"below{mark}", f"leafnodes {{ remotes: [ {{ {remote(top, user='s:p')} }} ] }}")
        top.wait_leafs(1)
        responder, asker = world.client(below, name="responder"), world.client(top, user="r", password="p", name="asker")
        responder.subscribe("svc"), responder.flush()
        top.wait_interest("svc")
        asker.subscribe("my.dest"), asker.flush()
        asker.publish("svc", b"?", "", ONLY)
        events = sorted((plain(json.loads(asker.next().payload)) for _ in range(2)), key=json.dumps)
        return events, received(responder)

    mine, theirs = script(servers.server_under_test(), "1"), script(servers.nats_server("newest"), "2")
    assert mine == theirs
    assert mine[1] == []


@pytest.mark.petiole
def test_the_mirror_keeps_no_message_that_is_only_traced(world):
    """Neither at once nor in a replay; what is kept is not traced again."""
    hub = world.hub()
    edge = world.leaf(remote(hub), 'store_and_forward { dir: "{dir}/store", max_bytes: 64MB\n rules: [ { subjects: ["t.>"], durability: disk } ] }')
    edge.wait_leafs(1)
    hub.kill()
    until(lambda: edge.monitor("/linkz")["links"][0]["state"] != "up", "the hub is missed")
    client = world.client(edge, name="publisher")
    client.subscribe("my.dest"), client.flush()
    client.publish("t.only", b"1", "", ONLY)
    client.publish("t.kept", b"2", "", DEST)
    only, kept = (plain(json.loads(client.next().payload)) for _ in range(2))
    stored = {"type": "js", "stream": "store_and_forward"}
    assert only["events"][1:] == [{**stored, "subject": "t.only"}]
    assert kept["events"][1:] == [{**stored, "subject": "t.kept"}]
    until(lambda: edge.monitor("/mirrorz")["messages"] == 1, "one is kept")
    hub.start()
    there = world.client(hub)
    there.subscribe("t.>")
    message = there.next(20)
    assert (message.subject, message.headers()["Nats-Trace-Dest"]) == ("t.kept", "trace disabled")
    assert there.nothing(1) and client.nothing()


def test_the_nats_command(world, pair):
    """`nats trace` prints the same of both."""
    for server in pair:
        worker = world.client(server, user="a", password="p", name="worker")
        worker.subscribe("foo", "q"), worker.flush()
    shown = []
    for server in pair:
        env = {"HOME": str(world.directory), "XDG_CONFIG_HOME": str(world.directory), "NO_COLOR": "1"}
        argv = [str(servers.NATS_CLI), "--server", server.url, "--user", "a", "--password", "p", "trace", "foo", "hello"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=env, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        shown.append(re.sub(r"cid:\d+|edge\d|[\d.]+(ms|µs|s)\b|N[A-Z0-9]{55}|version:\"[\d.]+\"", "*", done.stdout))
    assert shown[0] == shown[1]
    assert "worker" in shown[0]
