"""A client on the leaf uses the hub's JetStream through the link, by its domain."""

import json
import subprocess

import pytest

from harness import servers
from harness.wait import until
from harness.world import remote


@pytest.fixture
def edge(world, hub_version):
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    edge = world.leaf(remote(hub))
    hub.wait_leafs()
    with edge.client() as client:
        until(lambda: answers(client), "the hub's JetStream answers on the leaf")
    return edge


def answers(client) -> bool:
    try:
        return b"streams" in client.request("$JS.hub.API.INFO", timeout=1).payload
    except TimeoutError:
        return False


@pytest.fixture
def cli(world, edge):
    def run(*args, data: bytes | None = None) -> str:
        env = {"HOME": str(world.directory), "XDG_CONFIG_HOME": str(world.directory), "NO_COLOR": "1"}
        argv = [str(servers.NATS_CLI), "--server", edge.url, "--js-domain", "hub", "--timeout", "10s"]
        done = subprocess.run([*argv, *args], capture_output=True, timeout=60, env=env,
                              input=data, check=False)
        output = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == 0, f"{args}: {output}"
        return output

    return run


def test_stream_and_pull_consumer(world, edge, cli):
    cli("stream", "add", "ORDERS", "--subjects", "orders.>", "--defaults")
    client = world.client(edge)
    until(lambda: client.request("orders.new", b"0", 2).status() != "503", "the stream's interest")
    for i in range(1, 10):
        ack = json.loads(client.request("orders.new", b"%d" % i).payload)
        assert ack["stream"] == "ORDERS" and ack["seq"] == i + 1
    cli("consumer", "add", "ORDERS", "work", "--pull", "--defaults")
    output = cli("consumer", "next", "ORDERS", "work", "--count", "10", "--ack")
    assert "subj: orders.new" in output and "@" not in output
    info = json.loads(cli("consumer", "info", "ORDERS", "work", "--json"))
    assert info["num_pending"] == 0
    until(
        lambda: json.loads(cli("consumer", "info", "ORDERS", "work", "--json"))["ack_floor"]["stream_seq"] == 10,
        "the acknowledgements arrive",
    )


def test_push_consumer_shows_the_original_subject(world, edge, cli):
    """A delivery crosses the link as inbox, reply "$JS.ACK…@subject"; the client sees the subject."""
    cli("stream", "add", "EVENTS", "--subjects", "events.>", "--defaults")
    client = world.client(edge)
    until(lambda: client.request("events.a", b"0", 2).status() != "503", "the stream's interest")
    inbox = client.subscribe("deliver.here")
    client.flush()
    config = {"deliver_subject": "deliver.here", "ack_policy": "explicit", "deliver_policy": "all",
              "durable_name": "push"}  # fmt: skip
    made = json.loads(
        client.request(
            "$JS.hub.API.CONSUMER.DURABLE.CREATE.EVENTS.push",
            json.dumps({"stream_name": "EVENTS", "config": config}).encode(),
        ).payload
    )
    assert "error" not in made, made
    message = client.next(10, inbox)
    assert message.subject == "events.a" and message.payload == b"0"
    assert message.reply.startswith("$JS.ACK.") and "@" not in message.reply
    assert client.request(message.reply, b"+ACK").payload == b""


def test_key_value(cli):
    cli("kv", "add", "config")
    cli("kv", "put", "config", "colour", "blue")
    assert cli("kv", "get", "config", "colour", "--raw").strip() == "blue"
    cli("kv", "put", "config", "colour", "green")
    assert cli("kv", "get", "config", "colour", "--raw").strip() == "green"
    assert "colour" in cli("kv", "ls", "config")


def test_object_store(cli, tmp_path):
    source, back = tmp_path / "source.bin", tmp_path / "back.bin"
    source.write_bytes(bytes(i * 7 % 256 for i in range(500_000)))
    cli("object", "add", "files")
    cli("object", "put", "files", str(source), "--name", "source", "--no-progress", "--force")
    cli("object", "get", "files", "source", "--output", str(back), "--no-progress", "--force")
    assert back.read_bytes() == source.read_bytes()


SHARED = """
accounts {
  LINKED { users: [ {user: l, password: l} ], exports: [ {service: "$JS.hub.API.>", response_type: stream}, {service: "$JS.ACK.>"} ] }
  APP { users: [ {user: a, password: a} ]
        imports: [ {service: {account: LINKED, subject: "$JS.hub.API.>"}}, {service: {account: LINKED, subject: "$JS.ACK.>"}} ] }
}
"""  # fmt: skip


def test_an_account_pulls_through_the_one_that_is_linked(world, hub_version):
    hub = world.hub(hub_version, "jetstream { store_dir: '{dir}/hub', domain: hub }")
    edge = world.leaf(remote(hub, more="account: LINKED"), SHARED)
    hub.wait_leafs()
    linked, app = (world.client(edge, user=each, password=each) for each in ("l", "a"))
    until(lambda: answers(linked), "the hub's JetStream answers on the leaf")

    def api(call: str, **body) -> dict:
        return json.loads(linked.request(f"$JS.hub.API.{call}", json.dumps(body).encode()).payload)

    assert "error" not in api("STREAM.CREATE.ORDERS", name="ORDERS", subjects=["orders.>"])
    config = {"durable_name": "work", "ack_policy": "explicit"}
    assert "error" not in api("CONSUMER.DURABLE.CREATE.ORDERS.work", stream_name="ORDERS", config=config)
    until(lambda: linked.request("orders.new", b"hi", 2).status() != "503", "the stream's interest")
    got = app.request("$JS.hub.API.CONSUMER.MSG.NEXT.ORDERS.work", b'{"batch":1,"expires":5000000000}')
    assert (got.subject, got.payload) == ("orders.new", b"hi")
    assert got.reply.startswith("$JS.ACK.") and "@" not in got.reply
    app.publish(got.reply, b"+ACK")
    until(lambda: api("CONSUMER.INFO.ORDERS.work")["ack_floor"]["stream_seq"] == 1, "it is acknowledged")
