"""Memory, start and size."""

import json
import pathlib
import re
import statistics
import subprocess

from doors import idle_bytes
from harness.servers import Kind, Server
from pairs import Bench


def hold(bench: Bench, load: str, server: Server, connections: int, subscriptions: int) -> float:
    """KiB that the server has grown by while this is held."""
    before = server.memory_kib()
    holder = subprocess.Popen(
        [load, "hold", "--port", str(server.port), "--subscribers", str(connections),
         "--count", str(subscriptions)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdin is not None and holder.stdout is not None
    try:
        line = holder.stdout.readline()
        if not line:
            raise RuntimeError("the load generator ended")
        assert json.loads(line)["connections"] == connections
        return server.memory_kib() - before
    finally:
        holder.stdin.close()
        holder.wait(60)


def row(name: str, ours: float, theirs: float | None, unit: str, target: float) -> tuple[str, bool]:
    held = ours <= target
    other = "" if theirs is None else f"{theirs:,.1f} {unit}"
    text = f"| {name} | {ours:,.1f} {unit} | {other} | ≤ {target:g} {unit} {'✓' if held else '✗'} |"
    return text, held


def churn_growth(load: str, server: Server, rounds: int) -> float:
    """KiB of growth over rounds of connections and subscriptions that come and go, after a warm-up."""
    half = 0
    for turn in range(rounds):
        done = subprocess.run(
            [load, "hold", "--port", str(server.port), "--subscribers", "200", "--count", "20000"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())
        if turn == rounds // 2:
            half = server.memory_kib()
    return server.memory_kib() - half


def report(bench: Bench, options) -> bool:
    if options.only and "memory" not in options.only:
        return True
    print("\n## Memory, start, size\n\n| what | petiole | nats-server | target |\n|---|---:|---:|---:|")
    good = True

    def add(name: str, ours: float, theirs: float | None, unit: str, target: float) -> None:
        nonlocal good
        text, held = row(name, ours, theirs, unit, target)
        print(text, flush=True)
        good &= held

    small = bench.leaf_petiole if bench.leaf_petiole.exists() else bench.kinds["petiole"].path
    kinds = {"petiole": Kind(small, True), "nats-server": bench.kinds["nats-server"]}
    clients, subscriptions = (200, 20_000) if options.small else (10_000, 1_000_000)
    found: dict[str, dict[str, float]] = {}
    for name, kind in kinds.items():
        server = bench.server(kind, f"memory-{name}", "max_connections: 20000")
        idle = server.memory_kib()
        per_client = hold(bench, options.load, server, clients, clients) * 1024 / clients
        server.restart()
        per_subscription = hold(bench, options.load, server, 1, subscriptions) * 1024 / subscriptions
        server.restart()
        grown = churn_growth(options.load, server, 4 if options.small else 60)
        starts = [bench.start_to_pong(kind, f"start-{name}-{i}") for i in range(options.runs)]
        server.kill()
        found[name] = {"idle": idle / 1024, "client": per_client, "subscription": per_subscription,
                       "churn": grown, "start": statistics.median(starts) * 1000}  # fmt: skip
    ours, theirs = found["petiole"], found["nats-server"]
    which = "preset leaf" if small == bench.leaf_petiole else "preset release; leaf is not built"
    add(f"idle, resident ({which})", ours["idle"], theirs["idle"], "MB", 4)
    add(f"an idle client with a subscription, of {clients:,}", ours["client"], theirs["client"], "B", 2048)
    add(f"a subscription, of {subscriptions:,}", ours["subscription"], theirs["subscription"], "B", 200)
    held = 60 if options.small else 2000
    for door, what, target in (
        ("tls", "an idle client over TLS", 70_000),  # 37 KB are a field of Debian's wolfSSL.
        ("websocket", "an idle client over WebSocket, with compression", 110_000),
        ("silent", "a peer on the TLS port that says nothing", 4096),
    ):
        cost = {name: idle_bytes(bench, kind, name, door, held) for name, kind in kinds.items()}
        add(f"{what}, of {held:,}", cost["petiole"], cost["nats-server"], "B", target)
    add("growth under churn, second half", ours["churn"], theirs["churn"], "KiB", 256)
    add("start to first PONG", ours["start"], theirs["start"], "ms", 20)
    good &= size(bench, add)
    return good


def size(bench: Bench, add) -> bool:
    """The stripped size, and what each part of it takes."""
    if not bench.leaf_petiole.exists():
        print("| stripped binary (preset leaf) | not built | | ≤ 4 MB |")
        return True
    script = pathlib.Path(__file__).parent / "size"
    table = subprocess.run([str(script), str(bench.leaf_petiole)], capture_output=True, text=True,
                           check=True).stdout  # fmt: skip
    found = re.search(r"\*\*stripped file\*\* \| \*\*(\d+)\*\*", table)
    assert found is not None, table
    total = int(found[1]) / 1024
    add("stripped binary (preset leaf)", total, None, "MB", 4)
    print(f"\n## Size of preset leaf by part\n\n{table}")
    return total <= 4
