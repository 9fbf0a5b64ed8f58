"""The `nats` CLI as an operator's tool: with a user of the system account, and without."""

import subprocess

import pytest

from harness import servers, system
from harness.process import Process
from harness.system import PASSWORD, USER
from harness.wait import until
from harness.world import remote


@pytest.fixture
def edge(world):
    made = world.alone(system.config(servers.server_under_test()))
    world.keep(system.app(made, name="worker")).flush()
    return made


def nats(world, server, user: str, *words: str) -> str:
    """What a command that must succeed says."""
    secret = PASSWORD if user == USER else user
    argv = [str(servers.NATS_CLI), "-s", server.url, "--user", user, "--password", secret, *words]
    run = subprocess.run(
        argv, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
        env={"HOME": str(world.directory), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert run.returncode == 0, f"{words}: {run.stdout}{run.stderr}"
    return run.stdout


@pytest.mark.parametrize(
    "words, shows",
    [
        ("server ls", ["edge", "Server Overview"]),
        ("server ping 1", ["edge", "rtt="]),
        ("server info", ["Maximum Payload: 1.0 MiB", "Connections: "]),
        ("server info edge", ["Subscriptions: "]),
        ("server list --json", ['"statsz"']),
        ("server report connections", ["worker", "edge"]),
        ("server report connections --sort in-msgs --account $G", ["worker"]),
        ("server report accounts", ["2 Accounts", "$SYS"]),
        ("server report leafnodes", ["Leafnode Report"]),
        ("server report jetstream", ["edge"]),
        ("server report health", ["ok (200)"]),
        ("server report routes", ["Cluster Report"]),
        ("server report gateways", ["edge"]),
        ("server report mem", ["edge"]),
        ("server report cpu", ["edge"]),
        ("server check connection", ["OK Connection"]),
        ("server check server --name edge", ["OK edge"]),
        ("server request variables", ['"server_name"']),
        ("server request connections --name edge", ['"connections"']),
        ("server request subscriptions", ['"num_subscriptions"']),
        ("server request accounts", ['"system_account"']),
        ("server request jsz", ['"disabled"']),
        ("account info", ["Account: $SYS"]),
        ("rtt", ["nats://127.0.0.1"]),
    ],
)
def test_of_the_system_account(world, edge, words, shows):
    said = nats(world, edge, USER, *words.split())
    for each in shows:
        assert each in said, said


@pytest.mark.parametrize(
    "words, shows",
    [
        ("account info", ["User: app", "Account: $G"]),
        ("account report connections", ["worker"]),
        ("account report statistics", ["Server Statistics"]),
        ("rtt", ["nats://127.0.0.1"]),
        ("server check connection", ["OK Connection"]),
    ],
)
def test_of_an_ordinary_account(world, edge, words, shows):
    said = nats(world, edge, "app", *words.split())
    for each in shows:
        assert each in said, said


def test_leaf_links_are_listed(world):
    hub = world.hub()
    edge = world.leaf(remote(hub), system.config(servers.server_under_test()))
    hub.wait_leafs()
    said = nats(world, edge, USER, "server", "report", "leafnodes")
    assert "hub" in said and "$G" in said


def test_servers_behind_a_link_of_the_system_account_are_waited_for(world):
    newest = servers.nats_server("newest")
    hub = world.server(newest, "hub", system.config(newest)
                       + "leafnodes { listen: 127.0.0.1:{leaf}, authorization { user: l, password: l, account: '$SYS' } }")  # fmt: skip
    proxy = world.proxy(hub.ports["leaf"])
    proxy.set(latency=0.1)
    link = "leafnodes { remotes: [ { " + remote(hub, proxy, "account: '$SYS'", "l:l") + " } ] }"
    edge = world.server(servers.server_under_test(), "edge", system.config(servers.server_under_test()) + link)
    hub.wait_leafs()
    until(lambda: {"hub", "edge"} <= set(nats(world, edge, USER, "server", "ping").split()), "both answer")


def test_events(world, edge):
    argv = [str(servers.NATS_CLI), "-s", edge.url, "--user", USER, "--password", PASSWORD, "events", "--all"]
    watching: Process = world.process("events", argv, {"HOME": str(world.directory)})
    watching.start()
    watching.wait_for_output("Listening")
    until_seen(world, edge, watching)


def until_seen(world, edge, watching) -> None:
    """The command says that it listens before it does: clients come until one is seen."""
    def seen() -> bool:
        guest = system.app(edge, name="guest")
        guest.flush()
        guest.close()
        return "guest" in watching.output()

    until(seen, "the command shows a client that comes or goes")
