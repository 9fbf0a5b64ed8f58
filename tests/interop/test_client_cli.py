"""The `nats` command line."""

import subprocess

import pytest

from harness import servers
from harness.wait import until


@pytest.fixture
def cli(world):
    """cli(server, "pub", "a", "b"): its output; fails when its exit status is not 0."""

    def run(server, *args, status: int = 0, timeout: float = 60) -> str:
        env = {"HOME": str(world.directory), "XDG_CONFIG_HOME": str(world.directory), "NO_COLOR": "1"}
        argv = [str(servers.NATS_CLI), "--server", server.url, *args]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, env=env,
                              stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == status, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


def background(world, name: str, server, *args):
    env = {"HOME": str(world.directory), "XDG_CONFIG_HOME": str(world.directory), "NO_COLOR": "1"}
    process = world.process(name, [str(servers.NATS_CLI), "--server", server.url, *args], env)
    process.start()
    return process


def subscribed(server, count: int) -> None:
    until(lambda: server.monitor("/varz")["subscriptions"] >= count, "the CLI subscribes")


def test_pub_and_sub(world, cli):
    server = world.alone()
    before = server.monitor("/varz")["subscriptions"]
    process = background(world, "sub", server, "sub", "news.>", "--count", "3")
    subscribed(server, before + 1)
    cli(server, "pub", "news.a", "one")
    cli(server, "pub", "news.b", "two", "-H", "Colour:blue", "--count", "2")
    assert process.wait(20) == 0
    output = process.output()
    assert "one" in output and "two" in output and "Colour: blue" in output


def test_request_and_reply(world, cli):
    server = world.alone()
    before = server.monitor("/varz")["subscriptions"]
    background(world, "reply", server, "reply", "help", "here you are", "--count", "10")
    subscribed(server, before + 1)
    assert "here you are" in cli(server, "request", "help", "please")
    assert "No responders" in cli(server, "request", "nobody", "please")


def test_rtt_and_check_connection(world, cli):
    server = world.alone()
    assert server.url.removeprefix("nats://") in cli(server, "rtt")
    assert cli(server, "server", "check", "connection").startswith("OK")


def test_check_connection_finds_a_dead_server(world, cli):
    server = world.alone()
    server.kill()
    assert "CRITICAL" in cli(server, "server", "check", "connection", status=2)


def test_bench(world, cli):
    server = world.alone()
    output = cli(server, "bench", "pub", "b", "--msgs", "20000", "--size", "64", "--no-progress")
    assert "msgs/sec" in output
    before = server.monitor("/varz")["subscriptions"]
    process = background(world, "bench-sub", server, "bench", "sub", "b", "--msgs", "20000",
                         "--size", "64", "--no-progress")
    subscribed(server, before + 1)
    cli(server, "bench", "pub", "b", "--msgs", "20000", "--size", "64", "--no-progress")
    assert process.wait(30) == 0, process.output()


def test_user_and_password(world, cli):
    server = world.alone("authorization { user: ann, password: s3cret }")
    assert server.url.removeprefix("nats://") in cli(
        server, "rtt", "--user", "ann", "--password", "s3cret"
    )
    assert "CRITICAL" in cli(server, "server", "check", "connection", status=2)
