"""How a leaf proves who it is: password, token, nkey, credentials of an operator's account."""

import pytest

from harness.jwt import Key, Operator
from harness.traffic import both_ways
from harness.wait import until
from harness.world import remote


def test_user_and_password(world, hub_version):
    hub = world.hub(hub_version, leafnodes="authorization { user: ann, password: s3cret }")
    edge = world.leaf(remote(hub, user="ann:s3cret"))
    both_ways(world, hub, edge)


def test_user_of_an_account(world, hub_version):
    """The account that the user belongs to at the hub is the one that the leaf sees."""
    accounts = "accounts { A: { users: [ {user: a, password: a} ] }, B: { users: [ {user: b, password: b} ] } }"
    hub = world.hub(
        hub_version, accounts,
        leafnodes="authorization { users: [ {user: ann, password: s3cret, account: B} ] }",
    )  # fmt: skip
    edge = world.leaf(remote(hub, user="ann:s3cret"))
    hub.wait_leafs()
    in_a, in_b = world.client(hub, user="a", password="a"), world.client(hub, user="b", password="b")
    for client in (in_a, in_b):
        client.subscribe("x")
        client.flush()
    edge.wait_interest("x")
    world.client(edge).publish("x", b"for B")
    assert in_b.next().payload == b"for B"
    assert in_a.nothing()


def test_token(world, hub_version):
    hub = world.hub(hub_version, "authorization { token: t0ken }")
    edge = world.leaf(remote(hub, user="t0ken"))
    hub.wait_leafs()
    at_hub, at_edge = world.client(hub, token="t0ken"), world.client(edge)
    at_hub.subscribe("up")
    at_hub.flush()
    edge.wait_interest("up")
    at_edge.publish("up", b"x")
    assert at_hub.next().payload == b"x"


def test_nkey(world, hub_version):
    key = Key("user")
    hub = world.hub(hub_version, f"authorization {{ users: [ {{ nkey: {key.public} }} ] }}")
    world.leaf(remote(hub, more=f'nkey: "{key.seed.decode()}"'))
    hub.wait_leafs()


def test_credentials(world, hub_version, tmp_path):
    operator = Operator()
    hub = world.hub(hub_version, operator.config())
    creds = tmp_path / "edge.creds"
    creds.write_text(operator.credentials())
    edge = world.leaf(remote(hub, more=f'credentials: "{creds}"'))
    hub.wait_leafs()
    assert hub.leafs()[0]["account"] == operator.account.public
    with edge.client() as client:
        client.publish("x", b"y")
        client.flush()


def test_changed_credentials_are_picked_up(world, hub_version, tmp_path):
    """The file is read at each attempt: one that was wrong, or ran out, is replaced under a running leaf."""
    operator, stranger = Operator(), Operator()
    hub = world.hub(hub_version, operator.config())
    proxy = world.proxy(hub.ports["leaf"])
    creds = tmp_path / "edge.creds"
    creds.write_text(stranger.credentials())
    world.leaf(remote(hub, proxy, more=f'credentials: "{creds}"'))
    until(lambda: proxy.accepted >= 2, "a second attempt", 40)
    assert hub.leafs() == []
    creds.write_text(operator.credentials())
    hub.wait_leafs(1, 60)


@pytest.mark.parametrize(
    "config, user",
    [
        ("leafnodes", "ann:wrong"),
        ("leafnodes", ""),
        ("top", "wrong"),
    ],
)
def test_wrong_credentials_are_tried_again(world, hub_version, config, user):
    """Refused as long as they are wrong; linked, without help, once the hub accepts them."""
    login = user or "ann:s3cret"
    if config == "leafnodes":
        hub = world.hub(hub_version, leafnodes="authorization { user: ann, password: right }")
    elif hub_version == "oldest":
        pytest.skip("2.9 asks no token of leafs")
    else:
        hub = world.hub(hub_version, "authorization { token: right }")
    proxy = world.proxy(hub.ports["leaf"])
    world.leaf(remote(hub, proxy, user=login))
    until(lambda: proxy.accepted >= 2, "a second attempt", 40)
    assert hub.leafs() == []
    hub.config.write_text(
        hub.config.read_text().replace("password: right", f"password: {login.split(':')[-1]}")
        .replace("token: right", f"token: {login}")
    )  # fmt: skip
    hub.restart()
    hub.wait_leafs(1, 60)
