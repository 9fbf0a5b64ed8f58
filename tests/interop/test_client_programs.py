"""The official Node and C clients: programs in clients/ that check from their side."""

import os
import pathlib
import shutil

import pytest

from harness import servers
from harness.wait import until

HERE = pathlib.Path(__file__).parent
C_CLIENT = os.environ.get(
    "PETIOLE_C_CLIENT", str(servers.ROOT / "build/release/tests/interop/c_client")
)


def node(mode: str, url: str) -> tuple[list[str], dict]:
    binary = shutil.which("node") or str(servers.PEERS / "venv/bin/node")
    env = {"NODE_PATH": str(servers.PEERS / "node/node_modules")}
    return [binary, str(HERE / "clients/node_client.js"), mode, url], env


def libnats(mode: str, url: str) -> tuple[list[str], dict]:
    return [C_CLIENT, mode, url], {}


@pytest.fixture(params=[node, libnats], ids=["node", "c"])
def program(request):
    if request.param is libnats and not pathlib.Path(C_CLIENT).exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{C_CLIENT} was not built (libnats-dev)")
        pytest.skip(f"{C_CLIENT} was not built (libnats-dev)")
    return request.param


def run(world, program, mode: str, url: str, **env):
    argv, more = program(mode, url)
    process = world.process(f"client-{mode}", argv, {**more, **env})
    process.start()
    return process


def succeeds(process) -> None:
    status = process.wait(60)
    assert status == 0, process.output()[-3000:]


def test_basic(world, program):
    server = world.alone()
    succeeds(run(world, program, "basic", server.url))


def with_user(server, user: str, password: str = "") -> str:
    return server.url.replace("//", f"//{user}:{password}@" if password else f"//{user}@")


def test_user_and_password(world, program):
    server = world.alone('authorization { user: ann, password: "s3cret" }')
    url = with_user(server, "ann", "s3cret") if program is libnats else server.url
    succeeds(run(world, program, "auth", url, USER="ann", PASS="s3cret"))
    url = with_user(server, "ann", "wrong") if program is libnats else server.url
    succeeds(run(world, program, "refused", url))


def test_bcrypt_password(world, program):
    # Of "s3cret", cost 4: cheap enough for a test.
    hashed = "$2a$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG"
    server = world.alone(f"authorization {{ users: [ {{ user: ann, password: '{hashed}' }} ] }}")
    url = with_user(server, "ann", "s3cret") if program is libnats else server.url
    succeeds(run(world, program, "auth", url, USER="ann", PASS="s3cret"))


def test_token(world, program):
    server = world.alone("authorization { token: t0ken }")
    url = with_user(server, "t0ken") if program is libnats else server.url
    env = {"TOKEN": "t0ken"}
    succeeds(run(world, program, "auth", url, **env))
    url = with_user(server, "ann", "wrong") if program is libnats else server.url
    succeeds(run(world, program, "refused", url))


def test_reconnect(world, program):
    server = world.alone()
    process = run(world, program, "reconnect", server.url)
    process.wait_for_output("ready to be cut")
    server.restart()
    client = world.client(server)

    def published() -> bool:
        if process.running():
            client.publish("after", b"here again")
            client.flush()
        return not process.running()

    until(published, "the client ends", 40, every=0.1)
    succeeds(process)
