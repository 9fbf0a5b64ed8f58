"""The system account: requests, events, what ordinary accounts may ask. Each is compared with what
the newest nats-server says after the same traffic."""

import contextlib
import json
import re
import time

import pytest

from harness import servers, system
from harness.client import Client
from harness.differences import differences, order
from harness.system import admin, app, ask, silent
from harness.wait import until
from harness.world import World, remote

# What nats-server has more of: 2.15 tells its feature flags; its subscriptions to itself are many.
MISSING = r"(server|data)\.feature_flags\..*|data\.disk_io_wait_stats\..*|data\.stale_connection_stats\..*"


class Pair:
    """The server under test and a nats-server, after the same traffic."""

    def __init__(self, world: World, more: str = ""):
        self.world = world
        kinds = (servers.server_under_test(), servers.nats_server("newest"))
        self.servers = [
            world.server(kind, "edge", system.config(kind, more).replace("{leaf}", "{leaf}"), start=True)
            for kind in kinds
        ]
        self.admins = [world.keep(admin(each)) for each in self.servers]
        self.apps = [world.keep(app(each, name="app")) for each in self.servers]
        for each in self.apps:
            each.subscribe("x.y")
            each.subscribe("x.q", "queue")
            each.publish("x.y", b"12345")
            each.next()
        for each in self.servers:
            gone = app(each, "other", name="gone")
            gone.publish("nobody", b"123")
            gone.flush()
            gone.close()
            with contextlib.suppress(EOFError, ConnectionError):
                Client(each.host, each.port, user="app", password="wrong", name="bad")
            until(lambda s=each: len(s.monitor("/connz?state=closed")["connections"]) >= 2, "two have gone")

    def ask(self, subject: str, body=None, clients=None) -> tuple[dict, dict]:
        ours, theirs = (
            ask(client, subject.replace("{id}", client.info["server_id"]), body)
            for client in (clients or self.admins)
        )
        return ours, theirs


@pytest.fixture
def pair(world):
    return Pair(world, 'server_tags: ["site:north", "small"]\n')


def check(ours: dict, theirs: dict, missing: str = "", **more) -> None:
    found = differences(ours, theirs, "|".join(filter(None, (MISSING, missing))), **more)
    assert found == []
    assert order(ours) == order(theirs)


SERVER_CALLS = [
    ("IDZ", None), ("STATSZ", None), ("VARZ", None), ("SUBSZ", None), ("ROUTEZ", None), ("GATEWAYZ", None),
    ("LEAFZ", None), ("ACCOUNTZ", None), ("JSZ", None), ("HEALTHZ", None),
    ("CONNZ", None), ("CONNZ", {"auth": True, "subscriptions": True}),
    ("CONNZ", {"auth": True, "subscriptions_detail": True, "user": "app"}),
    ("CONNZ", {"state": 1, "auth": True}), ("CONNZ", {"state": 2, "sort": "msgs_from", "limit": 1}),
    ("CONNZ", {"sort": "nonsense"}), ("CONNZ", {"sort": "stop"}), ("CONNZ", {"limit": "many"}),
    ("CONNZ", {"filter_subject": "x.*"}), ("CONNZ", {"acc": "$G", "filter_subject": "x.*"}),
    ("CONNZ", {"acc": "unknown"}),
    ("SUBSZ", {"subscriptions": True, "account": "$G", "test": "x.y"}), ("SUBSZ", {"test": "x.*"}),
    ("ACCOUNTZ", {"account": "$G"}), ("ACCOUNTZ", {"account": "unknown"}),
    ("HEALTHZ", {"stream": "S"}), ("HEALTHZ", {"consumer": "S", "details": True}),
    ("VARZ", {"server_name": "dge"}), ("VARZ", {"server_name": "edge", "exact_match": True}),
    ("VARZ", {"tags": ["SMALL"]}), ("VARZ", {"server_name": 1}), ("VARZ", []),
]  # fmt: skip

# Where the two mean something different.
UNEQUAL = (
    r"data\.accounts\[\]|data\.account_detail\.(imports\[\]|exports\[\]).*|data\.subscriptions_list\[\]\..*"
    r"|data\.connections\[\]\.subscriptions_list(_detail)?\[\].*|data\.write_deadline|data\.connections\[\]\.reason"
)
EXTRA = r"data\.(petiole_version|clock\..*)"


def without_embedded(answer: dict) -> dict:
    """From Go 1.27 on, its errors do not name the structs between the outermost and the field."""
    error = answer.get("error", {})
    if "description" in error:
        error["description"] = re.sub(r"(field \w+)(\.\w+)*(\.\w+ of)", r"\1\3", error["description"])
    return answer


@pytest.mark.parametrize("place", ["{id}", "PING"])
def test_server_requests(pair, place):
    wrong = {}
    for name, body in SERVER_CALLS:
        asked = json.dumps(body).encode() if body == [] else body
        ours, theirs = map(without_embedded, pair.ask(f"$SYS.REQ.SERVER.{place}.{name}", asked))
        found = differences(ours, theirs, MISSING, EXTRA, UNEQUAL)
        if order(ours) != order(theirs):
            found.append(f"{order(ours)} instead of {order(theirs)}")
        if found:
            wrong[f"{name} {body}"] = found
    assert not wrong, "\n".join(f"{call}: {found}" for call, found in wrong.items())


def test_ping_is_statsz(pair):
    ours, theirs = pair.ask("$SYS.REQ.SERVER.PING")
    check(ours, theirs)
    assert ours["statsz"]["connections"] == 2 and ours["statsz"]["active_servers"] == 1


def test_garbage_is_an_error(pair):
    for body in (b"garbage", b'{"limit":', b"\xff\x00", b'{"a":' * 200, b"[" * 5000):
        ours, theirs = pair.ask("$SYS.REQ.SERVER.{id}.CONNZ", body)
        assert ours["error"]["code"] == theirs["error"]["code"] == 400
    ours = ask(pair.admins[0], "$SYS.REQ.SERVER.PING.VARZ", b'"' + b"x" * 100_000 + b'"')
    assert ours["error"]["code"] == 400


@pytest.mark.parametrize(
    "body",
    [{"server_name": "other"}, {"server_name": "edg", "exact_match": True}, {"cluster": "c"}, {"domain": "d"},
     {"host": "10.0.0.1"}, {"tags": ["small", "south"]}],
)  # fmt: skip
def test_who_is_not_meant_is_silent(pair, body):
    for client in pair.admins:
        assert silent(client, "$SYS.REQ.SERVER.PING.VARZ", body)
        assert silent(client, "$SYS.REQ.SERVER.PING", body)


def test_unknown_requests_find_nobody(pair):
    for subject in ("$SYS.REQ.SERVER.PING.NOPE", "$SYS.REQ.SERVER.{id}.NOPE", "$SYS.REQ.ACCOUNT.$G.NOPE",
                    "$SYS.REQ.SERVER.NOBODY.VARZ"):  # fmt: skip
        ours, theirs = pair.ask(subject)
        assert ours == theirs == {"status": "503"}


ACCOUNT_CALLS = [
    ("$G.SUBSZ", None), ("$G.CONNZ", None), ("$G.LEAFZ", None), ("$G.JSZ", None), ("$G.INFO", None),
    ("$G.STATZ", None), ("$G.CONNS", None), ("unknown.INFO", None), ("unknown.CONNZ", None),
    ("PING.STATZ", None), ("PING.STATZ", {"accounts": ["$G", "unknown"]}),
]  # fmt: skip


def test_account_requests(pair):
    wrong = {}
    for name, body in ACCOUNT_CALLS:
        ours, theirs = pair.ask(f"$SYS.REQ.ACCOUNT.{name}", body)
        found = differences(ours, theirs, MISSING, unequal=UNEQUAL + r"|data\.(imports|exports)\[\].*")
        if found:
            wrong[f"{name} {body}"] = found
    assert not wrong, "\n".join(f"{call}: {found}" for call, found in wrong.items())
    for client in pair.admins:
        assert silent(client, "$SYS.REQ.ACCOUNT.unknown.STATZ") and silent(client, "$SYS.REQ.ACCOUNT.unknown.CONNS")


def test_what_an_ordinary_account_may_ask(pair):
    for subject in ("$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.ACCOUNT.PING.STATZ",
                    "$SYS.REQ.USER.INFO"):  # fmt: skip
        ours, theirs = pair.ask(subject, clients=pair.apps)
        check(ours, theirs)
    ours, _ = pair.ask("$SYS.REQ.ACCOUNT.PING.CONNZ", {"acc": "$SYS"}, pair.apps)
    assert [each["name"] for each in ours["data"]["connections"]] == ["app"]
    ours, _ = pair.ask("$SYS.REQ.USER.INFO", clients=pair.apps)
    assert ours["data"]["user"] == "app" and ours["data"]["account"] == "$G"
    for subject in ("$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.ACCOUNT.$SYS.CONNZ",
                    "$SYS.DEBUG.SUBSCRIBERS"):  # fmt: skip
        ours, theirs = pair.ask(subject, clients=pair.apps)
        assert ours == theirs == {"status": "503"}


def test_number_of_subscribers(pair):
    for client in pair.admins:
        client.subscribe("a.b")
        client.subscribe("a.*", "q")
        client.flush()
    for body in (b"a.b", b"a.b q", b"a.*", b"none", b"", b"a..b", b"a.>"):
        ours, theirs = pair.ask("$SYS.DEBUG.SUBSCRIBERS", body)
        assert ours == theirs, body


def test_kick_and_lame_duck_of_one_client(pair):
    for index, server in enumerate(pair.servers):
        client = pair.world.keep(app(server, name="victim"))
        client.flush()
        place = f"$SYS.REQ.SERVER.{client.info['server_id']}"
        asking = pair.admins[index]
        body = {"cid": client.info["client_id"]}
        assert list(ask(asking, f"{place}.LDM", body)) == ["server"]
        client.flush()
        assert client.infos[-1]["ldm"] is True
        assert list(ask(asking, f"{place}.KICK", body)) == ["server"]
        client.wait_closed()
        for call, text in (("KICK", "no such client or leafnode id"), ("LDM", "no such client id")):
            answer = ask(asking, f"{place}.{call}", body)
            assert answer["error"] == {"code": 500, "description": text} and "data" not in answer


def events(client: Client, count: int, timeout: float = 5) -> list[tuple[str, dict]]:
    own = client.info["server_id"]
    got = [client.next(timeout) for _ in range(count)]
    return [(each.subject.replace(own, "ID"), json.loads(each.payload)) for each in got]


def test_connect_disconnect_and_refusal_events(pair):
    for index, client in enumerate(pair.admins):
        for subject in ("$SYS.ACCOUNT.*.CONNECT", "$SYS.ACCOUNT.*.DISCONNECT", "$SYS.SERVER.*.CLIENT.AUTH.ERR"):
            client.subscribe(subject)
        client.flush()
        server = pair.servers[index]
        guest = app(server, name="guest")
        guest.publish("a", b"1234")
        guest.flush()
        guest.close()
    both = [events(client, 2) for client in pair.admins]
    for index, server in enumerate(pair.servers):
        with contextlib.suppress(EOFError, ConnectionError):
            Client(server.host, server.port, user="app", password="wrong", name="bad")
        both[index] += sorted(events(pair.admins[index], 2), key=lambda each: each[0])
    ours, theirs = both
    assert [subject for subject, _ in ours] == [subject for subject, _ in theirs]
    assert [subject for subject, _ in ours] == [
        "$SYS.ACCOUNT.$G.CONNECT", "$SYS.ACCOUNT.$G.DISCONNECT",
        "$SYS.ACCOUNT.$G.DISCONNECT", "$SYS.SERVER.ID.CLIENT.AUTH.ERR",
    ]  # fmt: skip
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        check(a, b)
        assert order(a["client"]) == order(b["client"])
    assert ours[1][1]["sent"] == {"msgs": 1, "bytes": 4} and ours[1][1]["reason"] == "Client Closed"


def test_number_of_connections_is_told(pair):
    for index, client in enumerate(pair.admins):
        client.subscribe("$SYS.ACCOUNT.*.SERVER.CONNS")
        client.subscribe("$SYS.SERVER.ACCOUNT.*.CONNS")
        client.flush()
        second = pair.world.keep(admin(pair.servers[index]))
        second.flush()
    ours, theirs = (sorted(events(client, 2)[:2], key=lambda each: each[0]) for client in pair.admins)
    # nats-server tells of a step in between, when a client leaves the global account.
    assert [subject for subject, _ in ours] == [subject for subject, _ in theirs]
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        check(a, b)
    assert ours[0][1]["acc"] == "$SYS" and ours[0][1]["conns"] == 2


def test_statsz_is_told_from_time_to_time(pair):
    for client in pair.admins:
        client.subscribe("$SYS.SERVER.*.STATSZ")
        client.flush()
    ours, theirs = (events(client, 1, 15)[0] for client in pair.admins)
    assert ours[0] == theirs[0] == "$SYS.SERVER.ID.STATSZ"
    check(ours[1], theirs[1])


def test_leaving_is_told(world):
    """To a hub of the system account: of its clients a nats-server takes leave before."""
    told, place = [], "account: '$SYS'"
    for kind in (servers.server_under_test(), servers.nats_server("newest")):
        hub = world.server(servers.nats_server("newest"), "hub", system.config(servers.nats_server("newest"))
                           + "leafnodes { listen: 127.0.0.1:{leaf}, authorization { user: l, password: l, account: '$SYS' } }")  # fmt: skip
        edge = world.server(kind, "edge", system.config(kind)
                            + f"leafnodes {{ remotes: [ {{ {remote(hub, None, place, 'l:l')} }} ] }}")  # fmt: skip
        hub.wait_leafs()
        listening = world.keep(admin(hub))
        listening.subscribe("$SYS.SERVER.*.SHUTDOWN")
        listening.flush()
        until(lambda h=hub: h.leafs(), "the link is there")
        own = edge.monitor("/varz")["server_id"]
        edge.signal(15)
        message = listening.next(10)
        told.append((message.subject.replace(own, "ID"), json.loads(message.payload)))
    ours, theirs = told
    assert ours[0] == theirs[0] == "$SYS.SERVER.ID.SHUTDOWN"
    assert differences(ours[1], theirs[1], r"feature_flags\..*") == []


@pytest.mark.petiole
def test_leaving_is_told_to_its_own_clients(pair):
    pair.admins[0].subscribe("$SYS.SERVER.*.SHUTDOWN")
    pair.admins[0].flush()
    pair.servers[0].signal(15)
    assert events(pair.admins[0], 1)[0][0] == "$SYS.SERVER.ID.SHUTDOWN"


@pytest.mark.petiole
def test_nobody_listens_and_nothing_wakes(world):
    """An idle server with clients, none of them in the system account, uses no processor time."""
    edge = world.alone(system.config(servers.server_under_test()))
    for i in range(5):
        world.keep(app(edge, name=f"idle{i}")).flush()

    def ticks() -> int:
        with open(f"/proc/{edge.pid}/schedstat") as file:
            return int(file.read().split()[2])

    begin, before = time.monotonic(), ticks()

    def slept_for_two_seconds() -> bool:
        """Woken at most four times since `begin`; more, and a new span begins."""
        nonlocal begin, before
        if ticks() - before > 4:
            begin, before = time.monotonic(), ticks()
        return time.monotonic() - begin >= 2

    until(slept_for_two_seconds, "it sleeps once the first pings, at two seconds, are over", 20)


@pytest.mark.petiole
def test_requests_cannot_starve_clients(world):
    """One client asks for a long list without end; another one is still served at once."""
    edge = world.alone(system.config(servers.server_under_test()))
    for i in range(200):
        world.keep(app(edge, name=f"c{i}"))
    greedy = world.keep(admin(edge))
    greedy.subscribe("greedy")
    greedy.flush()
    for _ in range(2000):
        greedy.publish("$SYS.REQ.SERVER.PING.CONNZ", b'{"sort":"idle","auth":true}', "greedy")
    other = world.keep(app(edge, name="other"))
    slowest = 0.0
    for _ in range(50):
        begin = time.monotonic()
        other.flush()
        slowest = max(slowest, time.monotonic() - begin)
    assert slowest < 0.5
