"""Configuration files, beside a nats-server: what it takes is taken, and what it refuses is refused."""

import re
import subprocess

import pytest

from harness import servers
from harness.certificates import Authority

SYSTEM = "ADSPOYMHXJN6JVYQCLRZ5XQ5IUN6A3S33XA4NV4VH74423U7U7YR4YVW"  # Nobody's.


def check(kind: servers.Kind, path) -> tuple[int, str]:
    """The exit status of -t, and the digest that it prints."""
    done = subprocess.run([str(kind.path), "-t", "-c", str(path)], capture_output=True, text=True,
                          timeout=20, check=False)  # fmt: skip
    said = done.stdout + done.stderr
    found = re.search(r"sha256:[0-9a-f]{64}", said)
    return done.returncode, found.group() if found else said


def start(kind: servers.Kind, path) -> int | str:
    try:
        return subprocess.run([str(kind.path), "-c", str(path)], capture_output=True, timeout=1.5,
                              check=False).returncode  # fmt: skip
    except subprocess.TimeoutExpired:
        return "runs"


@pytest.mark.parametrize(
    "config",
    [
        "resolver: MEMORY",
        "authorization { users: [ { user: a } ] }",
        "accounts { A { users: [ { user: a, password: '' } ] } }",
        "leafnodes { tls { ca_file: CA }, remotes: [ { url: 'tls://127.0.0.1:1' } ] }",
        "leafnodes { remotes: [ { url: 'leafnode://127.0.0.1:1' } ] }",
        "websocket { tls {}, no_auth_user: x }",
        "max_payload: -1",
        "prof_port: 0",
        "log_max_num: -42",
        "cluster {}\ngateway {}\nmqtt {}",
        "accounts { A { exports: [ { service: * } ], imports: [ { service { account: B, subject: help } } ] }\n"
        "C { exports: [ { service: * } ], imports: [ { service { account: A, subject: * } } ] }\n"
        "B { exports: [ { service: help } ], imports: [ { service { account: C, subject: nohelp } } ] } }",
        "PORT: -1\nport: $PORT\nserver_metadata { b: \"x\\ny<é>\", a: '' }\nauthorization { timeout: 1.25, token: t }",
    ],
)  # fmt: skip
def test_what_nats_server_takes(tmp_path, config):
    path = tmp_path / "good.conf"
    path.write_text(f"listen: 127.0.0.1:-1\n{config.replace('CA', str(Authority(tmp_path).cert))}\n")
    theirs = check(servers.nats_server("newest"), path)
    assert theirs[0] == 0, theirs
    assert check(servers.server_under_test(), path) == theirs
    assert start(servers.server_under_test(), path) == "runs"


@pytest.mark.parametrize(
    "config",
    [
        f"resolver {{ type: full, dir: jwt, ttl: 1h }}\nsystem_account: {SYSTEM}",
        f"resolver {{ type: cache, dir: jwt, interval: 1m }}\nsystem_account: {SYSTEM}",
        "resolver { type: full, dir: jwt }",
        "default_sentinel: x",
        f"system_account: {SYSTEM}",
        "accounts { A { exports: [ { service: * } ], imports: [ { service { account: B, subject: help } } ] }\n"
        "C { exports: [ { service: * } ], imports: [ { service { account: A, subject: * } } ] }\n"
        "B { exports: [ { service: help } ], imports: [ { service { account: C, subject: help } } ] } }",
    ],
)  # fmt: skip
def test_what_nats_server_refuses(tmp_path, config):
    path = tmp_path / "bad.conf"
    path.write_text(f"listen: 127.0.0.1:-1\n{config.replace('jwt', str(tmp_path / 'jwt'))}\n")
    for kind in (servers.nats_server("newest"), servers.server_under_test()):
        assert start(kind, path) == 1, kind


def test_a_user_without_a_password(world):
    server = world.alone("authorization { users: [ { user: joe }, { user: ann, password: s3cret } ] }")
    world.client(server, user="joe").flush()
    for user, password in (("joe", "x"), ("ann", "")):
        with pytest.raises((EOFError, ConnectionError, AssertionError)):
            world.client(server, user=user, password=password).flush()


def test_the_digest_is_that_of_the_file_in_force(world):
    server = world.alone("server_tags: [ a ]")
    first = server.monitor("/varz")["config_digest"]
    assert first == check(servers.nats_server("newest"), server.config)[1]
    server.take_over("server_tags: [ b ]")
    second = server.monitor("/varz")["config_digest"]
    assert second == check(servers.nats_server("newest"), server.config)[1] != first
    assert f"({second})" in server.output()
