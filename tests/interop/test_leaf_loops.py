"""A circle of leaf links carries no message twice, and does not end the local service."""

import pytest

from harness import servers
from harness.wait import until
from harness.world import remote


def once_at_most(edge, publisher, subscribers) -> None:
    """Local delivery goes on; nobody gets a message twice, whatever becomes of the links."""
    local = edge.client()
    local.subscribe("x")
    local.flush()
    for i in range(20):
        publisher.publish("x", b"%d" % i)
    publisher.publish("x", b"end")
    assert [local.next().payload for _ in range(21)] == [b"%d" % i for i in range(20)] + [b"end"]
    assert local.nothing(0.5)
    local.close()
    for subscriber in subscribers:
        subscriber.nothing(0.3)
        got = [message.payload for message in subscriber._pending]
        assert len(got) == len(set(got)), got


def test_a_circle_is_detected_and_broken(world, hub_version):
    """edge -> hub and edge -> middle -> hub: somebody sees the loop and takes a link down."""
    hub = world.hub(hub_version)
    middle = world.server(
        servers.nats_server("newest"), "middle",
        f"leafnodes {{ listen: 127.0.0.1:{{leaf}}\n remotes: [ {{ {remote(hub)} }} ] }}",
    )  # fmt: skip
    hub.wait_leafs()
    edge = world.leaf(f"{{ {remote(hub)} }}, {{ {remote(middle)} }}")

    def detected() -> bool:
        return any("loop detected" in s.output().lower() for s in (hub, middle, edge))

    until(detected, "somebody sees the loop", 30)
    subscribers = [world.client(server) for server in (hub, middle)]
    for subscriber in subscribers:
        subscriber.subscribe("x")
        subscriber.flush()
    once_at_most(edge, world.client(edge), subscribers)


IMPORTS = """accounts {
  A { users: [ { user: a, password: a } ], imports: [ { service: { account: B, subject: svc } }, { stream: { account: B, subject: "s.>" }, prefix: im } ]
      exports: [ { service: back } ] }
  B { users: [ { user: b, password: b } ], exports: [ { service: svc }, { stream: "s.>" } ]
      imports: [ { service: { account: A, subject: back } } ] }
}
"""


def two_links(world, edge_kind, config: str):
    """A hub whose accounts share, and an edge that has links of both of them."""
    listen = "leafnodes { listen: 127.0.0.1:{leaf} }\n"
    hub = world.server(servers.server_under_test(), "hub", listen + IMPORTS)
    remotes = ", ".join(f'{{ url: "nats-leaf://{u}:{u}@127.0.0.1:{hub.ports["leaf"]}", account: E{u} }}' for u in "ab")
    edge = world.server(edge_kind, "edge", f"leafnodes {{ remotes: [ {remotes} ] }}\n{config}")
    hub.wait_leafs(2)
    return hub, edge


USERS = """accounts {
  Ea { users: [ { user: a, password: a } ], exports: [ { service: svc } ], SHARED_A }
  Eb { users: [ { user: b, password: b } ], exports: [ { service: back } ], SHARED_B }
}
"""


@pytest.mark.parametrize("queue", ["", "q"])
@pytest.mark.parametrize("kind", ["newest", "oldest", "petiole"])
def test_imports_of_a_hub_join_two_links_of_one_edge(world, kind, queue):
    """The edge's cluster has not seen in one account what came from the other."""
    edge_kind = servers.server_under_test() if kind == "petiole" else servers.nats_server(kind)
    hub, edge = two_links(world, edge_kind, USERS.replace(", SHARED_A", "").replace(", SHARED_B", ""))
    a, b = (world.client(edge, user=user, password=user) for user in "ab")
    b.subscribe("svc", queue)
    b.flush()
    a.subscribe("im.s.>", queue)
    a.flush()
    hub.wait_interest("svc")
    edge.wait_interest("s.>")
    a.send(b"SUB inbox 9\r\nPUB svc inbox 2\r\nhi\r\n")
    asked = b.next()
    assert asked.payload == b"hi"
    b.publish(asked.reply, b"there")
    assert a.next(sid="9").payload == b"there"
    b.publish("s.x", b"one")
    assert a.next().subject == "im.s.x"
    assert a.nothing() and b.nothing()


def test_imports_at_both_ends_send_nothing_round(world):
    """Ea has svc of the hub's B, and Eb has it of Ea: what comes from the hub does not go back to it."""
    shared = {"SHARED_A": "imports: [ { service: { account: Eb, subject: back } } ]",
              "SHARED_B": "imports: [ { service: { account: Ea, subject: svc } } ]"}  # fmt: skip
    config = USERS
    for word, text in shared.items():
        config = config.replace(word, text)
    hub, edge = two_links(world, servers.server_under_test(), config)
    a, b = (world.client(hub, user=user, password=user) for user in "ab")
    for client in (a, b):
        client.subscribe("svc")
        client.subscribe("back")
        client.flush()
    for _ in range(5):
        for client in (a, b):
            client.publish("svc", b"x")
            client.publish("back", b"y")
            client.flush()
    for client in (a, b):
        client.nothing(0.5)
        assert len(client._pending) <= 40, "they go round"
    assert hub.monitor("/varz")["in_msgs"] < 200


def test_one_hub_by_two_ways(world, hub_version):
    """The same hub by two URLs: a loop, or a duplicate that replaces the other."""
    hub = world.hub(hub_version)
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(f"{{ {remote(hub)} }}, {{ {remote(hub, proxy)} }}")
    until(lambda: proxy.accepted > 0, "the second way is tried")
    subscriber = world.client(hub)
    subscriber.subscribe("x")
    subscriber.flush()
    once_at_most(edge, world.client(edge), [subscriber])
