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
        "leafnodes { listen: 127.0.0.1:-1, ping_interval: '2s', ping_max: 3 }",
        "leafnodes { listen: 127.0.0.1:-1, ping_interval: '0s', ping_max: -1 }",
        "TLS, verify: Optional }",
        "TLS, verify: optional, verify_and_map: false }",
        "leafnodes { listen: 127.0.0.1:-1, TLS, verify: optional } }",
        "websocket { listen: 127.0.0.1:-1, TLS, verify: optional } }",
        "mappings: { 'foo.{{account-hash()}}.*': '{{Account-Hash()}}.{{wildcard(1)}}' }",
        "accounts { A { exports: [ { stream: 'x.{{account-hash()}}.>' } ] }\n"
        "B { imports: [ { stream { account: A, subject: 'x.{{account-hash-import()}}.y' }, to: 'y.{{ account-hash( ) }}' } ] } }",
        "leafnodes { remotes: [ { url: 'nats://127.0.0.1:1', deny_exports: ['x.{{account-hash()}}', 'x.{{account-hash-leaf-remote()}}'] } ] }",
        "PORT: -1\nport: $PORT\nserver_metadata { b: \"x\\ny<é>\", a: '' }\nauthorization { timeout: 1.25, token: t }",
    ],
)  # fmt: skip
def test_what_nats_server_takes(tmp_path, config):
    path = tmp_path / "good.conf"
    authority = Authority(tmp_path)
    tls = authority.server_tls(more=f'ca_file: "{authority.cert}"')[: -len(" }")]
    config = config.replace("CA", str(authority.cert)).replace("TLS", tls)
    path.write_text(f"listen: 127.0.0.1:-1\n{config}\n")
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


@pytest.mark.parametrize(
    "config",
    [
        "TLS, verify: maybe }",
        "TLS, verify: optional, verify_and_map: true }",
        "leafnodes { remotes: [ { url: 'nats://127.0.0.1:1', tls { verify: maybe } } ] }",
        "accounts { A { exports: [ { stream: 'x.{{account-hash-import()}}' } ] } }",
        "accounts { A { exports: [ { service: 'x.{{account-hash(a,b)}}' } ] } }",
        "accounts { A { exports: [ { stream: 'x.>' } ] }\n"
        "B { imports: [ { stream { account: A, subject: 'x.{{account-hash-leaf-remote()}}' } } ] } }",
        "accounts { A { mappings: { foo: '{{account-hash-import()}}' } } }",
        "leafnodes { remotes: [ { url: 'nats://127.0.0.1:1', deny_imports: 'x.{{account-hash(a,b)}}' } ] }",
        "leafnodes { remotes: [ { url: 'nats://127.0.0.1:1', deny_exports: '{{account-hash-import()}}' } ] }",
        "max_payload: 2MB\nmax_pending: 1MB",
        "lame_duck_duration: 30s\nlame_duck_grace_period: 40s",
        "no_auth_user: x",
        "websocket { listen: 127.0.0.1:-1 }",
        "websocket { listen: 127.0.0.1:-1, no_tls: true, jwt_cookie: c }",
        "websocket { listen: 127.0.0.1:-1, no_tls: true, headers { Upgrade: x } }",
        "leafnodes { compression: x }",
        "leafnodes { remotes: [ { urls: ['ws://127.0.0.1:1', 'nats://127.0.0.1:1'] } ] }",
    ],
)  # fmt: skip
def test_what_nats_server_refuses_by_a_test_too(tmp_path, config):
    path = tmp_path / "bad.conf"
    config = config.replace("TLS", Authority(tmp_path).server_tls()[: -len(" }")])
    path.write_text(f"listen: 127.0.0.1:-1\n{config}\n")
    for kind in (servers.nats_server("newest"), servers.server_under_test()):
        assert start(kind, path) == 1, kind
        assert check(kind, path)[0] == 1, kind


REMOTE = "leafnodes { remotes: [ { url: 'nats://127.0.0.1:1' } ] }"


@pytest.mark.parametrize(
    "now, then, status",
    [
        ("port: -1", "port: -1\ndebug: true", 0),
        ("port: -1", "port: 4333", 3),
        ("port: -1", "port: -1\nwebsocket { listen: 127.0.0.1:-1, no_tls: true }", 3),
        ("port: -1", f"port: -1\n{REMOTE}", 0),
        ("port: -1", "port: -1\nserver_name: x", 3),
        ("port: -1", "port: -1\nmax_payload: 2MB\nmax_pending: 1MB", 1),
        ("port: -1", "port: x", 1),
        ("port: x", "port: -1", 1),
    ],
)
def test_whether_a_reload_takes_it(tmp_path, now, then, status):
    (tmp_path / "now.conf").write_text(now)
    (tmp_path / "then.conf").write_text(then)
    for kind in (servers.nats_server("newest"), servers.server_under_test()):
        words = [str(kind.path), "-c", str(tmp_path / "now.conf")]
        words += ["--test_reload", str(tmp_path / "then.conf")]
        done = subprocess.run([*words, "-t"], capture_output=True, text=True, timeout=20, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        assert ("config reload not supported for " in said) == (status == 3), said
        assert (f"{tmp_path / 'then.conf'} can be reloaded" in said) == (status == 0), said
        alone = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
        assert alone.returncode == 1
        assert "can only be used together with -t" in alone.stderr or now == "port: x"


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
