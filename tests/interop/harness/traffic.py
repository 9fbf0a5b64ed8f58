"""Checks on what flows between two servers."""

from harness.client import Client
from harness.wait import until


def flows(publisher: Client, subscriber: Client, subject: str, timeout: float = 20) -> None:
    """Publishes to `subject` until the subscriber, already subscribed, gets one; then all of them."""
    sent = 0

    def arrives() -> bool:
        nonlocal sent
        sent += 1
        publisher.publish(subject, b"probe %d" % sent)
        try:
            subscriber.next(0.1)
            return True
        except TimeoutError:
            return False

    until(arrives, f"a message on {subject} arrives", timeout)
    try:
        while True:  # Probes that were still on their way.
            subscriber.next(0.2)
    except TimeoutError:
        pass


def both_ways(world, hub, edge) -> tuple[Client, Client]:
    """Subscribes at both ends, and messages pass in both directions. Returns the hub's client and
    the edge's."""
    at_hub, at_edge = world.client(hub), world.client(edge)
    at_hub.subscribe("up.>")
    at_edge.subscribe("down.>")
    at_hub.flush()
    at_edge.flush()
    flows(at_edge, at_hub, "up.probe")
    flows(at_hub, at_edge, "down.probe")
    return at_hub, at_edge
