"""Clients that come by other doors: what an idle one over TLS or WebSocket costs, and what a
thousand handshakes at once do to those that are connected.

As a program it is these clients: doors.py KIND PORT COUNT [CA]. It prints a line when all are in and
holds them until its standard input ends. KIND: tls, websocket, silent (connects and says nothing).
"""

import asyncio
import os
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time

HELLO = b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n'
AT_ONCE = 1000  # Of the reconnect storm.


async def silent(port: int, _context):
    streams = await asyncio.open_connection("127.0.0.1", port)
    await streams[0].readline()
    return streams


async def tls(port: int, context):
    """INFO in clear, the handshake, PONG."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    await writer.start_tls(context, server_hostname="localhost", ssl_handshake_timeout=60)
    writer.write(HELLO)
    while not (await reader.readline()).startswith(b"PONG"):
        pass
    return reader, writer


async def websocket(port: int, _context):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.write(bytes([0x82, 0x80 | len(HELLO)]) + bytes(4) + HELLO)
    await reader.readuntil(b"PONG")
    return reader, writer


async def clients(kind: str, port: int, count: int, ca: str) -> None:
    os.nice(10)  # The probe beside them is what is measured.
    context = ssl.create_default_context(cafile=ca) if ca else None
    make = {"silent": silent, "tls": tls, "websocket": websocket}[kind]
    begin = time.monotonic()
    held = await asyncio.gather(*(make(port, context) for _ in range(count)))
    print(time.monotonic() - begin, len(held), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class Clients:
    """Another process that is `count` clients."""

    def __init__(self, kind: str, port: int, count: int, ca: str = ""):
        self.process = subprocess.Popen(
            [sys.executable, __file__, kind, str(port), str(count), ca],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def all_in(self) -> float:
        """Seconds that it took."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the clients did not come in")
        return float(line.split()[0])

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)


class Probe:
    """A connected client that measures round trips of a message to itself."""

    def __init__(self, port: int):
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(HELLO + b"SUB probe 1\r\n")
        got = b""
        while b"PONG" not in got:
            got += self._more()

    def round_trip(self) -> float:
        begin = time.perf_counter()
        self.sock.sendall(b"PUB probe 2\r\nhi\r\n")
        got = b""
        while b"\r\nhi\r\n" not in got:  # The server's PING may be among it.
            got += self._more()
        return time.perf_counter() - begin

    def _more(self) -> bytes:
        data = self.sock.recv(4096)
        if not data:
            raise RuntimeError("the server closed the probe")
        return data


def p99(samples: list[float]) -> float:
    return statistics.quantiles(samples, n=100)[98]


def during(probe: Probe, port: int, authority, count: int) -> tuple[list[float], float]:
    """Round trips while so many TLS clients come in at `port`, and the seconds that these took."""
    coming = Clients("tls", port, count, str(authority.cert))
    took: list[float] = []
    waiting = threading.Thread(target=lambda: took.append(coming.all_in()), daemon=True)
    waiting.start()
    trips = []
    while waiting.is_alive():
        trips.append(probe.round_trip())
        time.sleep(0.0005)  # A steady sample, not a load of its own.
    if not took:
        raise RuntimeError("the clients did not come in")
    coming.close()
    return trips, took[0]


def storm(bench, kind, name: str, count: int) -> dict[str, float]:
    """p99 of a round trip in milliseconds: idle, while `count` clients come to another server of the
    kind, which is what their and its computing alone do, and while they come to this one."""
    authority = bench.authority()
    config = authority.server_tls(more="timeout: 60") + "\nallow_non_tls: true"
    server, other = (bench.server(kind, f"storm-{name}-{which}", config) for which in ("this", "other"))
    probe = Probe(server.port)
    idle = [probe.round_trip() for _ in range(3000)]
    beside, _ = during(probe, other.port, authority, count)
    other.kill()
    trips, took = during(probe, server.port, authority, count)
    server.kill()
    return {"idle": p99(idle) * 1000, "beside": p99(beside) * 1000, "storm": p99(trips) * 1000,
            "worst": max(trips) * 1000, "rate": count / took}  # fmt: skip


def idle_bytes(bench, kind, name: str, door: str, count: int) -> float:
    """Resident bytes that one idle client by this door costs."""
    authority = bench.authority()
    config = authority.server_tls(more="timeout: 60") + (
        "\nwebsocket { listen: 127.0.0.1:{websocket}, no_tls: true, compression: true }"
    )
    server = bench.server(kind, f"{door}-{name}", config)
    port = server.ports["websocket"] if door == "websocket" else server.port
    warm = Clients(door, port, 20, str(authority.cert))
    warm.all_in()
    before = server.memory_kib()
    coming = Clients(door, port, count, str(authority.cert))
    coming.all_in()
    grown = server.memory_kib() - before
    for held in (coming, warm):
        held.close()
    server.kill()
    return grown * 1024 / count


def report(bench, options) -> bool:
    """The reconnect storm."""
    if options.only and "storm" not in options.only:
        return True
    count = 60 if options.small else AT_ONCE
    print("\n## Reconnect storm\n\n| what | petiole | nats-server | target |\n|---|---:|---:|---:|")
    found = {name: storm(bench, kind, name, count) for name, kind in bench.kinds.items()}
    cells = [
        f"{f['storm']:.2f} ms (idle {f['idle']:.2f}, when they come to another server {f['beside']:.2f}, "
        f"worst {f['worst']:.1f}; {f['rate']:,.0f} handshakes/s)"
        for f in found.values()
    ]
    ratio = found["petiole"]["storm"] / found["petiole"]["idle"]
    fine = ratio <= 5
    print(f"| p99 of a round trip while {count:,} TLS clients come at once | {cells[0]} | {cells[1]} "
          f"| ≤ 5 × idle: {ratio:.1f} {'✓' if fine else '✗'} |", flush=True)  # fmt: skip
    return fine


if __name__ == "__main__":
    door, port, count, ca = [*sys.argv[1:], ""][:4]
    asyncio.run(clients(door, int(port), int(count), ca))
