"""Bytes that no client should send: bounded memory, the documented error, all others served."""

import random
import socket
import time

import pytest

from harness.wait import until


@pytest.fixture
def server(world):
    return world.alone("max_payload: 64KB\n max_connections: 200\n authorization { timeout: 2 }")


@pytest.fixture
def others_are_served(world, server):
    """A client from before the mischief works through it and after it."""
    client = world.client(server)
    client.subscribe("good")
    client.flush()
    yield
    client.publish("good", b"still here")
    assert client.next().payload == b"still here"
    assert server.running()
    with server.client() as late:
        late.flush()


def connect(server) -> socket.socket:
    sock = socket.create_connection((server.host, server.port), 10)
    while not sock.recv(1 << 16).endswith(b"\n"):
        pass
    return sock


def read_to_end(sock: socket.socket, timeout: float = 20) -> bytes:
    """All bytes until the server closes; TimeoutError when it does not."""
    sock.settimeout(timeout)
    got = b""
    try:
        while data := sock.recv(1 << 16):
            got += data
    except ConnectionError:
        pass
    return got


CONNECT = b'CONNECT {"verbose":false,"headers":true}\r\n'


@pytest.mark.parametrize(
    "sent, error",
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"Unknown Protocol Operation"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"Unknown Protocol Operation"),
        (CONNECT + b"NONSENSE\r\n", b"Unknown Protocol Operation"),
        (CONNECT + b"PUB a " + b"9" * 9 + b"\r\n", b"Maximum Payload Violation"),
        (CONNECT + b"PUB a 70000\r\n", b"Maximum Payload Violation"),
        (CONNECT + b"PUB a " + b"9" * 60 + b"\r\n", b""),
        (CONNECT + b"PUB a -1\r\n", b""),
        (CONNECT + b"PUB a 5\r\nhelloXX", b"Unknown Protocol Operation"),
        (CONNECT + b"HPUB a 10 5\r\nhello\r\n", b""),
        (CONNECT + b"SUB\r\n", b""),
        (CONNECT + b"SUB a b c d\r\n", b""),
        (b"CONNECT {{{\r\n", b""),
        (b"CONNECT " + b"[" * 3000 + b"\r\n", b""),
        (CONNECT + b"MSG a 1 2\r\nhi\r\n", b"Unknown Protocol Operation"),
        (CONNECT + b"LS+ a\r\n", b"Unknown Protocol Operation"),
        (CONNECT + b"SUB " + b"a" * 5000 + b" 1\r\n", b"maximum control line exceeded"),
    ],
    ids=lambda value: value[-24:].decode("latin1") if isinstance(value, bytes) else None,
)
def test_refused(server, others_are_served, sent, error):
    with connect(server) as sock:
        sock.sendall(sent)
        assert error in read_to_end(sock)


def test_an_endless_line(server, others_are_served):
    """Closed at the limit, not when memory is gone."""
    with connect(server) as sock:
        sock.sendall(CONNECT)
        before = server.memory_kib()
        with pytest.raises(OSError):
            for _ in range(4000):
                sock.sendall(b"PUB " + b"a" * 65536)
        assert server.memory_kib() - before < 20_000


def test_half_a_message_is_waited_for(server, others_are_served):
    with connect(server) as sock:
        sock.sendall(CONNECT + b"PING\r\nSUB a 1\r\nPUB a 10\r\nhel")
        sock.settimeout(5)
        assert b"PONG" in sock.recv(100)
        sock.sendall(b"lo worl\r\nPING\r\n")
        got = b""
        while b"PONG" not in got:
            got += sock.recv(1000)
        assert b"MSG a 1 10\r\nhello worl\r\n" in got


def test_garbage_from_a_seed(server, others_are_served):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    words = [b"PUB ", b"SUB ", b"HPUB ", b"UNSUB ", b"CONNECT ", b"PING", b"+OK", b"-ERR ", b"INFO {}",
             b"\r\n", b" ", b"a.b", b">", b"*", b"5", b"{}", b"\0", b"\xff", CONNECT]  # fmt: skip
    for _ in range(200):
        with connect(server) as sock:
            data = b"".join(dice.choice(words) for _ in range(dice.randrange(1, 60)))
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            read_to_end(sock)


def test_slowloris(world, others_are_served, server):
    """Connections that never finish a line do not keep others out, and are closed in time when
    they must authenticate."""
    locked = world.alone("authorization { user: a, password: b, timeout: 1 }\n max_connections: 50", "locked")
    slow = [connect(locked) for _ in range(40)]
    for sock in slow:
        sock.sendall(b'CONNECT {"name":"')
    said = dict.fromkeys(slow, b"")
    begin = time.monotonic()
    alive = list(slow)
    while alive and time.monotonic() < begin + 10:
        for sock in list(alive):
            try:
                sock.sendall(b"x")
                sock.settimeout(0.02)
                more = sock.recv(1000)
                said[sock] += more
                if not more:
                    alive.remove(sock)
            except TimeoutError:
                pass
            except OSError:  # Closed while we went on talking: its last words may be lost with that.
                alive.remove(sock)
    assert not alive, f"{len(alive)} are still connected"
    assert time.monotonic() > begin + 0.5, "closed for another reason"
    assert any(b"Authentication Timeout" in text for text in said.values())
    with locked.client(user="a", password="b") as client:
        client.flush()
    for sock in slow:
        sock.close()


def test_too_many_connections(world, server, others_are_served):
    small = world.alone("max_connections: 10", "small")
    held = [world.client(small) for _ in range(10)]
    with socket.create_connection((small.host, small.port), 10) as sock:
        assert b"maximum connections exceeded" in read_to_end(sock)
    held[0].close()
    until(lambda: _serves(small), "a place is free again")


def _serves(server) -> bool:
    with server.client() as client:
        client.flush()
    return True


def test_a_million_subscriptions(server, others_are_served):
    """Kept, at a bounded price each, and given back at the end."""
    before = server.memory_kib()
    with connect(server) as sock:
        sock.sendall(CONNECT)
        for start in range(0, 1_000_000, 10_000):
            sock.sendall(b"".join(b"SUB load.%d.x %d\r\n" % (i, i) for i in range(start, start + 10_000)))
        sock.sendall(b"PING\r\n")
        sock.settimeout(60)
        got = b""
        while b"PONG" not in got:
            got += sock.recv(1000)
        grown = server.memory_kib() - before
        assert grown * 1024 / 1_000_000 < (400 if server.kind.is_petiole else 2000), grown
    until(lambda: server.monitor("/varz")["subscriptions"] < 1000, "the subscriptions go", 60)


def test_max_subscriptions(world, server, others_are_served):
    strict = world.alone("max_subscriptions: 5", "strict")
    client = world.client(strict)
    for i in range(6):
        client.subscribe(f"s.{i}")
    client.flush()
    assert client.errors == ["maximum subscriptions exceeded"]
    client.publish("s.0", b"x")
    assert client.next().payload == b"x"


def test_a_slow_consumer_is_cut(world, server, others_are_served):
    """A reader that reads nothing costs max_pending, then its connection."""
    small = world.alone("max_pending: 2MB\n write_deadline: 5s", "pending")
    lazy = connect(small)
    lazy.sendall(CONNECT + b"SUB flood 1\r\nPING\r\n")
    lazy.recv(100)
    publisher = world.client(small)
    before = small.memory_kib()
    for _ in range(400):
        publisher.publish("flood", bytes(60_000))
    publisher.flush(30)
    until(lambda: small.monitor("/varz")["slow_consumers"] >= 1, "the slow consumer is noticed", 30)
    until(lambda: small.monitor("/varz")["connections"] == 1, "its connection is closed", 30)
    assert small.memory_kib() - before < 60_000
    lazy.close()
