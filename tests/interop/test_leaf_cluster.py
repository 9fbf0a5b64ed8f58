"""The clients of a leaf whose hub is a cluster, as the node that the leaf is on goes away."""

import json
import signal
import threading

import pytest

from harness.cluster import Cluster, has_leafs
from harness.stream import Stream
from harness.wait import until

NEXT = "$JS.hub.API.CONSUMER.MSG.NEXT.T.P"


class Ticker:
    """Publishes a growing number to each of `subjects`, over and over, in a thread of its own."""

    def __init__(self, client, subjects: list[str]):
        self.number = 0
        self._client, self._subjects = client, subjects
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.005):
            self.number += 1
            for subject in self._subjects:
                self._client.publish(subject, b"%d" % self.number)

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)


def end_node(node, how: str) -> None:
    if how == "lame_duck":
        node.signal(signal.SIGUSR2)
        until(lambda: not has_leafs(node), "the leaf is told to go", 20)
    node.kill()


def numbers(client, sid: str) -> list[int]:
    """Of all messages of this subscription that are there."""
    client.flush()
    got = []
    try:
        while True:
            got.append(int(client.next(0.001, sid).payload))
    except TimeoutError:
        return got


def fetch(client) -> bytes:
    """One message of the pull consumer, acknowledged; the hub has said so."""
    message = client.request(NEXT, json.dumps({"batch": 1, "expires": 3_000_000_000}).encode(), 4)
    if not message.reply:
        raise ValueError(message.header)
    until(lambda: client.request(message.reply, b"+ACK", 4), "the acknowledgement is acknowledged", 20)
    return message.payload


@pytest.mark.parametrize("how", ["kill", "lame_duck"])
def test_failover(world, hub_version, how):
    hub = Cluster(world, hub_version)
    hub.create(Stream("T", ["t.>"], num_replicas=3))
    hub.create(Stream("KV_B", ["$KV.B.>"], num_replicas=3, max_msgs_per_subject=1, allow_direct=True))
    with hub.client() as client:
        config = {"durable_name": "P", "ack_policy": "explicit", "ack_wait": 2_000_000_000}
        body = {"stream_name": "T", "config": config}
        client.request("$JS.API.CONSUMER.DURABLE.CREATE.T.P", json.dumps(body).encode(), 15)
    edge = world.leaf(hub.leaf_urls())
    old = until(hub.linked, "the leaf is linked")
    far = next(node for node in hub.nodes if node is not old)
    here, there = world.client(edge), world.client(far)
    news, work = here.subscribe("news.>"), here.subscribe("work", queue="g")
    work_too = here.subscribe("work", queue="g")
    served_here, served_there = here.subscribe("here.svc"), there.subscribe("there.svc")
    here.flush(), there.flush()
    old.wait_interest("here.svc")

    def both_ways_served() -> bool:
        """A request of either side is answered by the other."""
        for asker, server, sid, subject in (
            (there, here, served_here, "here.svc"), (here, there, served_there, "there.svc"),
        ):  # fmt: skip
            inbox = f"_INBOX.{subject}.{id(asker)}"
            reply = asker.subscribe(inbox)
            asker.publish(subject, b"?", inbox)
            request = server.next(2, sid)
            server.publish(request.reply, b"!")
            assert asker.next(2, reply).payload == b"!"
            asker.unsubscribe(reply)
        return True

    def put(text: bytes) -> bool:
        return "error" not in json.loads(here.request("$JS.hub.API.$KV.B.key", text, 4).payload)

    def get() -> bytes:
        return here.request("$JS.hub.API.DIRECT.GET.KV_B.$KV.B.key", timeout=4).payload

    until(both_ways_served, "requests cross the link")
    for number in range(10):
        assert "error" not in json.loads(here.request("t.a", b"%d" % number, 5).payload)
    got = [fetch(here) for _ in range(5)]
    until(lambda: put(b"before"), "the bucket is served")
    until(lambda: get() == b"before", "each node that may be asked has it")

    ticker = world.keep(Ticker(world.client(far), ["news.x", "work"]))
    until(lambda: ticker.number > 50, "it ticks")
    end_node(old, how)
    new = until(lambda: next((n for n in hub.running() if n is not old and n.leafs()), None), "the next node", 30)
    new.wait_interest("news.>", 5)
    until(both_ways_served, "requests cross the link again", 20)
    reached = ticker.number + 1  # The one before may have gone ahead of the interest.
    until(lambda: ticker.number > reached + 50, "it ticks on")
    ticker.close()
    assert there.nothing(0)
    until(lambda: put(b"after"), "the bucket is served again", 40)
    until(lambda: get() == b"after", "each node that may be asked has it", 40)

    while len(got) < 10:
        got.append(until(lambda: fetch(here), "the consumer goes on", 40))
    assert got == [b"%d" % number for number in range(10)]

    heard = numbers(here, news)
    taken = sorted(numbers(here, work) + numbers(here, work_too))
    for each in (heard, taken):
        assert each[-1] == ticker.number and set(range(reached, ticker.number + 1)) <= set(each)
        assert len(each) == len(set(each)), "a message came twice"
    assert heard == sorted(heard)
