"""Who may come in and what they may do, by configuration. Passes against nats-server, too."""

import base64
import subprocess

import pytest

from harness import servers
from harness.wait import until

NK = servers.NK

USERS = """
authorization {
  default_permissions { publish: "default.>", subscribe: ["default.>", "_INBOX.>"] }
  users: [
    { user: all, password: p, permissions: { publish: ">", subscribe: ">" } }
    { user: plain, password: p }
    { user: deny, password: p, permissions: { publish: { deny: "no.>" }, subscribe: { deny: "no.x" } } }
    { user: queue, password: p, permissions: { subscribe: { allow: ["work q1", "more", "more q1"] } } }
    { user: server, password: p, permissions: { subscribe: "ask", allow_responses: { max: 1, expires: "1m" } } }
    { user: web, password: p, allowed_connection_types: [WEBSOCKET] }
  ]
}
"""


@pytest.fixture
def server(world):
    return world.alone(USERS)


def login(world, server, user, **options):
    return world.client(server, user=user, password="p", **options)


def refused(client):
    """The texts of the -ERR lines up to a PONG."""
    client.flush()
    errors, client.errors = client.errors, []
    return errors


def test_default_permissions(world, server):
    plain = login(world, server, "plain")
    plain.publish("other", b"")
    plain.subscribe("other")
    plain.publish("default.a", b"")
    assert refused(plain) == [
        "Permissions Violation for Publish to \"other\"",
        "Permissions Violation for Subscription to \"other\"",
    ]


def test_denied_messages_are_held_back(world, server):
    deny, everyone = login(world, server, "deny"), login(world, server, "all")
    deny.subscribe("no.*")
    deny.flush()
    everyone.publish("no.x", b"secret")
    everyone.publish("no.y", b"open")
    assert deny.next().payload == b"open"
    assert deny.nothing()
    deny.subscribe("no.x")
    deny.publish("no.z", b"")
    assert refused(deny) == [
        "Permissions Violation for Subscription to \"no.x\"",
        "Permissions Violation for Publish to \"no.z\"",
    ]


def test_queues(world, server):
    queue = login(world, server, "queue")
    for subject, name in (("work", None), ("work", "q1"), ("work", "q2"), ("more", None), ("more", "q2")):
        queue.subscribe(subject, queue=name)
    assert refused(queue) == [
        "Permissions Violation for Subscription to \"work\"",
        "Permissions Violation for Subscription to \"work\" using queue \"q2\"",
        "Permissions Violation for Subscription to \"more\" using queue \"q2\"",
    ]


def test_responses(world, server):
    responder, everyone = login(world, server, "server"), login(world, server, "all")
    responder.subscribe("ask")
    everyone.subscribe("inbox")
    responder.flush(), everyone.flush()
    everyone.publish("ask", b"?", reply="inbox")
    assert responder.next().reply == "inbox"
    responder.publish("inbox", b"one")
    responder.publish("inbox", b"two")
    assert refused(responder) == ["Permissions Violation for Publish to \"inbox\""]
    assert everyone.next().payload == b"one"
    assert everyone.nothing()


def test_connection_types(world, server):
    with pytest.raises((EOFError, ConnectionError, AssertionError)):
        login(world, server, "web").flush()


@pytest.mark.skipif(not NK.exists(), reason="no nk")
def test_nkey(world):
    """A key made by `nk`, and a nonce that `nk` signs."""
    seed = subprocess.run([NK, "-gen", "user"], capture_output=True, text=True, check=True).stdout.strip()
    seed_file = world.directory / "seed"
    seed_file.write_text(seed)
    public = subprocess.run([NK, "-inkey", seed_file, "-pubout"], capture_output=True, text=True,
                            check=True).stdout.strip()  # fmt: skip
    server = world.alone(f"authorization {{ users: [ {{ nkey: {public} }} ] }}")
    (world.directory / "creds").write_text(
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n")  # fmt: skip
    done = subprocess.run(
        [servers.NATS_CLI, "--server", server.url, "--nkey", world.directory / "seed", "rtt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert base64.b32decode(public + "=" * (-len(public) % 8))[0] == 20 << 3


def test_a_storm_of_bcrypt_logins_stalls_nobody(world):
    """100 logins with wrong passwords at once; who is in goes on."""
    # bcrypt of "secret", cost 10: some 50 ms each.
    hashed = "$2b$10$abcdefghijklmnopqrstuuCOFbkxiXvnZqcOM0QfmULfRDF57UOSm"
    server = world.alone(
        f"authorization {{ users: [ {{ user: slow, password: '{hashed}' }}, {{ user: fast, password: p }} ] }}"
    )
    fast = world.client(server, user="fast", password="p")
    fast.subscribe("tick")
    import socket

    storm = []
    for number in range(100):
        sock = world.keep(socket.create_connection((server.host, server.port)))
        sock.sendall(b'CONNECT {"user":"slow","pass":"%d"}\r\n' % number)
        storm.append(sock)
    for _ in range(20):
        fast.publish("tick", b"")
        assert fast.next().subject == "tick"
    until(lambda: server.monitor("/varz")["connections"] >= 1, "monitoring answers")
