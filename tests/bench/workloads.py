"""The table of workloads with their targets, and how one is run."""

import dataclasses
import json
import subprocess


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    mode: str = "messages"
    size: int = 128
    count: int = 1_000_000
    publishers: int = 1
    subscribers: int = 0
    subjects: int = 1
    queue: bool = False
    link: str = ""  # "tcp", "s2", "tls", "ws": subscribers are at a hub behind a leaf link of that kind.
    # What the one server is configured for: "" nothing, or "accounts" (subscribers are in another one,
    # which imports the publishers' subjects), "permissions", "client-tls", "client-ws".
    throughput: float = 0  # Target: ours / theirs, at least.
    cpu: float = 0  # Target: ours / theirs a message, at most.
    latency: float = 0  # Target: p50, ours / theirs, at most.


WORKLOADS = [
    Workload("publish only, 16 B", size=16, count=6_000_000, throughput=2.0, cpu=0.45),
    Workload("1→1, 16 B", size=16, count=4_000_000, subscribers=1, throughput=2.5, cpu=0.35),
    Workload("1→1, 128 B", size=128, count=3_000_000, subscribers=1, throughput=2.0, cpu=0.4),
    Workload("1→1, 1 KiB", size=1024, count=1_000_000, subscribers=1, throughput=1.7, cpu=0.5),
    Workload("1→10, 128 B", count=300_000, subscribers=10, throughput=2.5, cpu=0.35),
    Workload("queue group 2→4, 128 B", count=2_000_000, publishers=2, subscribers=4, queue=True,
             throughput=2.0, cpu=0.45),
    Workload("1→1 over 1,000 subjects to a wildcard, 16 B", size=16, count=3_000_000, subscribers=1,
             subjects=1000, throughput=3.0, cpu=0.33),
    Workload("request-reply, one at a time", mode="request", size=16, count=30_000, latency=0.75, cpu=0.45),
    Workload("1→1 over a stream import, 128 B", count=2_000_000, subscribers=1, link="accounts",
             throughput=1.0, cpu=0.6),
    Workload("1→1 under permissions, 128 B", count=2_000_000, subscribers=1, link="permissions",
             throughput=1.0, cpu=0.6),
    Workload("1→1 of TLS clients, 128 B", count=1_500_000, subscribers=1, link="client-tls",
             throughput=1.0, cpu=0.6),
    Workload("1→1 of WebSocket clients, 128 B", count=1_500_000, subscribers=1, link="client-ws",
             throughput=1.0, cpu=0.6),
    Workload("client → leaf → hub → client, 128 B", count=1_000_000, subscribers=1, link="tcp",
             throughput=1.3, cpu=0.4),
    Workload("the same, S2-compressed", count=1_000_000, subscribers=1, link="s2", throughput=1.0, cpu=0.6),
    Workload("the same over TLS", count=1_000_000, subscribers=1, link="tls", throughput=1.0, cpu=0.6),
    Workload("the same over WebSocket", count=1_000_000, subscribers=1, link="ws", throughput=1.0, cpu=0.6),
]  # fmt: skip


def run(load: str, workload: Workload, port: int, pid: int, subscribe_port: int, share: float) -> dict:
    """One run against the server `pid` at `port`; `share` scales the number of messages."""
    argv = [
        load, workload.mode, "--port", port, "--subscribe-port", subscribe_port, "--pid", pid,
        "--size", workload.size, "--count", max(1000, int(workload.count * share)),
        "--publishers", workload.publishers, "--subscribers", workload.subscribers,
        "--subjects", workload.subjects,
    ]  # fmt: skip
    if workload.link in ("client-tls", "client-ws"):
        argv += ["--door", {"client-tls": "tls", "client-ws": "websocket"}[workload.link]]
    if workload.link in ("accounts", "permissions"):
        argv += ["--publish-user", "exporter", "--subscribe-user", "importer"]
    if workload.queue:
        argv.append("--queue")
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=300,
                          check=False)  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{workload.name}: {done.stderr.strip()[:200]}")
    result = json.loads(done.stdout)
    # Messages a second as the receivers see them; of a publisher without receivers, its own.
    seen = result.get("delivered") or result["messages"]
    result["rate"] = seen / result["seconds"]
    result["cpu_us"] = result["server_cpu"] / seen * 1e6
    return result
