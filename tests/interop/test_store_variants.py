"""The mirror with other hubs and other rules."""

import re
import subprocess
import threading
import urllib.error

import pytest

from harness.publisher import Publisher, check_all_once_in_order, check_first_arrivals
from harness.stream import Stream
from harness.wait import until
from harness.world import remote

pytestmark = pytest.mark.petiole
COUNT = 20_000


def store(rule: str, more: str = "") -> str:
    return (
        'store_and_forward {\n dir: "{dir}/mirror"\n max_bytes: 256MB\n'
        f" rules: [ {{ {rule} }} ]\n {more}\n}}\n"
    )


DISK = store('subjects: ["telemetry.>"], durability: disk')
OUTAGE = store('subjects: ["telemetry.>"], durability: outage')


def backlog(edge) -> int:
    return edge.monitor("/mirrorz")["messages"]


def publish(world, edge, count: int = COUNT, name: str = "one") -> Publisher:
    publisher = world.keep(Publisher(edge.host, edge.port, name, f"telemetry.{name}", count))
    publisher.open_gate(count)
    return publisher


def send_numbers(publisher, first: int, end: int) -> list[bytes]:
    numbers = [b"%d" % number for number in range(first, end)]
    for number in numbers:
        publisher.publish("telemetry.x", number)
    publisher.flush()
    return numbers


def healthy(edge) -> bool:
    try:
        return edge.monitor("/healthz") == {"status": "ok"}
    except urllib.error.HTTPError as red:
        assert red.code == 503 and b"at its limit, discard: new" in red.read()
        return False


def collect(client, timeout: float = 3) -> list[bytes]:
    got = []
    try:
        while True:
            got.append(client.next(timeout).payload)
    except TimeoutError:
        return got


@pytest.mark.parametrize("rule", [DISK, OUTAGE], ids=["disk", "outage"])
def test_plain_subscriber_without_jetstream(world, hub_version, rule):
    """The PING/PONG barrier confirms. Where a link breaks with messages in flight, a repeat is
    possible, but nothing is lost and first arrivals are in order."""
    hub = world.hub(hub_version)
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy), rule)
    hub.wait_leafs()
    subscriber = world.client(hub)
    subscriber.subscribe("telemetry.>")
    subscriber.flush()
    edge.wait_interest("telemetry.>")
    publisher = world.keep(Publisher(edge.host, edge.port, "one", "telemetry.one", COUNT))
    for turn in range(1, 4):
        publisher.open_gate(COUNT * turn // 4)
        publisher.wait(COUNT * turn // 4, 60)
        proxy.reset()
    publisher.open_gate(COUNT)
    publisher.wait(COUNT, 60)
    until(lambda: backlog(edge) == 0, "all confirmed", 60)
    repeats = check_first_arrivals(collect(subscriber), {"one": COUNT})
    assert repeats < COUNT // 2
    print(f"repeats after three resets: {repeats}")


def test_interest_appears_after_the_reconnect(world, hub_version):
    """With nobody upstream who wants it, it stays; it leaves when somebody does."""
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub), DISK)
    hub.wait_leafs()
    publish(world, edge).wait(COUNT, 60)
    hub.restart()
    hub.wait_leafs()
    assert backlog(edge) == COUNT
    subscriber = world.client(hub)
    subscriber.subscribe("telemetry.>")
    subscriber.flush()
    check_all_once_in_order((subscriber.next(20).payload for _ in range(COUNT)), {"one": COUNT})
    until(lambda: backlog(edge) == 0, "all confirmed", 30)


def test_stream_appears_after_the_reconnect(world, hub_version):
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    edge = world.leaf(remote(hub), DISK)
    hub.wait_leafs()
    publish(world, edge).wait(COUNT, 60)
    hub.restart()
    client = world.client(hub)
    stream = Stream("LATE", ["telemetry.>"]).create(client)
    until(lambda: stream.count(client) == COUNT, "the stream fills", 60)
    check_all_once_in_order(stream.payloads(client), {"one": COUNT})


@pytest.mark.parametrize("rule", [DISK, OUTAGE], ids=["disk", "outage"])
def test_outage_and_clean_restart(world, hub_version, rule):
    """What was published while the hub was away survives a clean end, whatever the durability."""
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    edge = world.leaf(remote(hub), rule)
    hub.wait_leafs()
    with hub.client() as client:
        stream = Stream("S", ["telemetry.>"], 1).create(client)
    hub.kill()
    publish(world, edge).wait(COUNT, 60)
    assert edge.stop() == 0
    edge.start()
    assert backlog(edge) == COUNT
    hub.start()
    client = world.client(hub)
    until(lambda: stream.count(client) >= COUNT, "the stream fills", 60)
    until(lambda: backlog(edge) == 0, "all confirmed", 30)
    check_all_once_in_order(stream.payloads(client), {"one": COUNT})


@pytest.mark.parametrize("window", [0.1, 120], ids=["old", "fresh"])
def test_what_the_stream_refused_is_found_among_what_it_removed(world, hub_version, window):
    """The answers are lost. Of what is missing in the stream, what was refused is sent again, also
    after the duplicate window; what was removed is not stored once more."""
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy), DISK)
    hub.wait_leafs()
    client = world.client(hub)
    stream = Stream("S", ["telemetry.>"], window, max_msgs=10, discard="new").create(client)
    publisher = world.client(edge)

    def send(first: int, last: int) -> None:
        send_numbers(publisher, first, last + 1)

    send(0, 4)
    until(lambda: stream.count(client) == 5 and backlog(edge) == 0, "five are confirmed", 20)
    proxy.set(swallow=("down",))
    send(5, 9)
    until(lambda: stream.count(client) == 10, "the stream is full", 20)
    client.subscribe("telemetry.x")
    client.flush()
    send(10, 10)
    assert client.next(20).payload == b"10"
    assert b"maximum messages" in client.request("telemetry.full", b"").payload
    stream.delete(client, 1)
    stream.delete(client, 7)
    send(11, 11)
    until(lambda: stream.count(client) == 9, "the next is taken", 20)
    proxy.reset()  # First: of a link that goes on no answers are missing.
    proxy.set(swallow=())
    until(lambda: backlog(edge) == 0, "all is settled", 30)
    got = [int(payload) for payload in stream.payloads(client)]
    assert got == [1, 2, 3, 4, 5, 7, 8, 9, 11, 10]


def test_a_stream_that_keeps_the_last_of_a_subject(world, hub_version):
    """The last vouches for those before it: none is sent again, after the duplicate window either."""
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy), DISK)
    hub.wait_leafs()
    client = world.client(hub)
    stream = Stream("S", ["telemetry.>"], 0.1, max_msgs_per_subject=1).create(client)
    publisher = world.client(edge)
    publisher.publish("telemetry.x", b"0")
    publisher.flush()
    until(lambda: stream.count(client) == 1 and backlog(edge) == 0, "the first is confirmed", 20)
    proxy.set(swallow=("down",))
    send_numbers(publisher, 1, 20)
    until(lambda: stream.state(client)["last_seq"] == 20, "all are there", 20)
    proxy.reset()  # First: of a link that goes on no answers are missing.
    proxy.set(swallow=())
    until(lambda: backlog(edge) == 0, "all is settled", 30)
    assert stream.state(client)["last_seq"] == 20
    assert stream.payloads(client) == [b"19"]


def test_a_work_queue_gets_each_once_within_the_duplicate_window(world, hub_version):
    """What a worker has removed can vouch for nothing: it is sent again, and known by its id."""
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy), DISK)
    hub.wait_leafs()
    client = world.client(hub)
    stream = Stream("S", ["telemetry.>"], retention="workqueue").create(client)
    worker = stream.worker(client)
    publisher = world.client(edge)

    sent = send_numbers(publisher, 0, 100)
    assert worker.take(100) == sent
    until(lambda: backlog(edge) == 0, "the first are confirmed", 20)
    proxy.set(swallow=("down",))
    sent = send_numbers(publisher, 100, 200)
    assert worker.take(100) == sent
    assert backlog(edge) == 100
    proxy.reset()  # First: of a link that goes on no answers are missing.
    proxy.set(swallow=())
    until(lambda: backlog(edge) == 0, "the answers that were lost come again", 30)
    hub.kill()
    sent = send_numbers(publisher, 200, 300)
    hub.start()
    client = world.client(hub)
    assert stream.worker(client).take(100) == sent
    until(lambda: backlog(edge) == 0, "all is settled", 30)
    assert stream.state(client)["last_seq"] == 300
    assert stream.count(client) == 0


@pytest.mark.parametrize("domain, retention", [("", "limits"), (", domain: hub", "workqueue")])
def test_what_expects_a_sequence_and_is_sent_again_is_no_loss(world, hub_version, domain, retention):
    """nats-server 2.15.2 compares the sequence before it looks for a repeat, 2.9.10 behind that."""
    hub = world.hub(hub_version, f"jetstream {{ store_dir: '{{dir}}/hub'{domain} }}")
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy), DISK)
    hub.wait_leafs()
    client = world.client(hub)
    stream = Stream("S", ["telemetry.>"], retention=retention).create(client)
    publisher = world.client(edge)

    def send(first: int, end: int) -> None:
        for last in range(first, end):
            publisher.publish("telemetry.x", b"%d" % last, headers={"Nats-Expected-Last-Sequence": last})
        publisher.flush()

    send(0, 10)
    until(lambda: backlog(edge) == 0, "the first are confirmed", 20)
    proxy.set(swallow=("down",))
    send(10, 20)
    until(lambda: stream.state(client)["last_seq"] == 20, "they arrive")
    send(7, 8)  # This one is refused.
    proxy.reset()
    proxy.set(swallow=())
    until(lambda: backlog(edge) == 0, "all is settled", 30)
    assert stream.state(client)["last_seq"] == 20
    rule = edge.monitor("/mirrorz")["rules"][0]
    assert (rule["confirmed"], rule["losses"]["rejected"]) == (20, 1)


def test_a_hub_that_only_lists_its_streams(world, hub_version):
    """It cuts the link of a leaf that asks what it may not: then nothing would ever go."""
    hub = world.hub(hub_version, """
        jetstream { store_dir: '{dir}/hub', domain: hub }
        authorization { users: [
          { user: admin, password: admin }
          { user: edge, password: edge, permissions {
              publish: ["telemetry.>", "$JS.hub.API.STREAM.LIST", "_PETIOLE.>"], subscribe: ">" } }
        ] }""")  # fmt: skip
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy, user="edge:edge"), DISK)
    hub.wait_leafs()
    client = world.client(hub, user="admin", password="admin")
    stream = Stream("S", ["telemetry.>"]).create(client)
    publisher = world.client(edge)
    sent = send_numbers(publisher, 0, 20)
    until(lambda: backlog(edge) == 0, "the first are confirmed", 20)
    proxy.set(swallow=("down",))
    sent += send_numbers(publisher, 20, 40)
    until(lambda: stream.count(client) == 40, "all are there", 20)
    proxy.reset()  # First: of a link that goes on no answers are missing.
    proxy.set(swallow=())
    until(lambda: backlog(edge) == 0, "all is settled", 30)
    assert stream.payloads(client) == sent
    assert "duplicate window" in edge.monitor("/mirrorz")["guarantee"]


@pytest.mark.parametrize("header", ["Nats-Schedule", "Nats-Batch-Id", "Nats-Incr", "Nats-TTL"])
def test_what_no_stream_takes_holds_up_nothing(world, hub_version, header):
    """A message that asks for what the stream does not do is refused by a newer nats-server for good,
    and kept by an older one."""
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    edge = world.leaf(remote(hub), DISK)
    hub.wait_leafs()
    client = world.client(hub)
    stream = Stream("S", ["telemetry.>"]).create(client)
    publisher = world.client(edge)
    publisher.publish("telemetry.x", b"odd", headers={header: "@every 5s"})
    sent = send_numbers(publisher, 0, 20)
    until(lambda: backlog(edge) == 0, "nothing waits", 30)
    rejected = edge.monitor("/mirrorz")["losses"]["rejected"]
    assert stream.payloads(client) == [b"odd"] * (1 - rejected) + sent


def test_local_delivery_goes_on(world, hub_version):
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub), DISK)
    hub.wait_leafs()
    hub.kill()
    subscriber = world.client(edge)
    subscriber.subscribe("telemetry.>")
    subscriber.flush()
    publish(world, edge).wait(COUNT, 60)
    check_all_once_in_order((subscriber.next(20).payload for _ in range(COUNT)), {"one": COUNT})


def test_keep_last(world, hub_version):
    """Only the newest state of each subject is kept for the hub; the older ones are no losses."""
    rule = store('subjects: ["state.>"], durability: outage, keep: last')
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub), rule)
    hub.wait_leafs()
    hub.kill()
    until(lambda: edge.monitor("/linkz")["links"][0]["state"] != "up", "the link is down", 30)
    publisher = world.client(edge)
    for value in range(100):
        for device in range(10):
            publisher.publish(f"state.{device}", b"%d" % value)
    publisher.flush()
    until(lambda: backlog(edge) == 10, "one a subject is left", 20)
    hub.start()
    hub.wait_leafs()
    subscriber = world.client(hub)
    subscriber.subscribe("state.>")
    subscriber.flush()
    got = {m.subject: m.payload for m in subscriber.take(10, 20)}
    assert got == {f"state.{device}": b"99" for device in range(10)}
    assert subscriber.nothing()


def test_limit_and_ledger(world, hub_version):
    """Over its limit a rule gives up the oldest, and says how many; the rest arrives in order."""
    rule = store('subjects: ["telemetry.>"], durability: disk, max_messages: 1000, discard: old')
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub), rule)
    hub.wait_leafs()
    publish(world, edge, 5000).wait(5000, 60)
    until(lambda: edge.monitor("/mirrorz")["losses"]["limit"] == 4000, "4,000 in the ledger", 20)
    edge.stop()
    edge.start()
    assert edge.monitor("/mirrorz")["losses"]["limit"] == 4000, "the ledger survives a restart"
    subscriber = world.client(hub)
    subscriber.subscribe("telemetry.>")
    subscriber.flush()
    got = [int(m.payload.split()[1]) for m in subscriber.take(1000, 20)]
    assert got == list(range(4000, 5000))


def test_refusal_of_new_ones(world, hub_version):
    rule = store('subjects: ["telemetry.>"], durability: disk, max_messages: 1000, discard: new')
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub), rule)
    hub.wait_leafs()
    publish(world, edge, 5000).wait(5000, 60)
    until(lambda: edge.monitor("/mirrorz")["losses"]["refused"] == 4000, "4,000 refused", 20)
    subscriber = world.client(hub)
    subscriber.subscribe("telemetry.>")
    subscriber.flush()
    got = [int(m.payload.split()[1]) for m in subscriber.take(1000, 20)]
    assert got == list(range(1000))


def test_requests_are_not_kept(world, hub_version):
    """A request has an asker who waits now: it is not stored for later."""
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub), DISK)
    hub.wait_leafs()
    client = world.client(edge)
    assert client.request("telemetry.ask", b"?", 5).status() == "503"
    assert backlog(edge) == 0


def test_other_subjects_are_not_kept(world, hub_version):
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub), DISK)
    client = world.client(edge)
    client.publish("other", b"x")
    client.publish("telemetry.x", b"x")
    client.flush()
    until(lambda: backlog(edge) == 1, "one is kept", 10)


def test_a_second_process_keeps_off(world):
    """The store is locked: exit status 2, and nothing on disk is touched."""
    edge = world.alone(DISK)
    client = world.client(edge)
    client.publish("telemetry.x", b"x")
    client.flush()
    config = world.directory / "second.conf"
    config.write_text(re.sub(r"(?m)^(listen|http):.*$", "", edge.config.read_text()) + "\nport: -1\n")
    done = subprocess.run([str(edge.kind.path), "-c", str(config)], capture_output=True, text=True,
                          timeout=30, check=False)  # fmt: skip
    assert done.returncode == 2, done
    assert "mirror" in done.stdout + done.stderr
    client.flush()
    assert backlog(edge) == 1


def test_full_disk_quota_keeps_clients_served(world, hub_version):
    """A store of 8 MB is offered 40 MB: bytes on disk stay below the limit, clients are served, and
    what was given up is in the ledger."""
    rule = store('subjects: ["telemetry.>"], durability: disk').replace("256MB", "8MB")
    hub = world.hub(hub_version)
    edge = world.leaf(remote(hub), rule)
    hub.wait_leafs()
    count, size = 40_000, 1000
    publisher = world.keep(Publisher(edge.host, edge.port, "one", "telemetry.one", count, size))
    publisher.open_gate(count)
    publisher.wait(count, 120)
    mirror = world.directory / "mirror"
    assert sum(f.stat().st_size for f in mirror.iterdir()) <= 8_000_000
    seen = edge.monitor("/mirrorz")
    assert seen["messages"] + seen["losses"]["limit"] + seen["losses"]["refused"] == count
    with edge.client() as client:
        client.subscribe("local")
        client.publish("local", b"x")
        assert client.next().payload == b"x"


@pytest.mark.root
def test_a_disk_that_others_had_filled_is_used_when_it_has_room(world, hub_version):
    """8 MB were free when it began; the limit is the configured one again as soon as they may be."""
    disk = world.directory / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)], check=True)
    try:
        others = disk / "others"
        others.write_bytes(bytes(32 << 20))
        rule = store('subjects: ["telemetry.>"], durability: disk, discard: new')
        rule = rule.replace("{dir}/mirror", "{dir}/disk/mirror")
        edge = world.leaf(remote(world.hub(hub_version, start=False)), rule)
        publisher = world.keep(Publisher(edge.host, edge.port, "one", "telemetry.one", 20_000, 1000))
        publisher.open_gate(20_000)
        publisher.wait(20_000, 60)
        refused = edge.monitor("/mirrorz")["losses"]["refused"]
        assert 0 < refused < 19_000
        assert 0 < edge.monitor("/mirrorz")["storage"]["max_bytes"] < 10 << 20
        others.unlink()
        until(lambda: edge.monitor("/mirrorz")["storage"]["max_bytes"] > 30 << 20, "it sees the room")
        until(lambda: healthy(edge), "it takes messages again")
        publish(world, edge, 5_000, "two").wait(5_000, 60)
        assert edge.monitor("/mirrorz")["losses"]["refused"] == refused
        edge.kill()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_replay_is_paced(world, hub_version):
    """max_rate holds for what is no longer live (older than a second): 2 MB at 500 kB a second take
    about four seconds, not none and not forever."""
    rule = store('subjects: ["telemetry.>"], durability: disk',
                 "replay: { max_rate: 500KB, live_share: 0% }")  # fmt: skip
    hub = world.hub(hub_version)
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy), rule)
    hub.wait_leafs()
    count = 2000
    publisher = world.keep(Publisher(edge.host, edge.port, "one", "telemetry.one", count, 1000))
    publisher.open_gate(count)
    publisher.wait(count, 60)
    pause = threading.Event()
    pause.wait(1.2)
    subscriber = world.client(hub)
    subscriber.subscribe("telemetry.>")
    subscriber.flush()
    pause.wait(1.5)
    assert backlog(edge) > 0
    check_all_once_in_order((subscriber.next(30).payload for _ in range(count)), {"one": count})


def test_health_is_red_while_a_full_rule_refuses_and_green_when_there_is_room(world, hub_version):
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    edge = world.leaf(remote(hub), store('subjects: ["telemetry.>"], discard: new, max_messages: 10'))
    hub.wait_leafs()
    with hub.client() as client:
        stream = Stream("S", ["telemetry.>"]).create(client)
    assert healthy(edge)
    hub.kill()
    until(lambda: edge.monitor("/linkz")["links"][0]["state"] != "up", "the link is lost", 20)
    publisher = world.client(edge)
    for number in range(15):
        publisher.publish("telemetry.x", b"%d" % number)
    publisher.flush()
    assert not healthy(edge)
    hub.start()
    until(lambda: backlog(edge) == 0, "all confirmed", 30)
    assert healthy(edge)
    assert edge.monitor("/mirrorz")["losses"]["refused"] == 5
    client = world.client(hub)
    assert [bytes(p) for p in stream.payloads(client)] == [b"%d" % n for n in range(10)]
