"""The mirror: durable messages a second, bytes written, reopening, replay, and who else suffers."""

import pathlib
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


def direct_rate(hub: Server, count: int) -> float:
    """What the hub's stream takes from an asynchronous publisher with acknowledgements."""
    with hub.client() as client:
        stream = Stream("DIRECT", ["direct.>"]).create(client)
        inbox = "_INBOX.acks"
        client.subscribe(inbox)
        line = publication("direct.x", b"x" * 128, inbox)
        begin = time.monotonic()
        window = 4000  # Unacknowledged at a time.
        for start in range(0, count, window):
            client.send(line * min(window, count - start))
            client.take(min(window, count - start), 60)
        took = time.monotonic() - begin
        assert stream.count(client) == count
    return count / took


def replay_rate(bench: Bench, load: str, count: int) -> tuple[float, float]:
    """Messages a second of a replay into a stream, and of a direct publisher to the same hub."""
    hub = bench.server(
        bench.kinds["nats-server"], "hub-replay",
        "jetstream { store_dir: '{dir}/hub', domain: hub }\nleafnodes { listen: 127.0.0.1:{leaf} }\n",
    )  # fmt: skip
    direct = direct_rate(hub, count)
    with hub.client() as client:
        stream = Stream("LOAD", ["load.>"]).create(client)
    hub.kill()
    remote = f'leafnodes {{ remotes: [ {{ url: "nats-leaf://127.0.0.1:{hub.ports["leaf"]}" }} ] }}\n'
    edge = bench.server(bench.kinds["petiole"], "replay", remote + STORE.format(name="replay"))
    ingest(load, edge, count)
    hub.start()
    client = hub.client()
    until(lambda: stream.count(client) > 0, "the replay starts", 60, every=0.005)
    begin, already = time.monotonic(), stream.count(client)
    until(lambda: stream.count(client) >= count, "the replay ends", 300, every=0.05)
    rate = (count - already) / (time.monotonic() - begin)
    client.close()
    edge.stop()
    hub.kill()
    return rate, direct


def local_p99(load: str, server: Server, count: int) -> float:
    workload = workloads.Workload("latency", mode="request", size=16, count=count)
    return workloads.run(load, workload, server.port, server.pid, server.port, 1)["p99_us"]


def p99_during_ingest(load: str, server: Server, count: int) -> tuple[float, float]:
    """p99 of unrelated requests: idle, and while another client fills the mirror at 20,000 a second."""
    # The requests of the generator are on load.request: this server's rule must not cover it.
    idle = statistics.median(local_p99(load, server, count) for _ in range(3))
    stop = threading.Event()

    def fill() -> None:
        with Client(server.host, server.port) as client:
            batch = publication("fill.x", b"x" * 128) * 200
            while not stop.wait(0.01):
                client.send(batch)

    filler = threading.Thread(target=fill)
    filler.start()
    try:
        busy = statistics.median(local_p99(load, server, count) for _ in range(3))
    finally:
        stop.set()
        filler.join()
    return idle, busy


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
    replayed, direct = replay_rate(bench, options.load, 5_000 if options.small else 200_000)
    share = replayed / direct
    add(f"replay into a stream ({replayed:,.0f}/s; direct {direct:,.0f}/s)", f"{share:.2f}", "≥ 0.8", share >= 0.8)
    fill = STORE.format(name="latency").replace("load.>", "fill.>")
    edge = bench.server(bench.kinds["petiole"], "latency", fill)
    idle, busy = p99_during_ingest(options.load, edge, 1_000 if options.small else 20_000)
    add(f"p99 of local requests during ingest ({idle:.0f} → {busy:.0f} µs)", f"{busy / idle:.2f}×", "≤ 2×",
        busy <= 2 * idle)  # fmt: skip
    edge.stop()
