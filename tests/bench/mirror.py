"""The mirror: durable messages a second, bytes written, reopening, replay, and who else suffers."""

import contextlib
import pathlib
import select
import statistics
import threading
import time

import workloads
from harness.client import Client, publication
from harness.servers import Server
from harness.stream import Stream
from harness.wait import until
from pairs import Bench

STORE = """
store_and_forward {{
  dir: "{{dir}}/mirror-{name}"
  max_bytes: 2GB
  rules: [ {{ subjects: ["load.>"], durability: disk }} ]
}}
"""


def written(server: Server) -> int:
    """Bytes that the process has had written to disk, whatever for, as the kernel counts them."""
    lines = pathlib.Path(f"/proc/{server.pid}/io").read_text().splitlines()
    return next(int(line.split(":")[1]) for line in lines if line.startswith("write_bytes"))


def settle(server: Server) -> None:
    """Until nothing has been written for longer than the store waits before it empties its WAL."""
    last = [written(server), time.monotonic()]

    def quiet() -> bool:
        now = written(server)
        if now != last[0]:
            last[:] = [now, time.monotonic()]
        return time.monotonic() - last[1] > 6.5

    until(quiet, "the store settles", 60, every=0.1)


def ingest(load: str, server: Server, count: int) -> float:
    """Durable messages of 128 B a second: the PONG behind the last says that all are on disk."""
    workload = workloads.Workload("ingest", count=count)
    result = workloads.run(load, workload, server.port, server.pid, server.port, 1)
    mirror = server.monitor("/mirrorz")
    if mirror["messages"] != count or mirror["storage"]["queued_bytes"] != 0:
        raise RuntimeError(f"of {count:,} messages {mirror['messages']:,} are held: {mirror['losses']}")
    return result["rate"]


def idle_writes(server: Server, seconds: float) -> int:
    before = written(server)
    threading.Event().wait(seconds)
    return written(server) - before


def reopen(server: Server) -> tuple[float, float]:
    """Seconds from the start to serving with the backlog, and MB resident then."""
    server.kill()
    begin = time.monotonic()
    server.start(ready=False)

    def serves() -> bool:
        with server.client() as client:
            client.flush()
        return True

    until(serves, "it serves again", 60, every=0.005)
    return time.monotonic() - begin, server.memory_kib() / 1024


def windowed(sock, frames: list[bytes], window: int = 4096) -> float:
    """Seconds until all frames are acknowledged, with so many on their way: as the mirror has."""
    sock.setblocking(False)
    sent = acked = 0
    out, torn, mark = b"", b"", b'"seq":'
    begin = time.monotonic()
    while acked < len(frames):
        room = min(len(frames) - sent, window - (sent - acked))
        if not out and (room >= 256 or 0 < room == len(frames) - sent):
            out = b"".join(frames[sent : sent + min(room, 512)])
            sent += min(room, 512)
        readable, writable, _ = select.select([sock], [sock] if out else [], [], 60)
        if not readable and not writable:
            raise RuntimeError(f"of {len(frames):,} messages {acked:,} were acknowledged")
        if readable:
            got = torn + sock.recv(1 << 18)
            acked += got.count(mark)
            torn = got[-(len(mark) - 1) :]
        if writable:
            out = out[sock.send(out) :]
    sock.setblocking(True)
    return time.monotonic() - begin


def direct_rate(hub: Server, count: int, ids: bool, own_replies: bool) -> float:
    """What the hub's stream takes from an asynchronous publisher with acknowledgements: with a reply subject
    for each message, as official clients have, or one for all, by which no client could tell them apart."""
    name = "-".join(("DIRECT", *(("IDS",) if ids else ()), *(("OWN",) if own_replies else ())))
    with hub.client() as client:
        stream = Stream(name, [f"{name}.>"]).create(client)
        client.subscribe("_INBOX.acks.*")
        client.flush()
        frames = [
            publication(f"{name}.x", b"x" * 128, f"_INBOX.acks.{i if own_replies else 0:08}",
                        {"Nats-Msg-Id": f"direct:{i}"} if ids else None)
            for i in range(count)
        ]  # fmt: skip
        took = windowed(client.raw_socket, frames)
    with hub.client() as client:
        assert stream.count(client) == count
    return count / took


def replaying_pair(bench: Bench, name: str, subjects: str) -> tuple[Server, Server]:
    """An edge with a mirror, and its hub with a stream LOAD, which is stopped."""
    hub = bench.server(
        bench.kinds["nats-server"], f"hub-{name}",
        f"jetstream {{ store_dir: '{{dir}}/hub-{name}', domain: hub }}\nleafnodes {{ listen: 127.0.0.1:{{leaf}} }}\n",
    )  # fmt: skip
    with hub.client() as client:
        Stream("LOAD", [subjects]).create(client)
    hub.kill()
    remote = f'leafnodes {{ remotes: [ {{ url: "nats-leaf://127.0.0.1:{hub.ports["leaf"]}" }} ] }}\n'
    config = remote + STORE.format(name=name).replace("load.>", subjects)
    return bench.server(bench.kinds["petiole"], name, config), hub


def replay_rates(bench: Bench, load: str, count: int, run: int) -> tuple[float, ...]:
    """Messages a second of a replay into a stream, and to the same hub, as newly started, from a direct
    publisher: with message ids, as the mirror sends them, and replies of their own; with ids; plain."""
    edge, hub = replaying_pair(bench, f"replay-{run}", "load.>")
    ingest(load, edge, count)
    hub.start()
    client, stream = hub.client(), Stream("LOAD", ["load.>"])
    until(lambda: stream.count(client) > 0, "the replay starts", 60, every=0.005)
    begin, already = time.monotonic(), stream.count(client)
    until(lambda: stream.count(client) >= count, "the replay ends", 300, every=0.02)
    rate = (count - already) / (time.monotonic() - begin)
    client.close()
    edge.stop()
    direct = []
    for ids, own_replies in ((True, True), (True, False), (False, False)):
        hub.kill()
        hub.start()
        direct.append(direct_rate(hub, count, ids, own_replies))
    hub.kill()
    return rate, *direct


def local_p99(load: str, server: Server, count: int) -> float:
    workload = workloads.Workload("latency", mode="request", size=16, count=count)
    return workloads.run(load, workload, server.port, server.pid, server.port, 1)["p99_us"]


# The requests of the generator are on load.request: a rule must not cover it.
def median_p99(load: str, server: Server, count: int) -> float:
    return statistics.median(local_p99(load, server, count) for _ in range(3))


@contextlib.contextmanager
def filling(server: Server, pause: float):
    """Durable messages, 200 at a time with a pause after each; 0: as fast as they are taken."""
    stop = threading.Event()

    def fill() -> None:
        with Client(server.host, server.port) as client:
            batch = publication("fill.x", b"x" * 128) * 200
            while not stop.wait(pause):
                client.send(batch)

    filler = threading.Thread(target=fill)
    filler.start()
    try:
        yield
    finally:
        stop.set()
        filler.join()


def backlog(server: Server, count: int) -> None:
    with server.client() as client:
        for _ in range(count // 1000):
            client.send(publication("fill.x", b"x" * 128) * 1000)
        client.flush(120)


def p99_during_replay(bench: Bench, load: str, count: int) -> tuple[float, float, float]:
    """p99 of unrelated requests: while the link is up and nothing is sent; of another petiole during a
    replay; of the one that replays. The latter two alternate, in one replay."""
    edge, hub = replaying_pair(bench, "latency-replay", "fill.>")
    other = bench.server(bench.kinds["petiole"], "latency-idle")
    idle = median_p99(load, edge, count)
    backlog(edge, max(100 * count, 400_000))
    hub.start()
    hub.wait_leafs()
    until(lambda: edge.monitor("/mirrorz")["rules"][0]["in_flight"] > 0, "the replay starts", 60)
    pairs = []
    while len(pairs) < 3:
        pair = local_p99(load, other, count), local_p99(load, edge, count)
        if edge.monitor("/mirrorz")["messages"] == 0:
            break  # Some of them were not beside a replay.
        pairs.append(pair)
    for server in (edge, hub, other):
        server.kill()
    if not pairs:
        raise RuntimeError("the replay ended before the requests")
    beside, busy = (statistics.median(column) for column in zip(*pairs, strict=True))
    return idle, beside, busy


def report(bench: Bench, options) -> bool:
    if options.only and "mirror" not in options.only:
        return True
    print("\n## Mirror\n\n| what | petiole | target |\n|---|---:|---:|")
    good = True

    def add(name: str, value: str, target: str, held: bool) -> None:
        nonlocal good
        print(f"| {name} | {value} | {target} {'✓' if held else '✗'} |", flush=True)
        good &= held

    try:
        _rows(bench, options, add)
    except (AssertionError, RuntimeError) as error:
        print(f"| failed | {error} | |")
        bench.failures += 1
    return good


def _rows(bench: Bench, options, add) -> None:
    count = 20_000 if options.small else 1_000_000
    edge = bench.server(bench.kinds["petiole"], "mirror", STORE.format(name="main"))
    settle(edge)
    before = written(edge)
    rate = ingest(options.load, edge, count)
    settle(edge)
    each = (written(edge) - before) / count
    add("durable messages of 128 B a second", f"{rate:,.0f}", "≥ 200,000", rate >= 200_000)
    add("written to disk for each", f"{each:.0f} B", "≤ 400 B", each <= 400)
    quiet = idle_writes(edge, 0.5 if options.small else 5)
    add("written by an idle mirror", f"{quiet} B", "0 B", quiet == 0)
    seconds, resident = reopen(edge)
    if (held := edge.monitor("/mirrorz")["messages"]) != count:
        raise RuntimeError(f"of {count:,} messages {held:,} are there again")
    add(f"reopening a backlog of {count:,}", f"{seconds:.2f} s", "≤ 2 s", seconds <= 2)
    add("resident memory then", f"{resident:.1f} MB", "≤ 32 MB", resident <= 32)
    edge.stop()
    _replay_rows(bench, options, add)
    _latency_rows(bench, options, add)


def _replay_rows(bench: Bench, options, add) -> None:
    count = 5_000 if options.small else 300_000
    runs = [replay_rates(bench, options.load, count, run) for run in range(min(options.runs, 3))]
    replayed, own, ids, plain = (statistics.median(column) for column in zip(*runs, strict=True))
    share, of_ids = (statistics.median(run[0] / run[i] for run in runs) for i in (1, 2))
    rates = (
        f"{replayed:,.0f}/s; direct with ids {own:,.0f}/s, and one reply subject for all {ids:,.0f}/s, "
        f"without ids {plain:,.0f}/s"
    )
    add(f"replay into a stream, of direct with ids ({rates})", f"{share:.2f} ({of_ids:.2f})", "≥ 0.8", share >= 0.8)


def _latency_rows(bench: Bench, options, add) -> None:
    count = 1_000 if options.small else 20_000
    edge, other = (
        bench.server(bench.kinds["petiole"], name, STORE.format(name=name).replace("load.>", "fill.>"))
        for name in ("latency", "beside")
    )

    def row(name: str, idle: float, beside: float, busy: float) -> None:
        """Work beside takes cores, whoever does it: the same load on another petiole shows that share."""
        figures = f"idle {idle:.0f} µs, that load on another petiole {beside:.0f} µs, on this {busy:.0f} µs"
        base = max(idle, beside)
        add(f"p99 of local requests {name} ({figures})", f"{busy / idle:.2f}× idle, {busy / base:.2f}× with its cores",
            "≤ 2× idle", busy <= 2 * idle)  # fmt: skip

    for name, pause in (("at 20,000 durable messages a second", 0.01), ("at as many as it takes", 0)):
        idle = median_p99(options.load, edge, count)
        with filling(other, pause):  # What the machine alone makes of so much work.
            beside = median_p99(options.load, edge, count)
        with filling(edge, pause):
            busy = median_p99(options.load, edge, count)
        row(name, idle, beside, busy)
    edge.stop()
    other.stop()
    row("during a replay", *p99_during_replay(bench, options.load, count))
