"""What a hub's streams do besides storing: roll-ups, large messages, another of the same subjects
beyond the hub, refusals for good; and what its clients do."""

import subprocess
import threading

import pytest

from harness.stream import Stream
from harness.wait import until
from harness.world import remote

pytestmark = pytest.mark.petiole

STORE = """
store_and_forward {
  dir: "{dir}/mirror"
  max_bytes: 64MB
  rules: [ { subjects: ["telemetry.>"], durability: disk } ]
}
"""
HUB = "jetstream { store_dir: '{dir}/hub', domain: hub }"
WINDOW = 0.2


class Scene:
    def __init__(self, world, version: str, more: str = ""):
        self.world = world
        self.hub = world.hub(version, f"{HUB}\n{more}")
        self.proxy = world.proxy(self.hub.ports["leaf"])
        self.edge = world.leaf(remote(self.hub, self.proxy), f"{STORE}\n{more}")
        self.hub.wait_leafs()
        self.client, self.publisher = world.client(self.hub), world.client(self.edge)

    def stream(self, window: float, **more) -> Stream:
        """One that took the first message, and that the mirror knows of."""
        self.made = Stream("S", ["telemetry.>"], window, **more).create(self.client)
        self.send(0, 1)
        self.settled()
        rule = lambda: self.edge.monitor("/mirrorz")["rules"][0]  # noqa: E731

        def known() -> bool:
            self.send(0, 1, subject="telemetry.again")
            return rule()["confirm"] == "puback"

        until(known, "the mirror knows of the stream", 20, every=0.3)
        self.settled()
        return self.made

    def send(self, first: int, end: int, subject: str = "telemetry.x", size: int = 0, **headers) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for number in range(first, end):
            self.publisher.publish(subject, (b"%d " % number).ljust(size, b"."), headers=named or None)
        self.publisher.flush(20)

    def unheard(self) -> None:
        self.proxy.set(swallow=("down",))

    def heard_again(self) -> None:
        self.proxy.reset()  # First: of a link that goes on no answers are missing.
        self.proxy.set(swallow=())

    def last(self) -> int:
        return self.made.state(self.client)["last_seq"]

    def arrived(self, last: int) -> None:
        until(lambda: self.last() >= last, f"{last} are there", 20)

    def settled(self) -> None:
        until(lambda: self.edge.monitor("/mirrorz")["messages"] == 0, "all is settled", 40)

    def numbers(self, subject: str = "telemetry.x") -> list[int]:
        return [int(each.split()[0]) for each in self.made.payloads(self.client) if each != b"other"]


@pytest.mark.parametrize("kind", ["sub", "all"])
def test_what_was_rolled_up_stays_so_when_the_hub_begins_anew(world, hub_version, kind):
    """It knows only the ids of what its streams have: sent again, the old would take the new one's place."""
    scene = Scene(world, hub_version)
    scene.stream(120, allow_rollup_hdrs=True)
    before = scene.last()
    scene.unheard()
    scene.send(1, 21, Nats_Rollup=kind)
    scene.arrived(before + 20)
    scene.hub.kill()
    scene.hub.start()
    scene.client = world.client(scene.hub)
    scene.heard_again()
    scene.settled()
    assert scene.numbers()[-1] == 20
    assert scene.last() == before + 20


@pytest.mark.parametrize("size", [700_000, 1_048_400])
def test_a_large_message_is_looked_for(world, hub_version, size):
    """The hub's answer holds it in base64: more than max_payload."""
    scene = Scene(world, hub_version)
    stream = scene.stream(WINDOW)
    before = scene.last()
    scene.unheard()
    scene.send(1, 4, size=size)
    scene.arrived(before + 1)  # The others wait for its answer.
    scene.client.publish("telemetry.x", b"o" * size)
    scene.client.flush()
    threading.Event().wait(2 * WINDOW)
    scene.heard_again()
    scene.settled()
    assert stream.state(scene.client)["last_seq"] == before + 4
    assert not any(scene.edge.monitor("/mirrorz")["losses"].values())


@pytest.mark.parametrize("name", ["S", "FAR"])
def test_a_stream_of_the_same_subjects_beyond_the_hub(world, hub_version, name):
    """Its PubAcks say nothing of what the hub's own stream refuses for now."""
    scene = Scene(world, hub_version)
    far = world.hub(
        hub_version, "jetstream { store_dir: '{dir}/far', domain: far }", name="far",
        leafnodes=f"remotes: [ {{ {remote(scene.hub)} }} ]",
    )  # fmt: skip
    scene.hub.wait_leafs(2)
    stream = scene.stream(120)
    with far.client() as client:
        Stream(name, ["telemetry.>"]).create(client)
        for _ in range(500):
            client.publish("telemetry.far", b"other")
        client.flush()
    threading.Event().wait(1)  # The two have told each other.
    room = stream.count(scene.client) + 50
    stream.update(scene.client, max_msgs=room, discard="new")
    scene.send(1, 201)
    threading.Event().wait(2)
    assert stream.count(scene.client) == room
    stream.update(scene.client, max_msgs=-1, discard="new")
    scene.settled()
    got = [number for number in scene.numbers() if number != 0]
    assert sorted(got) == list(range(1, 201))


def test_a_header_that_only_a_stream_writes_holds_up_nothing(world, hub_version):
    """Whoever publishes again what he read of a stream with sources takes it with him. 2.15.3 refuses it."""
    scene = Scene(world, hub_version)
    scene.stream(120)
    scene.send(1, 2, Nats_Stream_Source="O 1 > > telemetry.x")
    scene.send(2, 12)
    scene.settled()
    rejected = scene.edge.monitor("/mirrorz")["losses"]["rejected"]
    assert [number for number in scene.numbers() if number != 0] == list(range(1 + rejected, 12))


def test_clients_of_the_hub_that_come_and_go_hold_up_nothing(world, hub_version):
    """Each of them has an inbox of its own, of which a nats-server tells the leaf."""
    scene = Scene(world, hub_version)
    made = Stream("S", ["telemetry.x"], 120).create(scene.client)
    asked = lambda: scene.hub.monitor("/jsz")["api"]["total"]  # noqa: E731
    ended = threading.Event()
    gone: list[str] = []

    def come_and_go() -> None:
        with world.client(scene.hub) as client:
            while not ended.wait(0.2):
                client.unsubscribe(client.subscribe(f"_INBOX.{len(gone)}"))
                client.flush()
                gone.append("with its inbox")

    def some_more(count: int) -> None:
        wanted = len(gone) + count
        until(lambda: len(gone) >= wanted, "more of them have come and gone", 30)

    others = threading.Thread(target=come_and_go)
    others.start()
    try:
        some_more(15)
        before = asked()
        scene.send(0, 1, subject="telemetry.nobody")
        scene.send(1, 11)
        until(lambda: made.count(scene.client) == 10, "what stands behind it arrives", 20)
        some_more(15)
        count = asked() - before
        assert count <= 3, f"the hub's API was asked {count} times"
    finally:
        ended.set()
        others.join()


def test_a_list_of_streams_larger_than_a_message(world, hub_version):
    """A hub holds no answer to its max_payload: each link ended with the first."""
    scene = Scene(world, hub_version, "max_payload: 64KB")
    scene.proxy.set(refuse=True)
    scene.proxy.reset()
    for number in range(60):
        subjects = [f"telemetry.{number}.{each}.{'x' * 80}" for each in range(40)]
        Stream(f"S{number}", subjects).create(scene.client)
    last = Stream("S", ["telemetry.x"]).create(scene.client)
    scene.send(0, 100)
    scene.proxy.set(refuse=False)
    scene.settled()
    assert last.count(scene.client) == 100
    assert scene.edge.output().count("leaf: connected to hub") == 2
    assert scene.edge.monitor("/mirrorz")["rules"][0]["confirm"] == "puback"


def test_a_stream_beyond_those_that_are_remembered_is_waited_for(world, hub_version):
    """No list tells of it: a PubAck that is late, while it is away, was taken for a barrier's message."""
    scene = Scene(world, hub_version)
    scene.proxy.set(refuse=True)
    scene.proxy.reset()
    for number in range(1100):
        Stream(f"S{number:04}", [f"telemetry.{number}"], storage="memory").create(scene.client)
    scene.made = Stream("T", ["telemetry.x"]).create(scene.client)
    scene.client.subscribe("telemetry.x")
    scene.send(0, 100)
    scene.proxy.set(refuse=False)
    scene.settled()
    scene.client.request("$JS.API.STREAM.DELETE.T")
    scene.send(100, 110)
    asked = scene.hub.monitor("/jsz")["api"]["total"]
    until(lambda: scene.hub.monitor("/jsz")["api"]["total"] >= asked + 10, "two lists of five pages came", 60)
    scene.made.create(scene.client)
    scene.settled()
    assert scene.numbers() == list(range(100, 110))


def test_what_a_stream_keeps_under_another_subject_since_is_not_sent_again(world):
    """Its transform is edited while answers are missing, for longer than its duplicate window. 2.9.10 has none."""
    scene = Scene(world, "newest")
    stream = scene.stream(WINDOW)
    before = scene.last()
    scene.unheard()
    scene.send(1, 21)
    scene.arrived(before + 20)
    stream.update(scene.client, subject_transform={"src": "telemetry.>", "dest": "kept.>"})
    threading.Event().wait(2 * WINDOW)
    scene.heard_again()
    scene.settled()
    assert scene.last() == before + 20


def test_why_a_stream_takes_nothing_is_told(world, hub_version):
    """Sealed, it takes nothing any more; another one of the same subjects does."""
    scene = Scene(world, hub_version)
    stream = scene.stream(120)
    stream.update(scene.client, sealed=True)
    scene.send(1, 21)
    rule = lambda: scene.edge.monitor("/mirrorz")["rules"][0]  # noqa: E731
    words = "invalid operation on sealed stream (stream S)"
    until(lambda: rule().get("hub_refuses") == words, "the hub's reason is told", 20)
    shown = [str(scene.edge.kind.path), "status", "-m", str(scene.edge.monitor_port)]
    assert words in subprocess.run(shown, capture_output=True, text=True, timeout=20).stdout
    scene.client.request("$JS.API.STREAM.DELETE.S")
    scene.made = Stream("T", ["telemetry.>"]).create(scene.client)
    scene.settled()
    assert scene.numbers() == list(range(1, 21)) and "hub_refuses" not in rule()


def test_a_hub_that_lets_no_answer_through(world, hub_version):
    """Its user may subscribe only to what the box is told to do: nothing waits a minute for PubAcks on each link."""
    user = 'user: box, password: box, permissions: { publish: ">", subscribe: ["command.>"] }'
    hub = world.hub(hub_version, f"{HUB}\nauthorization {{ users: [ {{ {user} }}, {{ user: a, password: a }} ] }}")
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy, user="box:box"), STORE)
    hub.wait_leafs()
    stream = Stream("S", ["telemetry.>"]).create(world.client(hub, user="a", password="a"))
    publisher = world.client(edge)
    for link in range(3):
        proxy.set(refuse=True)
        proxy.reset()
        for number in range(100 * link, 100 * link + 100):
            publisher.publish("telemetry.x", b"%d" % number)
        publisher.flush()
        proxy.set(refuse=False)
        until(lambda: edge.monitor("/mirrorz")["messages"] == 0, "all has gone", 15)
    assert stream.payloads(world.client(hub, user="a", password="a")) == [b"%d" % n for n in range(300)]


ACCOUNTS = """
accounts {
  BOXES {
    users: [ { user: box, password: box } ]
    exports: [ { stream: "telemetry.heard.>" } ]
    imports: [ { service: { account: DATA, subject: "telemetry.asked.>" } } ]
  }
  DATA {
    jetstream: enabled
    users: [ { user: data, password: data } ]
    exports: [ { service: "telemetry.asked.>" } ]
    imports: [ { stream: { account: BOXES, subject: "telemetry.heard.>" } } ]
  }
  SYS { users: [ { user: sys, password: sys } ] }
}
system_account: SYS
"""


def test_streams_of_another_account(world, hub_version):
    """That of the leaf has no JetStream, and a nats-server is silent to whoever asks there: it is
    waited for once, not for half a minute on each link. Many of them are shorter."""
    hub = world.hub(hub_version, f"{HUB}\n{ACCOUNTS}")
    proxy = world.proxy(hub.ports["leaf"])
    edge = world.leaf(remote(hub, proxy, user="box:box"), STORE)
    hub.wait_leafs()
    waiting = lambda: edge.monitor("/mirrorz")["messages"]  # noqa: E731
    publisher = world.client(edge)
    with world.client(hub, user="data", password="data") as client:
        stream = Stream("S", ["telemetry.heard.>", "telemetry.asked.>"]).create(client)

    def send(first: int, end: int) -> list[bytes]:
        for number in range(first, end):
            publisher.publish(f"telemetry.{('heard', 'asked')[number % 2]}.x", b"%d" % number)
        publisher.flush()
        return [b"%d" % number for number in range(first, end)]

    sent = send(0, 100)
    until(lambda: waiting() == 0, "the first are confirmed", 60)
    hub.kill()
    sent += send(100, 200)
    hub.start()
    hub.wait_leafs()
    until(lambda: waiting() == 0, "all is settled", 25)
    assert stream.payloads(world.client(hub, user="data", password="data")) == sent


TWO = """
accounts { A: { users: [ {user: a, password: a} ] }, B: { users: [ {user: b, password: b} ] } }
store_and_forward {
  dir: "{dir}/mirror"
  rules: [ { subjects: ["t.>"], account: A }, { subjects: ["t.>"], account: B, durability: outage } ]
}
"""


@pytest.mark.parametrize("role", ["", "hub: true"])
def test_two_accounts_with_the_same_rule_each_to_its_own_hub(world, hub_version, role):
    """Each link goes down and comes back by itself; what is told of both is the worse."""
    hubs = [
        world.hub(hub_version, f"jetstream {{ store_dir: '{{dir}}/{name}', domain: {name} }}\n", name=name)
        for name in ("one", "two")
    ]
    proxies = [world.proxy(hub.ports["leaf"]) for hub in hubs]
    remotes = [f"{{ {remote(hub, proxy, more)}\n account: {account} }}"
               for hub, proxy, account, more in zip(hubs, proxies, "AB", (role, ""))]  # fmt: skip
    edge = world.leaf(", ".join(remotes), TWO)
    edge.wait_leafs(2)
    clients = [world.client(hub) for hub in hubs]
    streams = [Stream("T", ["t.x"]).create(client) for client in clients]
    publishers = [world.client(edge, user=user, password=user) for user in "ab"]
    sent: list[list[bytes]] = [[], []]

    def send(count: int) -> None:
        for publisher, numbers in zip(publishers, sent):
            for _ in range(count):
                numbers.append(b"%d" % len(numbers))
                publisher.publish("t.x", numbers[-1])
            publisher.flush()

    def told() -> list:
        mirror = edge.monitor("/mirrorz")
        return [mirror["state"], *((r["account"], r["messages"]) for r in mirror["rules"])]

    def cut(which: int) -> None:
        proxies[which].set(refuse=True)
        proxies[which].reset()
        edge.wait_leafs(1)

    send(100)
    until(lambda: told() == ["live", ("A", 0), ("B", 0)], "all is there")
    cut(0)
    send(100)
    until(lambda: told() == ["offline", ("A", 100), ("B", 0)], "one waits")
    proxies[0].set(refuse=False)
    until(lambda: told() == ["live", ("A", 0), ("B", 0)], "it went")
    publishers[0].publish("t.nobody", b"")  # Wanted by nobody.
    cut(1)
    send(100)
    until(lambda: told() == ["offline", ("A", 1), ("B", 100)], "the other waits")
    proxies[1].set(refuse=False)
    until(lambda: told() == ["waiting for interest", ("A", 1), ("B", 0)], "that went, too")
    assert [stream.payloads(client) for stream, client in zip(streams, clients)] == sent
