"""What the leaf must not send, and what it must not be sent."""

import pytest

from harness.traffic import flows
from harness.wait import until
from harness.world import remote


def linked(world, hub_version, remote_more: str = "", hub_config: str = "", user: str = ""):
    hub = world.hub(hub_version, hub_config)
    edge = world.leaf(remote(hub, more=remote_more, user=user))
    hub.wait_leafs()
    login = {"user": "admin", "password": "admin"} if hub_config else {}
    return hub, edge, world.client(hub, **login), world.client(edge)


def test_deny_exports(world, hub_version):
    """What matches deny_exports never leaves the edge, whatever the hub asks for."""
    _, edge, at_hub, at_edge = linked(world, hub_version, 'deny_exports: ["secret.>", "private"]')
    at_hub.subscribe(">")
    at_hub.flush()
    edge.wait_interest(">")
    flows(at_edge, at_hub, "public")
    at_edge.publish("secret.x", b"no")
    at_edge.publish("private", b"no")
    at_edge.publish("public", b"yes")
    assert at_hub.next().payload == b"yes"
    assert at_hub.nothing()


def test_deny_imports(world, hub_version):
    """What matches deny_imports never enters the edge, whatever its clients ask for."""
    hub, _, at_hub, at_edge = linked(world, hub_version, 'deny_imports: ["orders.internal.>"]')
    at_edge.subscribe("orders.>")
    at_edge.flush()
    hub.wait_interest("orders.>")
    flows(at_hub, at_edge, "orders.new")
    at_hub.publish("orders.internal.x", b"no")
    at_hub.publish("orders.new", b"yes")
    assert at_edge.next().payload == b"yes"
    assert at_edge.nothing()


def test_denied_by_the_hash_of_an_account(world):
    """That of our account is known at once, that of the hub's with its INFO."""
    hub = world.hub("newest", "accounts { HUB { users: [ {user: h, password: h} ] } }")
    deny = [f"['{a}.{{{{account-hash()}}}}', '{b}.{{{{account-hash-leaf-remote()}}}}']" for a, b in ("ab", "cd")]
    edge = world.leaf(remote(hub, more=f"deny_exports: {deny[0]}\n deny_imports: {deny[1]}", user="h:h"))
    hub.wait_leafs()
    at_hub, at_edge = world.client(hub, user="h", password="h"), world.client(edge)
    local, theirs = "szMpdrwD", "LNj1UmbN"  # Of "$G" and "HUB".
    at_hub.subscribe("a.*"), at_hub.subscribe("b.*"), at_hub.flush()
    at_edge.subscribe("c.*"), at_edge.subscribe("d.*"), at_edge.flush()
    edge.wait_interest("b.*"), hub.wait_interest("d.*")
    for source, target, (one, two) in ((at_edge, at_hub, "ab"), (at_hub, at_edge, "cd")):
        for subject in (f"{one}.{local}", f"{two}.{theirs}", f"{one}.{theirs}", f"{two}.{local}"):
            source.publish(subject, b"x")
        assert [target.next().subject for _ in range(2)] == [f"{one}.{theirs}", f"{two}.{local}"]
        assert target.nothing()
    assert edge.leafs()[0]["in_msgs"] == 2  # The hub has worked out what it was sent.


def test_ping_interval_of_leafnodes(world, hub_version):
    """A silent hub is given up by leafnodes' own ping_interval and ping_max."""
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub), link="ping_interval: 1s\n ping_max: 1")
    edge.wait_leafs()
    hub.pause()
    edge.wait_leafs(0, 8)
    hub.resume()
    edge.wait_leafs()


def test_denied_interest_is_not_asked_for(world, hub_version):
    hub, _, _, at_edge = linked(world, hub_version, 'deny_imports: ["a.b"]')
    at_edge.subscribe("a.b")
    at_edge.subscribe("a.c")
    at_edge.flush()
    hub.wait_interest("a.c")
    assert all("a.b" not in leaf["subscriptions_list"] for leaf in hub.leafs())


def permitted(publish: str, subscribe: str) -> str:
    return (
        "authorization { users: [\n {user: admin, password: admin}\n"
        f" {{user: edge, password: edge, permissions {{ publish: {publish}, subscribe: {subscribe} }} }}\n"
        "] }"
    )


def test_hub_publish_permissions(world, hub_version):
    """The hub lets this leaf send only some subjects: the rest stays, the link lives."""
    config = permitted('{ allow: ["plant.>"], deny: ["plant.secret"] }', '">"')
    hub, edge, at_hub, at_edge = linked(world, hub_version, hub_config=config, user="edge:edge")
    at_hub.subscribe("plant.>")
    at_hub.subscribe("other.>")
    at_hub.flush()
    edge.wait_interest("plant.>")
    flows(at_edge, at_hub, "plant.probe")
    for subject in ("other.x", "plant.secret", "plant.ok"):
        at_edge.publish(subject, subject.encode())
    assert at_hub.next().payload == b"plant.ok"
    assert at_hub.nothing()
    assert len(hub.leafs()) == 1


def test_an_acknowledgement_needs_leave(world, hub_version):
    """A hub from 2.15.3 on ends the link over one that it does not allow."""
    config = permitted('{ allow: ["plant.>"] }', '">"')
    hub, edge, at_hub, at_edge = linked(world, hub_version, hub_config=config, user="edge:edge")
    at_hub.subscribe(">")
    at_hub.flush()
    edge.wait_interest(">")
    flows(at_edge, at_hub, "plant.probe")
    for subject in ("$JS.ACK.S.C.1.1.1.1.0", "plant.ok"):
        at_edge.publish(subject, subject.encode())
    assert at_hub.next().payload == b"plant.ok"
    assert at_hub.nothing()
    assert "Permissions Violation" not in hub.output() and len(hub.leafs()) == 1


def test_hub_subscribe_permissions(world, hub_version):
    """Subscriptions that the hub would refuse are not sent: they would cost the link."""
    config = permitted('">"', '{ allow: ["cmd.>", "_INBOX.>"] }')
    hub, _, at_hub, at_edge = linked(world, hub_version, hub_config=config, user="edge:edge")
    for subject in ("forbidden.x", "cmd.a"):
        at_edge.subscribe(subject)
    at_edge.flush()
    hub.wait_interest("cmd.a")
    flows(at_hub, at_edge, "cmd.a")
    at_hub.publish("forbidden.x", b"no")
    at_hub.publish("cmd.a", b"yes")
    assert at_edge.next().payload == b"yes"
    assert at_edge.nothing()
    assert len(hub.leafs()) == 1


@pytest.mark.parametrize("subject", ["$JS.API.INFO", "$KV.bucket.key", "$OBJ.bucket.C.x"])
def test_jetstream_subjects_do_not_cross(world, hub_version, subject):
    """Without a domain in the subject, each side's JetStream is its own; and the link survives a
    subscription to such a subject."""
    hub, edge, at_hub, at_edge = linked(world, hub_version)
    at_edge.subscribe(subject)
    at_edge.subscribe("fence")
    at_edge.flush()
    hub.wait_interest("fence")
    flows(at_hub, at_edge, "fence")
    at_hub.publish(subject, b"no")
    at_hub.publish("fence", b"yes")
    assert at_edge.next().payload == b"yes"
    assert at_edge.nothing()
    until(lambda: len(hub.leafs()) == 1, "the link is there")
