"""Operator mode with the real `nsc`: accounts made, pushed, changed and deleted by it."""

import os
import re
import subprocess

import pytest

from harness import servers
from harness.wait import until

NSC = servers.NSC
pytestmark = pytest.mark.skipif(not NSC.exists(), reason="NSC IS MISSING: nothing here was tested")


class Nsc:
    """One operator, O, with SYS and the account A, in a folder of its own."""

    def __init__(self, world):
        self.home = world.directory / "nsc"
        self.env = {**os.environ, "HOME": str(self.home), "NSC_HOME": str(self.home / "nsc"),
                    "NKEYS_PATH": str(self.home / "keys"), "XDG_CONFIG_HOME": str(self.home / "config"),
                    "XDG_DATA_HOME": str(self.home / "data"), "NSC_NO_GIT_IGNORE": "true"}  # fmt: skip
        self.home.mkdir(parents=True)
        self.run("add", "operator", "--generate-signing-key", "--sys", "--name", "O")
        self.run("add", "account", "A")
        self.run("add", "user", "--account", "A", "u")

    def run(self, *args) -> str:
        done = subprocess.run([str(NSC), *args], capture_output=True, text=True, env=self.env, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)  # fmt: skip
        assert done.returncode == 0, f"nsc {args}: {done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def config(self, directory) -> str:
        """What `nsc generate config --nats-resolver` makes, with a folder of ours."""
        text = self.run("generate", "config", "--nats-resolver", "--sys-account", "SYS")
        text = text[text.index("operator:") :] if "operator:" in text else text
        return re.sub(r"dir: .*", f"dir: '{directory}'", text)

    def creds(self, name: str = "u", account: str = "A") -> str:
        path = self.home / f"{account}-{name}.creds"
        self.run("generate", "creds", "--account", account, "--name", name, "--output-file", str(path))
        return str(path)

    def push(self, server, *more) -> str:
        return self.run("push", "--all", "--account-jwt-server-url", server.url, *more)


@pytest.fixture
def nsc(world):
    return Nsc(world)


@pytest.fixture
def server(world, nsc):
    return world.alone(nsc.config(world.directory / "jwt"))


def nats(world, server, creds, *args, status=0) -> str:
    env = {"HOME": str(world.directory), "XDG_CONFIG_HOME": str(world.directory), "NO_COLOR": "1"}
    done = subprocess.run([str(servers.NATS_CLI), "--server", server.url, "--creds", creds, *args],
                          capture_output=True, text=True, env=env, timeout=60,
                          stdin=subprocess.DEVNULL, check=False)  # fmt: skip
    if status is not None:
        assert done.returncode == status, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_push_then_come_in(world, nsc, server):
    creds = nsc.creds()
    assert "authorization violation" in nats(world, server, creds, "rtt", status=None).lower()
    nsc.push(server)
    assert any((world.directory / "jwt").glob("A*.jwt"))
    nats(world, server, creds, "pub", "a", "b")
    connections = server.monitor("/connz?auth=1")
    assert connections["num_connections"] == 0
    server.restart()
    nats(world, server, creds, "rtt")


def test_revoked_users_go(world, nsc, server):
    creds = nsc.creds()
    nsc.push(server)
    log = world.process("sub", [str(servers.NATS_CLI), "--server", server.url, "--creds", creds, "sub", "x"],
                        {"HOME": str(world.directory)})  # fmt: skip
    log.start()
    until(lambda: server.monitor("/varz")["connections"] == 1, "the subscriber is in")
    nsc.run("revocations", "add-user", "--account", "A", "--name", "u")
    nsc.push(server)
    until(lambda: server.monitor("/varz")["connections"] == 0, "the subscriber is put out")
    assert "authorization violation" in nats(world, server, creds, "rtt", status=None).lower()
    reasons = [each["reason"] for each in server.monitor("/connz?state=closed")["connections"]]
    assert "Credentials Revoked" in reasons


def test_scoped_signing_keys(world, nsc, server):
    nsc.run("edit", "account", "--name", "A", "--sk", "generate")
    key = re.search(r"A[A-Z2-7]{55}", nsc.run("describe", "account", "A").split("Signing Keys")[1]).group()
    nsc.run("edit", "signing-key", "--account", "A", "--sk", key, "--role", "r",
            "--allow-pub", "{{name()}}.>", "--allow-sub", "_INBOX.>")  # fmt: skip
    nsc.run("add", "user", "--account", "A", "-K", "r", "joe")
    nsc.push(server)
    creds = nsc.creds("joe")
    nats(world, server, creds, "pub", "joe.x", "1")
    said = nats(world, server, creds, "sub", "other", "--wait", "1s", status=None)
    assert "permissions violation" in said.lower(), said


def test_pull_and_delete(world, nsc):
    config = nsc.config(world.directory / "jwt").replace("allow_delete: false", "allow_delete: true")
    server = world.alone(config)
    nsc.run("edit", "operator", "--account-jwt-server-url", server.url)
    nsc.run("add", "account", "B")
    nsc.push(server)
    nsc.run("pull", "--all", "--overwrite-newer")
    nsc.run("delete", "account", "--name", "B", "--force")
    nsc.push(server, "--prune")
    left = [path.name for path in (world.directory / "jwt").glob("*.jwt")]
    assert len(left) == 2, left
