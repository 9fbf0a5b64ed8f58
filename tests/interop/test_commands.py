"""The subcommands, the flags and the exit codes."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

from harness import servers
from harness.certificates import Authority
from harness.ports import free_port
from harness.wait import until
from harness.world import remote

pytestmark = pytest.mark.petiole


def petiole(*args, timeout: float = 60, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run([str(servers.server_under_test().path), *args], capture_output=True,
                          text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False, cwd=cwd)  # fmt: skip


def test_demo(tmp_path):
    """The main job in half a minute (a busy machine takes longer), with nothing else installed, and a
    check that adds up."""
    start = time.monotonic()
    done = petiole("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert time.monotonic() - start < 45
    counts = {
        word: int(number.replace(",", ""))
        for word, number in re.findall(r"(?i)\b(sent|received|lost|doubled)\b\D{0,24}?([\d,]+)", done.stdout)
    }
    counts = {word.lower(): number for word, number in counts.items()}
    assert counts["sent"] == counts["received"] > 1000, done.stdout
    assert counts["lost"] == counts["doubled"] == 0, done.stdout


@pytest.mark.parametrize("columns, kind, redrawn", [(80, "xterm", True), (40, "xterm", False), (80, "dumb", False)])
def test_demo_redraws_its_line_where_there_is_room(tmp_path, columns, kind, redrawn):
    """A line that wraps would be left behind ten times a second."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    demo = subprocess.Popen([str(servers.server_under_test().path), "demo"], stdout=theirs, cwd=tmp_path,
                            env={**os.environ, "TERM": kind}, stdin=subprocess.DEVNULL)  # fmt: skip
    said = bytearray()
    try:
        until(lambda: said.extend(os.read(ours, 4096)) or said.count(b"received at") >= 2, "two lines")
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(10)
        os.close(ours)
        os.close(theirs)
    assert (b"\x1b" in said) == redrawn, bytes(said)
    assert (b"\r   sent" in said) == redrawn, bytes(said)


def test_status(world):
    hub = world.hub()
    edge = world.leaf(remote(hub), link="link_down_grace: 1s")
    hub.wait_leafs()
    good = until(lambda: _status(edge, 0), "healthy")
    assert f"127.0.0.1:{hub.ports['leaf']}" in good.stdout
    report = json.loads(petiole("status", "--json", "-m", str(edge.monitor_port)).stdout)
    assert report["healthy"] is True and {"varz", "linkz", "mirrorz"} <= report.keys()
    hub.kill()
    bad = until(lambda: _status(edge, 1), "degraded", 40)
    assert "down" in bad.stdout.lower() or "connecting" in bad.stdout.lower() or "waiting" in bad.stdout.lower()
    edge.kill()
    assert petiole("status", "-m", str(edge.monitor_port)).returncode == 2


def test_status_that_is_watched_by_a_program(world):
    """No escape sequences; and it ends with its reader."""
    edge = world.alone("")
    watch = subprocess.Popen([str(servers.server_under_test().path), "status", "--watch", "-m", str(edge.monitor_port)],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)  # fmt: skip
    try:
        first = watch.stdout.readline()
        said = bytearray(first)
        until(lambda: said.extend(watch.stdout.readline()) or said.count(first[:8]) >= 2, "two screens")
        assert b"\x1b" not in said, bytes(said)
        watch.stdout.close()
        watch.wait(20)
    finally:
        watch.kill()
        watch.wait()


def test_status_over_https(world, tmp_path):
    """By the configuration alone, whatever name its certificate is for; else as curl would have it."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    other.issue("localhost")
    more = f'verify: true, ca_file: "{authority.cert}"'
    edge = world.alone(authority.server_tls(names="DNS:localhost", more=more), start=False)
    text = edge.config.read_text().replace("http:", "https:") + "\nhttp_base_path: /box\n"
    edge.config.write_text(text)
    edge.start()
    url = f"https://localhost:{edge.monitor_port}/box"
    assert petiole("status", "-c", str(edge.config)).returncode == 0
    assert petiole("status", url, "--tlsca", str(authority.cert)).returncode == 0
    assert petiole("status", url, "--insecure").returncode == 0
    for arguments in ([url], [url, "--tlsca", str(other.cert)]):
        refused = petiole("status", *arguments)
        assert refused.returncode == 2 and "certificate" in refused.stdout and "--tlsca" in refused.stdout, refused.stdout
    clear = petiole("status", "-m", str(edge.monitor_port))
    assert clear.returncode == 2 and "-c FILE" in clear.stdout
    forged = tmp_path / "forged.conf"
    forged.write_text(re.sub(re.escape(str(tmp_path / "a")), str(tmp_path / "b"), text))
    stranger = petiole("status", "-c", str(forged))
    assert stranger.returncode == 2 and "pinned" in stranger.stdout, stranger.stdout


def _status(edge, wanted: int):
    done = petiole("status", "-m", str(edge.monitor_port))
    return done if done.returncode == wanted else None


def test_doctor(world, tmp_path):
    hub = world.hub()
    done = petiole("doctor", f"nats-leaf://127.0.0.1:{hub.ports['leaf']}")
    assert done.returncode == 0, done.stdout + done.stderr
    closed = petiole("doctor", f"nats-leaf://127.0.0.1:{free_port()}")
    assert closed.returncode == 1 and "TCP" in closed.stdout
    locked = world.hub(leafnodes="authorization { user: a, password: b }", name="locked")
    refused = petiole("doctor", f"nats-leaf://a:wrong@127.0.0.1:{locked.ports['leaf']}")
    assert refused.returncode == 1 and "authentication" in refused.stdout.lower()
    wrong_port = petiole("doctor", f"nats-leaf://127.0.0.1:{hub.port}")
    assert wrong_port.returncode == 1
    unknown = petiole("doctor", "nats-leaf://no-such-host.invalid:7422")
    assert unknown.returncode == 1 and "DNS" in unknown.stdout
    authority = Authority(tmp_path)
    secure = world.hub(leafnodes=authority.server_tls(), name="secure")
    url = f"tls://127.0.0.1:{secure.ports['leaf']}"
    assert petiole("doctor", url, "--tlsca", str(authority.cert)).returncode == 0
    other = Authority(tmp_path, "other")
    untrusted = petiole("doctor", url, "--tlsca", str(other.cert))
    assert untrusted.returncode == 1 and "TLS" in untrusted.stdout
    assert "Give the authority that signed the hub's certificate: --tlsca FILE" in untrusted.stdout, untrusted.stdout
    first = world.hub(leafnodes=authority.server_tls(more="handshake_first: true"), name="first")
    options = (f"tls://127.0.0.1:{first.ports['leaf']}", "--tlsca", str(authority.cert))
    unheard = petiole("doctor", *options)
    assert unheard.returncode == 1 and "--handshake_first" in unheard.stdout, unheard.stdout
    assert petiole("doctor", *options, "--handshake_first").returncode == 0
    strict = world.hub(leafnodes=authority.server_tls(more=f'verify: true, ca_file: "{authority.cert}"'), name="strict")
    nameless = petiole("doctor", f"tls://127.0.0.1:{strict.ports['leaf']}", "--tlsca", str(authority.cert))
    assert nameless.returncode == 1 and "--tlscert, --tlskey" in nameless.stdout, nameless.stdout
    assert petiole("doctor").returncode == 2


@pytest.mark.parametrize("command", ["status", "doctor", "demo"])
def test_subcommands_say_what_they_take(command):
    for flag in ("-h", "--help"):
        said = petiole(command, flag)
        assert said.returncode == 0 and f"petiole {command}" in said.stdout
    assert "--creds" in petiole("doctor", "--nope", "x").stdout


@pytest.mark.parametrize(
    "config, place, words",
    [
        ("port: 4222\nnonsense: 1\n", ":2:", "nonsense"),
        ("port: many\n", ":1:", "port"),
        ("max_payload: 1XB\n", ":1:", "max_payload"),
        ("ping_interval: 5 parsecs\n", ":1:", ""),
        ("leafnodes {\n remotes: [ { url: 'gopher://x' } ]\n}\n", ":2:", "gopher"),
        ("leafnodes {\n remotes: [ { } ]\n}\n", ":2:", "url"),
        ("leafnodes {\n remotes: [ { url: 'nats://x', credentials: '/no/such/file' } ]\n}\n", "", "/no/such/file"),
        ("store_and_forward {\n rules: [ { durability: disk } ]\n}\n", ":2:", "subjects"),
        ("store_and_forward {\n rules: [ { subjects: ['a'], durability: paper } ]\n}\n", ":2:", "disk"),
        ("authorization {\n user: a\n", "", ""),
        ("a: $NOT_DEFINED_ANYWHERE\n", ":1:", "NOT_DEFINED_ANYWHERE"),
    ],
)  # fmt: skip
def test_configuration_errors(tmp_path, config, place, words):
    """Exit status 1, with place and cause; nothing is started."""
    path = tmp_path / "bad.conf"
    path.write_text(config)
    for args in (["-c", str(path)], ["-t", "-c", str(path)]):
        done = petiole(*args, timeout=20)
        output = done.stdout + done.stderr
        assert done.returncode == 1, output
        assert f"{path}{place}" in output and words in output, output


def test_missing_file_and_unknown_flag(tmp_path):
    assert petiole("-c", str(tmp_path / "none.conf"), timeout=20).returncode == 1
    assert petiole("--no-such-flag", timeout=20).returncode == 1
    assert petiole("no-such-command", timeout=20).returncode == 1


def test_good_configuration_is_checked_and_left(tmp_path):
    path = tmp_path / "good.conf"
    path.write_text("port: 4222\nserver_name: x\n")
    assert petiole("-t", "-c", str(path), timeout=20).returncode == 0


def test_port_taken(world):
    edge = world.alone()
    done = petiole("-a", edge.host, "-p", str(edge.port), timeout=20)
    assert done.returncode == 2
    assert str(edge.port) in done.stdout + done.stderr


def test_directory_not_writable(world, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    path = tmp_path / "store.conf"
    path.write_text(f"port: {free_port()}\nstore_and_forward {{ dir: '{blocked}', rules: [ {{ subjects: ['a'] }} ] }}\n")
    done = petiole("-c", str(path), timeout=20)
    assert done.returncode == 2 and str(blocked) in done.stdout + done.stderr
    assert blocked.read_text() == "not a directory"


def test_a_foreign_database_is_left_alone(tmp_path):
    """What is not ours is not opened, wiped or migrated."""
    import sqlite3

    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with edge_once(tmp_path, mirror) as edge:
        edge.wait_ready()
    databases = [f for f in mirror.iterdir() if f.read_bytes()[:15] == b"SQLite format 3"]
    assert len(databases) == 1
    with sqlite3.connect(databases[0]) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version = {version + 100}")
    database.close()
    before = databases[0].read_bytes()
    done = petiole("-c", str(tmp_path / "edge.conf"), timeout=20)
    assert done.returncode == 2 and "newer" in (done.stdout + done.stderr).lower()
    assert databases[0].read_bytes() == before


def edge_once(tmp_path, mirror):
    import contextlib

    from harness.servers import Server

    @contextlib.contextmanager
    def run():
        port = free_port()
        config = (f"listen: 127.0.0.1:{port}\n"
                  f"store_and_forward {{ dir: '{mirror}', rules: [ {{ subjects: ['a'] }} ] }}\n")  # fmt: skip
        edge = Server(servers.server_under_test(), "edge", tmp_path, config, {"client": port, "monitor": 0})
        edge.start(ready=False)
        try:
            yield edge
            assert edge.stop() == 0
        finally:
            edge.kill()

    return run()


def test_versions():
    """Tools of the NATS world parse -v; people ask --version."""
    assert re.match(r"nats-server: v2\.\d+\.\d+", petiole("-v").stdout)
    assert "petiole" in petiole("--version").stdout
    assert "Usage" in petiole("-h").stdout


def test_flags_without_a_file(world):
    """--hub, --store, --forward: the whole job from the command line."""
    hub = world.hub(config="jetstream { store_dir: '{dir}/hub', domain: hub }")
    port = free_port()
    process = world.process(
        "flags",
        [str(servers.server_under_test().path), "-a", "127.0.0.1", "-p", str(port), "--hub",
         f"nats-leaf://127.0.0.1:{hub.ports['leaf']}", "--store", str(world.directory / "store"),
         "--forward", "telemetry.>"],
    )  # fmt: skip
    process.start()
    hub.wait_leafs()
    subscriber = world.client(hub)
    subscriber.subscribe("telemetry.>")
    subscriber.flush()
    from harness.client import Client

    with Client("127.0.0.1", port) as client:
        client.publish("telemetry.x", b"hello")
        client.flush()
    assert subscriber.next(20).payload == b"hello"
    assert process.stop() == 0


def test_clean_end(world):
    edge = world.alone()
    edge.client().flush()
    assert edge.stop() == 0
