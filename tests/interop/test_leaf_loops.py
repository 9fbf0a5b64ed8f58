"""A circle of leaf links carries no message twice, and does not end the local service."""

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
