"""A changed configuration file and SIGHUP: what is taken over, and what stays as it is."""

import pytest

from harness.certificates import Authority
from harness.wait import until
from harness.world import remote

USERS = """
authorization {{ users: [
  {{ user: a, password: a }}
  {{ user: b, password: {b} }}
  {{ user: c, password: c, permissions: {{ subscribe: "{c}" }} }}
] }}
"""


def rewrite(server, config: str) -> None:
    head = server.config.read_text().split("# ---\n")[0]
    server.config.write_text(head + "# ---\n" + config + "\n")


@pytest.fixture
def server(world):
    return world.alone("# ---\n" + USERS.format(b="b", c="ok.>"))


def test_who_stays_valid_stays(world, server):
    a = world.client(server, user="a", password="a")
    b = world.client(server, user="b", password="b")
    c = world.client(server, user="c", password="c")
    c.subscribe("ok.x")
    c.flush()
    rewrite(server, USERS.format(b="other", c="new.>"))
    server.reload()
    b.wait_closed()
    assert "Authorization Violation" in b.errors
    a.flush()
    until(lambda: c.flush() or c.errors, "c loses what it may not have")
    assert c.errors[0].startswith('Permissions Violation for Subscription to "ok.x"')
    with server.client(user="b", password="other") as again:
        again.flush()


MOVES = """
accounts {{
  A {{ users: [ {{ user: a, password: a }}, {{ user: b, password: {b}{types} }} ] }}
  B {{ users: [ {c} ] }}
}}
"""


def test_who_is_gone_or_moved_is_closed_without_a_word(world):
    moving = "{ user: c, password: c }"
    server = world.alone("# ---\n" + MOVES.format(b="b", c=moving, types=""))
    c = world.client(server, user="c", password="c")
    rewrite(server, MOVES.format(b="b", c="", types="").replace("{ user: a,", moving + ", { user: a,"))
    server.reload()
    c.wait_closed()
    c = world.client(server, user="c", password="c")
    rewrite(server, MOVES.format(b="b", c="", types=""))
    server.reload()
    c.wait_closed()
    assert not c.errors
    reasons = [each["reason"] for each in server.monitor("/connz?state=closed")["connections"]]
    assert reasons.count("Client Closed") >= 2


@pytest.mark.parametrize("change", [{"b": "other"}, {"types": ", allowed_connection_types: [WEBSOCKET]"}])
def test_who_may_come_in_no_more_ends_and_the_account_hears_of_it(world, change):
    before = {"b": "b", "c": "", "types": ""}
    server = world.alone("# ---\n" + MOVES.format(**before))
    a, b = world.client(server, user="a", password="a"), world.client(server, user="b", password="b")
    a.subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR")
    a.flush()
    rewrite(server, MOVES.format(**{**before, **change}))
    server.reload()
    b.wait_closed()
    assert b.errors == ["Authorization Violation"]
    assert b'"reason":"Authentication Failure"' in a.next().payload


def test_a_listener_further_down_the_file_is_the_same(world):
    listener = '\nwebsocket { listen: "127.0.0.1:-1", no_tls: true }'
    server = world.alone("# ---\n" + USERS.format(b="b", c="ok.>") + listener)
    c = world.client(server, user="c", password="c")
    c.subscribe("ok.x")
    c.flush()
    rewrite(server, USERS.format(b="b", c="new.>") + "\n" + listener)
    server.reload()
    until(lambda: c.flush() or c.errors, "c loses what it may not have")


def test_limits_are_taken_over(world, server):
    a = world.client(server, user="a", password="a")
    rewrite(server, USERS.format(b="b", c="ok.>") + "max_payload: 100")
    before = server.monitor("/varz")["config_load_time"]
    server.reload()
    with server.client(user="a", password="a") as late:
        assert late.info["max_payload"] == 100
    assert server.monitor("/varz")["config_load_time"] > before
    a.flush()


@pytest.mark.petiole
def test_a_wrong_file_changes_nothing(world, server):
    rewrite(server, "authorization { user: a, pasword: x }")
    server.signal(1)
    server.wait_for_output("the configuration in force stays as it is")
    with server.client(user="b", password="b") as b:
        b.flush()


@pytest.mark.petiole
def test_what_needs_a_restart_is_named(world, server):
    rewrite(server, USERS.format(b="other", c="ok.>") + "server_name: another")
    server.signal(1)
    server.wait_for_output("config reload not supported for server_name")
    with server.client(user="b", password="b") as b:
        b.flush()


@pytest.mark.petiole
def test_a_remote_that_does_not_come_up_is_taken_back(world):
    hub = world.hub()
    link = "dial_timeout: 2s\n first_info_timeout: 2s\n reconnect_max: 2s"
    edge = world.alone(f"# ---\nleafnodes {{ remotes: [ {{ {remote(hub)} }} ]\n {link} }}")
    hub.wait_leafs(1)
    rewrite(edge, f'leafnodes {{ remotes: [ {{ url: "nats-leaf://127.0.0.1:1" }} ]\n {link} }}')
    edge.signal(1)
    edge.wait_for_output("going back to the configuration from before")
    hub.wait_leafs(1)


def test_tls_is_taken_over_for_those_who_come_next(world, tmp_path):
    authority = Authority(tmp_path)
    server = world.alone("# ---\n" + authority.server_tls("one"), start=False).start(ready=False)

    def certificate() -> str:
        with server.client(tls=authority.context()) as client:
            client.flush()
            (common_name,) = (value for ((key, value),) in client.raw_socket.getpeercert()["subject"] if key == "commonName")
            return common_name

    assert until(certificate, "it serves") == "one"
    early = world.keep(server.client(tls=authority.context()))
    rewrite(server, authority.server_tls("two"))
    server.reload()
    assert certificate() == "two"
    early.flush()
    rewrite(server, authority.server_tls("two", more=f'verify: true\n ca_file: "{authority.cert}"'))
    server.reload()
    with pytest.raises((EOFError, OSError)):
        certificate()
    early.flush()


def told_to_go(client) -> bool:
    try:
        client.flush()
    except (EOFError, OSError):
        assert client.errors == ["maximum connections exceeded"]
        return True
    return False


def test_a_lower_max_connections_ends_connections(world, server):
    clients = [world.client(server, user="a", password="a") for _ in range(3)]
    rewrite(server, USERS.format(b="b", c="ok.>") + "max_connections: 1")
    server.reload()
    server.wait_for_output("Closed 2 connections to fall within max_connections")
    until(lambda: server.monitor("/connz")["num_connections"] == 1, "one is left")
    closed = [client for client in clients if told_to_go(client)]
    assert len(closed) == 2


@pytest.mark.petiole  # A nats-server may close those who could stay.
def test_those_of_a_removed_account_count_towards_a_lower_max_connections(world):
    config = "accounts { A { users: [ { user: a, password: a } ] }%s }\n"
    server = world.alone("# ---\n" + config % ", B { users: [ { user: b, password: b } ] }")
    leaving = [world.client(server, user="b", password="b") for _ in range(3)]
    staying = [world.client(server, user="a", password="a") for _ in range(3)]
    rewrite(server, config % "" + "max_connections: 3")
    server.reload()
    for client in leaving:
        client.wait_closed()
    for client in staying:
        client.flush()


def test_debug_and_trace_are_turned_on(world, server):
    client = world.client(server, user="a", password="a")
    rewrite(server, USERS.format(b="b", c="ok.>") + "debug: true\ntrace: true")
    server.reload()
    client.publish("a", b"x")
    client.flush()
    assert "<<- [PUB a 1]" in server.output()
    client.close()
    server.wait_for_output("Client connection closed: Client Closed")
