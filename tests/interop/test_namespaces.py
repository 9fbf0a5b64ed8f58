"""The leaf link between two network namespaces: the cable is pulled, plugged in, narrowed."""

import statistics
import threading
import time

import pytest

from harness import servers
from harness.certificates import Authority
from harness.client import Client
from harness.netns import Cable
from harness.traffic import flows
from harness.wait import until

pytestmark = pytest.mark.root


@pytest.fixture
def cable(world):
    return world.keep(Cable())


class Ends:
    def __init__(self, world, cable, hub_version, *config: str, leafnodes: str = "", tls: str = "",
                 kind=None):
        self.world, self.cable = world, cable
        kind = kind or servers.nats_server(hub_version)
        listen = f"leafnodes {{ listen: {cable.far_host}:{{leaf}}\n {leafnodes} }}\n"
        self.hub = self._start(
            lambda **more: world.server(kind, "hub", listen, **more), cable.far, cable.far_host
        )
        url = f'url: "nats-leaf://{cable.far_host}:{self.hub.ports["leaf"]}"\n {tls}'
        self.edge = self._start(
            lambda **more: world.leaf(url, *config, **more), cable.near, cable.near_host
        )

    def _start(self, make, name: str, host: str):
        server = make(host=host, prefix=self.cable.prefix(name), start=False)
        server.start(ready=False)
        self.cable.inside(name, server.wait_ready)
        return server

    def client(self, server) -> Client:
        name = self.cable.far if server is self.hub else self.cable.near
        sock = self.cable.connect(name, server.host, server.port)
        return self.world.keep(Client(server.host, server.port, sock=sock))

    def linked(self) -> bool:
        return self.cable.inside(self.cable.far, lambda: len(self.hub.leafs()) == 1)


@pytest.fixture
def ends(world, cable, hub_version):
    made = Ends(world, cable, hub_version)
    until(made.linked, "the link", 30)
    return made


def test_cable_pulled_for_a_moment(ends):
    """Shorter than any time-out: TCP carries everything over."""
    at_hub, at_edge = ends.client(ends.hub), ends.client(ends.edge)
    at_hub.subscribe("up")
    at_hub.flush()
    flows(at_edge, at_hub, "up")
    ends.cable.down(ends.cable.near)
    for i in range(10):
        at_edge.publish("up", b"%d" % i)
    at_edge.flush()
    ends.cable.up(ends.cable.near)
    assert [m.payload for m in at_hub.take(10, 30)] == [b"%d" % i for i in range(10)]


@pytest.mark.petiole
def test_cable_pulled_until_the_link_is_given_up(ends):
    """Noticed on both sides of a cut that no packet announces, then linked again."""
    at_hub, at_edge = ends.client(ends.hub), ends.client(ends.edge)
    at_edge.subscribe("down")
    at_edge.flush()
    ends.cable.down(ends.cable.far)
    until(
        lambda: ends.cable.inside(
            ends.cable.near, lambda: ends.edge.monitor("/linkz")["links"][0]["state"] not in ("up", "doubtful")
        ),
        "the edge sees that the link is dead", 30,
    )  # fmt: skip
    at_edge.publish("local", b"x")
    at_edge.flush()
    ends.cable.up(ends.cable.far)
    flows(at_hub, at_edge, "down", 60)


def test_narrow_cable(ends):
    """50 kbit/s each way by tbf: 30 kB take their time and arrive."""
    for name in (ends.cable.near, ends.cable.far):
        ends.cable.shape(name, "50kbit")
    at_hub, at_edge = ends.client(ends.hub), ends.client(ends.edge)
    at_hub.subscribe("up")
    at_hub.flush()
    flows(at_edge, at_hub, "up", 30)
    for i in range(30):
        at_edge.publish("up", bytes([i]) * 1000)
    assert [m.payload[0] for m in at_hub.take(30, 60)] == list(range(30))


def takes_a_message_of_half_a_minute(ends, sender, receiver, narrow: str) -> None:
    """Nobody says anything else, and nobody is given up for that."""
    at_receiver = ends.client(receiver)
    at_receiver.subscribe("large")
    at_receiver.flush()
    at_sender = ends.client(sender)
    flows(at_sender, at_receiver, "large", 30)
    ends.cable.shape(narrow, "100kbit")
    body = bytes(i % 251 for i in range(350_000))
    at_sender.publish("large", body)
    assert at_receiver.next(90).payload == body
    assert "Leafnode connection closed" not in ends.hub.output()


@pytest.mark.parametrize("tls", [False, True])
def test_a_large_message_up_a_slow_link(world, cable, tmp_path, tls):
    authority = Authority(tmp_path)
    more = authority.server_tls() if tls else ""
    ends = Ends(world, cable, "newest", leafnodes=more, tls="tls { insecure: true }" if tls else "")
    until(ends.linked, "the link", 30)
    takes_a_message_of_half_a_minute(ends, ends.edge, ends.hub, cable.near)


def test_a_large_message_down_a_slow_link(world, cable):
    """From a petiole, whose PINGs would stand behind all that its kernel holds."""
    ends = Ends(world, cable, "", kind=servers.server_under_test())
    until(ends.linked, "the link", 30)
    takes_a_message_of_half_a_minute(ends, ends.hub, ends.edge, cable.far)


@pytest.mark.petiole
def test_live_messages_do_not_wait_behind_a_backlog(world, cable, hub_version):
    """At 50 kbit/s: less than what the kernel and a modem hold, not the minutes of the backlog."""
    ends = Ends(world, cable, hub_version,
                'store_and_forward { dir: "{dir}/mirror"\n rules: [ { subjects: ["old.>"] } ] }')  # fmt: skip
    until(ends.linked, "the link", 30)
    at_hub, at_edge = ends.client(ends.hub), ends.client(ends.edge)
    for _ in range(5_000):
        at_edge.publish("old.x", bytes(100))
    at_edge.flush()
    for name in (cable.near, cable.far):
        cable.shape(name, "50kbit")
    threading.Event().wait(1.5)  # What is younger than a second counts as live.
    at_hub.subscribe("now")
    at_hub.subscribe("old.>")
    at_hub.flush()
    while at_hub.next(30).subject != "old.x":
        pass
    took, sent, old, began = [], 0, 0, time.monotonic()
    while time.monotonic() < began + 40:
        if time.monotonic() > began + sent:
            at_edge.publish("now", b"%f" % time.monotonic())
            at_edge.flush()
            sent += 1
        try:
            message = at_hub.next(0.2)
        except TimeoutError:
            continue
        if message.subject == "now":
            took.append(time.monotonic() - float(message.payload))
        else:
            old += 1
    assert old > 300  # Nor the other way round.
    assert len(took) > 25 and statistics.median(took) < 12, took


@pytest.mark.petiole
def test_an_idle_link_costs_three_megabytes_a_day(ends):
    """A PING after five seconds of silence, its PONG, and what TCP and IP add."""
    def pings() -> int:
        links = ends.cable.inside(ends.cable.near, lambda: ends.edge.monitor("/linkz")["links"])
        return links[0]["out_bytes"]["keepalive"] // len("PING\r\n")

    def one() -> int:
        before, first = ends.cable.crossed(), pings()
        until(lambda: pings() > first, "a PING", 10, every=0.1)
        return ends.cable.crossed() - before

    one()
    a_ping = statistics.median(one() for _ in range(3))  # ARP comes now and then.
    assert a_ping * 24 * 3600 / 5 < 5_000_000, a_ping  # On a busy machine TCP acknowledges more by itself.
