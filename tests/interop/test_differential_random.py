"""Random sessions of several clients, the same for petiole and for the newest nats-server: each client
must hear the same. See harness/random_session.py; harness/random_bytes.py for what is hardly a line;
harness/random_leaf.py for the other end of a leaf link.

PETIOLE_SEEDS=300 plays so many of each kind in place of the few that CI plays; PETIOLE_SEED=7 that one.
"""

import difflib
import os

import pytest

from harness import servers
from harness.random_bytes import Bytes
from harness.random_leaf import Dialled, LeafSession
from harness.random_session import Session, Topology
from harness.world import remote

LIMITS = "max_payload: 1000\n"
PERMISSIONS = LIMITS + """
authorization { users: [
  { user: a, password: a }
  { user: b, password: b, permissions: { publish: { allow: ["a.>", "b"], deny: "a.b.c" }, subscribe: { deny: ["b.a", "c q1"] } } }
  { user: c, password: c, permissions: { publish: { deny: "*.c" }, subscribe: { deny: ["> q1", "> q2", "> q3"] }, allow_responses: { max: -1, expires: "1h" } } }
  { user: d, password: d, permissions: { publish: ">", subscribe: ["a", "a.>", "*.b q2", "c"] } }
] }
"""
ACCOUNTS = LIMITS + """
accounts {
  A { users: [ { user: a, password: a } ], mappings: { "a.b": "c.a", "b.*": "a.$1.b" }
      exports: [ { stream: "a.>" }, { service: "c.*" }, { service: "b", response_type: stream }, { stream: "c" } ] }
  B { users: [ { user: b, password: b } ], imports: [
      { stream: { account: A, subject: "a.>" }, prefix: "b" }
      { stream: { account: A, subject: "c" } }
      { service: { account: A, subject: "c.*" }, to: "c.$1" }
      { service: { account: A, subject: "b" }, to: "a.a.a" } ] }
}
"""


# Taken over one after the other: users that come, go, change their password, their permissions, their account.
# None may answer by allow_responses: the reference forgets with a reload to whom.
CHANGED_USERS = [
    LIMITS + "authorization { users: [ { user: a, password: a }, " + ", ".join(users) + " ] }\n"
    for users in (
        ["{ user: b, password: b, permissions: { publish: { allow: ['a.>', b], deny: a.b.c }, subscribe: { deny: [b.a, 'c q1'] } } }",
         "{ user: c, password: c, permissions: { publish: { deny: '*.c' } } }"],
        ["{ user: b, password: b, permissions: { subscribe: { allow: [a.a, 'a.> q*', 'b.b >', 'b.a.>', c], deny: 'c.a q2' } } }",
         "{ user: c, password: c, permissions: { publish: { allow: [a, 'b.*'] }, subscribe: ['a.>', b.b, 'c.>'] } }"],
        ["{ user: b, password: other }", "{ user: c, password: c, allowed_connection_types: [STANDARD] }"],
        ["{ user: c, password: c, allowed_connection_types: [WEBSOCKET] }"],
    )
]  # fmt: skip
CHANGED_ACCOUNTS = [
    ACCOUNTS,
    ACCOUNTS.replace('{ stream: "a.>" }, ', '{ stream: "a.b" }, ').replace('subject: "a.>" }', 'subject: "a.b" }'),
    ACCOUNTS.replace('"b.*": "a.$1.b"', '"b.*": "c.$1"'),
    ACCOUNTS.replace("{ service: { account: A, subject: \"c.*\" }, to: \"c.$1\" }", "").replace("password: b }", "password: bb }"),
]  # fmt: skip


def seeds(few: int) -> range:
    if "PETIOLE_SEED" in os.environ:
        return range(int(os.environ["PETIOLE_SEED"]), int(os.environ["PETIOLE_SEED"]) + 1)
    return range(int(os.environ.get("PETIOLE_SEEDS", few)))


def compare(ours, theirs, few: int, play=lambda seed, where: Session(seed, where).heard()) -> None:
    failures = []
    for seed in seeds(few):
        heard, wanted = play(seed, ours), play(seed, theirs)
        lines = [f"seed {seed}"]
        for name in wanted:
            if heard[name] != wanted[name]:
                lines.append(f"  {name} heard, of nats-server (-) and of petiole (+):")
                lines += [f"    {text!r}"[:300] for text in difflib.ndiff(wanted[name], heard[name]) if text[0] in "+-"]
        if len(lines) > 1:
            failures.append("\n".join(lines))
    assert not failures, f"{len(failures)} seeds differ\n" + "\n\n".join(failures[:10])


@pytest.mark.parametrize(
    "config, users, few",
    [
        (LIMITS, [None], 24),
        (PERMISSIONS, [("a", "a"), ("b", "b"), ("c", "c"), ("d", "d")], 24),
        (ACCOUNTS, [("a", "a"), ("b", "b")], 24),
    ],
    ids=["plain", "permissions", "accounts"],
)
def test_one_server(world, config, users, few):
    ours = world.alone(config, name="edge")
    theirs = world.server(servers.nats_server("newest"), "reference", config)
    compare(*(Topology([server], users, shared="accounts" in config) for server in (ours, theirs)), few)
    assert ours.running()


@pytest.mark.parametrize(
    "configs, users",
    [([PERMISSIONS], "abcd"), (CHANGED_USERS, "abc"), (CHANGED_ACCOUNTS, "ab")],
    ids=["another CONNECT", "changed users", "changed accounts"],
)
def test_who_is_somebody_else_now(world, configs, users):
    def topology(server) -> Topology:
        again = len(configs) == 1
        return Topology([server], [(user, user) for user in users], shared="accounts" in configs[0], configs=configs * (not again), again=again)

    def play(seed: int, where: Topology):
        where.servers[0].take_over(configs[0])
        return Session(seed, where).heard()

    ours = world.alone(configs[0], name="edge")
    theirs = world.server(servers.nats_server("newest"), "reference", configs[0])
    compare(topology(ours), topology(theirs), 8, play)
    assert ours.running()


def test_bytes(world):
    config = LIMITS + "max_control_line: 1024\nmax_subscriptions: 20\nmax_sub_tokens: 8\n"
    ours = world.alone(config, name="edge")
    theirs = world.server(servers.nats_server("newest"), "reference", config)
    compare(ours, theirs, 400, lambda seed, server: Bytes(seed).heard(server))
    assert ours.running()


def linked(world, name: str, hub_kind, edge_kind) -> Topology:
    """A server with a hub; what has been done at either end is known at the other when it is settled."""
    listen = "leafnodes { listen: 127.0.0.1:{leaf} }\n"
    hub = world.server(hub_kind, f"{name}-hub", listen + LIMITS)
    edge = world.server(edge_kind, f"{name}-edge", f"leafnodes {{ remotes: [ {{ {remote(hub)} }} ] }}\n{LIMITS}")
    hub.wait_leafs()
    probes = [(edge.client(), hub.client()), (hub.client(), edge.client())]
    for number, (_, there) in enumerate(probes):
        there.subscribe(f"probe.{number}")
        there.flush()
        (edge, hub)[number].wait_interest(f"probe.{number}")

    def settle(place: int) -> None:
        for number in (place, 1 - place):
            here, there = probes[number]
            here.publish(f"probe.{number}")
            there.next()

    return Topology([edge, hub], settle=settle, breaches=False)


@pytest.mark.parametrize("hub, edge", [("oldest", ""), ("newest", ""), ("", "newest"), ("", "")],
                         ids=["of the oldest", "of the newest", "of ours", "both ours"])
def test_leaf_and_hub(world, hub, edge):
    """Where a name is empty, the server under test; the reference has the newest there."""

    def kind(name: str):
        return servers.nats_server(name) if name else servers.server_under_test()

    ours = linked(world, "ours", kind(hub), kind(edge))
    theirs = linked(world, "theirs", servers.nats_server(hub or "newest"), servers.nats_server("newest"))
    compare(ours, theirs, 6)


# The raw leaf and a client in A, another client in B.
LEAF_ACCOUNTS = """
accounts {
  A { users: [ { user: peer, password: p }, { user: c1, password: p } ], mappings: { "b.a": "a.x", "a.b.c": "b.a" }
      exports: [ { stream: "a.>" }, { service: "b" }, { service: "c", response_type: stream } ] }
  B { users: [ { user: c2, password: p } ], imports: [
      { stream: { account: A, subject: "a.>" }, prefix: "a" }
      { service: { account: A, subject: "b" }, to: "c" }, { service: { account: A, subject: "c" }, to: "b" } ] }
}
"""


@pytest.mark.parametrize("role", ["leaf", "leaf of an account", "hub"])
def test_raw_peer(world, role):
    """The other end of the link is ours, byte by byte: see harness/random_leaf.py."""
    accounts = LEAF_ACCOUNTS if role == "leaf of an account" else ""
    logins = {name: {"user": name, "pass": "p"} for name in ("peer", "c1", "c2") if accounts}

    def place(kind, name: str):
        if role != "hub":
            return world.server(kind, name, "leafnodes { listen: 127.0.0.1:{leaf} }\n" + accounts), None
        dialled = world.keep(Dialled())
        link = f'url: "nats-leaf://127.0.0.1:{dialled.port}", first_info_timeout: "60s"'
        quick = 'reconnect: "100ms"' + ("\n reconnect_max: 100ms" if kind.is_petiole else "")
        return world.server(kind, name, f"leafnodes {{ {quick}\n remotes: [ {{ {link} }} ] }}\n"), dialled

    ours, theirs = place(servers.server_under_test(), "edge"), place(servers.nats_server("newest"), "reference")
    compare(ours, theirs, 50, lambda seed, where: LeafSession(seed, role == "hub", logins=logins).heard(*where))
    assert ours[0].running()
