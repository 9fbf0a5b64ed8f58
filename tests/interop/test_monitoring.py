"""The HTTP endpoints: nats-server's own in its JSON, and ours."""

import urllib.error
import urllib.request

import pytest

from harness.wait import until
from harness.world import remote


def test_varz(world):
    edge = world.alone("max_payload: 64KB")
    client = world.client(edge)
    client.subscribe("a")
    client.publish("a", b"hello")
    client.next()
    seen = edge.monitor("/varz")
    assert seen["server_name"] == "edge" and seen["port"] == edge.port
    assert seen["max_payload"] == 65536
    assert seen["connections"] == 1 and seen["total_connections"] >= 1
    assert (seen["in_msgs"], seen["out_msgs"]) == (1, 1)
    assert (seen["in_bytes"], seen["out_bytes"]) == (5, 5)
    for key in ("server_id", "version", "start", "now", "uptime", "mem", "cpu", "slow_consumers",
                "subscriptions", "leafnodes", "http_req_stats", "config_load_time"):  # fmt: skip
        assert key in seen, key


def test_connz(world):
    edge = world.alone()
    client = world.client(edge, name="first")
    client.subscribe("a.b")
    client.publish("x", b"12345")
    client.flush()
    world.client(edge, name="second")
    seen = edge.monitor("/connz?subs=1&sort=cid")
    assert seen["num_connections"] == 2 and seen["total"] == 2
    first = seen["connections"][0]
    assert first["name"] == "first" and first["subscriptions_list"] == ["a.b"]
    assert (first["in_msgs"], first["in_bytes"], first["lang"]) == (1, 5, "python-raw")
    assert edge.monitor("/connz?limit=1&offset=1&sort=cid")["connections"][0]["name"] == "second"
    client.close()

    def closed() -> dict | None:
        listed = edge.monitor("/connz?state=closed")["connections"]
        return next((c for c in listed if c.get("name") == "first"), None)

    assert until(closed, "it is listed as closed")["reason"] == "Client Closed"


def test_leafz(world):
    hub = world.hub()
    edge = world.leaf(remote(hub))
    hub.wait_leafs()
    until(lambda: len(edge.leafs()) == 1, "the link is listed")
    leaf = edge.monitor("/leafz")["leafs"][0]
    assert leaf["account"] == "$G" and leaf["is_spoke"] is True
    for key in ("id", "name", "ip", "port", "rtt", "in_msgs", "out_msgs", "in_bytes", "out_bytes",
                "subscriptions"):  # fmt: skip
        assert key in leaf, key


@pytest.mark.parametrize("query", ["", "?js-enabled-only=true", "?js-server-only=true"])
def test_healthz(world, query):
    if query:  # A nats-server without JetStream answers these with an error where it has none.
        edge = world.alone("jetstream { store_dir: '{dir}/js' }") if not _petiole() else world.alone()
    else:
        edge = world.alone()
    assert edge.monitor(f"/healthz{query}") == {"status": "ok"}


def _petiole() -> bool:
    from harness import servers

    return servers.server_under_test().is_petiole


def test_wrong_query_is_refused(world):
    edge = world.alone()
    with pytest.raises(urllib.error.HTTPError) as caught:
        edge.monitor("/connz?limit=many")
    assert caught.value.code == 400


@pytest.mark.petiole
def test_healthz_turns_red_after_the_grace(world):
    hub = world.hub()
    edge = world.leaf(remote(hub), link="link_down_grace: 1s")
    hub.wait_leafs()
    assert edge.monitor("/healthz") == {"status": "ok"}
    hub.kill()

    def red() -> bool:
        try:
            edge.monitor("/healthz")
        except urllib.error.HTTPError as error:
            return error.code == 503
        return False

    until(red, "health turns red", 40)
    hub.start()
    hub.wait_leafs(1, 40)
    until(lambda: edge.monitor("/healthz") == {"status": "ok"}, "health is back", 10)


@pytest.mark.petiole
def test_linkz_shows_links_that_are_down(world):
    hub = world.hub()
    down = world.hub(name="down")
    down.kill()
    edge = world.leaf(f"{{ {remote(hub)} }}, {{ {remote(down)} }}")
    hub.wait_leafs()
    until(lambda: {link["state"] for link in edge.monitor("/linkz")["links"]} & {"up"}, "one is up")
    good, bad = sorted(edge.monitor("/linkz")["links"], key=lambda link: link["state"] != "up")
    assert good["hub"]["server_name"] == "hub" and good["in_bytes"]["total"] > 0
    assert bad["state"] != "up" and bad["attempt"] >= 1
    until(
        lambda: any("refused" in link.get("last_error", "") for link in edge.monitor("/linkz")["links"]),
        "the error is told",
    )


@pytest.mark.petiole
def test_mirrorz(world):
    store = "store_and_forward { dir: '{dir}/mirror', rules: [ { subjects: ['t.>'], durability: disk } ] }"
    edge = world.alone(store)
    client = world.client(edge)
    for i in range(10):
        client.publish(f"t.{i}", bytes(100))
    client.flush()
    seen = until(lambda: (m := edge.monitor("/mirrorz"))["messages"] == 10 and m, "ten are kept")
    (rule,) = seen["rules"]
    assert rule["subjects"] == ["t.>"] and rule["durability"] == "disk" and rule["captured"] == 10
    assert rule["bytes"] >= 1000 and "oldest" in rule
    assert set(seen["losses"]) >= {"age", "limit", "refused", "rejected", "corrupt"}
    assert seen["storage"]["bytes_written"] > 0 and seen["storage"]["file_bytes"] > 0


@pytest.mark.petiole
def test_metrics(world):
    edge = world.alone()
    world.client(edge)
    with urllib.request.urlopen(f"http://127.0.0.1:{edge.monitor_port}/metrics", timeout=5) as got:
        assert got.headers["Content-Type"].startswith("text/plain")
        text = got.read().decode()
    names = set()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            float(value)
            names.add(name.split("{")[0])
    assert len(names) > 10 and all(name.startswith("petiole_") for name in names), names


def test_monitoring_survives_garbage(world):
    import socket

    edge = world.alone()
    for sent in (b"GARBAGE\r\n\r\n", b"GET /varz HTTP/9.9\r\n\r\n", b"\0" * 1000, b"GET " + b"a" * 100_000):
        with socket.create_connection((edge.host, edge.monitor_port), 5) as sock:
            try:
                sock.sendall(sent)
                sock.shutdown(socket.SHUT_WR)
                sock.recv(1000)
            except OSError:
                pass
    assert edge.monitor("/varz")["server_name"] == "edge"
