"""Signals, `-sl` in all its forms, lame duck, log files that others rename, systemd: as nats-server."""

import contextlib
import json
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from harness import call_filter, servers
from harness.ports import free_port
from harness.wait import until

KINDS = [servers.server_under_test(), servers.nats_server("newest")]
both = pytest.mark.parametrize("kind", KINDS, ids=["ours", "theirs"])


def start(world, kind, name="edge", config="", args=(), env=None):
    port = free_port()
    path = world.directory / f"{name}.conf"
    path.write_text(f"listen: 127.0.0.1:{port}\n{config}\n")
    process = world.process(name, [str(kind.path), "-c", str(path), *args], env)
    process.start()
    process.port, process.config, process.kind = port, path, kind
    until(lambda: accepts(process) and "Server is ready" in text_of(process, config), f"{name} is ready")
    return process


def text_of(process, config: str = "") -> str:
    """What it logged, wherever that is."""
    text = process.output()
    for line in config.splitlines():
        if line.startswith("log_file:"):
            with contextlib.suppress(OSError), open(line.split('"')[1]) as file:
                text += file.read()
    return text


def accepts(process) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", process.port), 2).close()
        return True
    return False


def connections(monitor: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/varz", timeout=5) as answer:
        return json.load(answer)["connections"]


def tell(kind, *args: str) -> subprocess.CompletedProcess:
    return subprocess.run([str(kind.path), *args], capture_output=True, text=True, timeout=30, check=False)


@both
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends(world, kind, number):
    process = start(world, kind)
    client = servers.Client("127.0.0.1", process.port)
    process.signal(number)
    assert process.wait() == 0
    name = "interrupt" if number == signal.SIGINT else "terminated"
    lines = process.output()
    for text in (f'Trapped "{name}" signal', "Initiating Shutdown...", "Server Exiting.."):
        assert text in lines
    client.close()


@both
def test_it_ends_in_order_as_soon_as_it_listens(world, kind):
    """Who sees the port may tell it to end; it does not die of that, however early it comes."""
    port = free_port()
    for i in range(20):
        process = world.process(f"early{i}", [str(kind.path), "-a", "127.0.0.1", "-p", str(port)])
        process.port = port
        process.start()
        while not accepts(process):
            assert process.running()
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert "Server Exiting.." in process.output()


@both
@pytest.mark.parametrize("command, status", [
    ("stop", -signal.SIGKILL), ("quit", 0), ("term", 0),
])  # fmt: skip
@pytest.mark.parametrize("form", ["pid", "file", "config"])
def test_commands_that_end_it(world, kind, command, status, form):
    pid_file = world.directory / "pid"
    process = start(world, kind, args=["-P", str(pid_file)])
    until(lambda: pid_file.exists() and pid_file.read_text(), "the pid file is there")
    assert pid_file.read_text() == str(process.pid)
    if form == "config" and not kind.is_petiole:
        pytest.skip("a nats-server looks for the process by its name")
    target = {"pid": f"={process.pid}", "file": f"={pid_file}", "config": ""}[form]
    more = ["--pid", str(pid_file)] if form == "config" else []
    done = tell(kind, *more, "-sl", command + target)
    assert done.returncode == 0, done.stderr
    assert process.wait() == status


@both
def test_wrong_targets(kind):
    for target in ("stop=9999999", "stop=nonsense", "nonsense=1", "nonsense"):
        done = tell(kind, "-sl", target)
        assert done.returncode == 1 and done.stdout + done.stderr, target


@pytest.mark.petiole
def test_the_only_one_is_found_by_its_name(world):
    """No pid is given: the other process of this program; several are told, or all meant by '*'."""
    named = world.directory / f"petiole-{os.getpid()}"
    shutil.copy(servers.server_under_test().path, named)
    kind = servers.Kind(named, True)
    assert "no petiole processes running" in tell(kind, "-sl", "quit").stderr
    one = start(world, kind, "one")
    assert tell(kind, "-sl", "quit").returncode == 0
    assert one.wait() == 0
    several = [start(world, kind, name) for name in ("two", "three")]
    done = tell(kind, "-sl", "quit")
    assert done.returncode == 1 and all(str(each.pid) in done.stderr for each in several)
    assert tell(kind, "-sl", f"quit={several[0].pid}*").returncode == 0
    assert several[0].wait() == 0
    assert tell(kind, "-sl", "quit=*").returncode == 0
    assert several[1].wait() == 0


@both
@pytest.mark.parametrize("way", ["signal", "command"])
def test_reload(world, kind, way):
    process = start(world, kind)
    process.config.write_text(process.config.read_text() + "max_payload: 1000\n")
    process.signal(signal.SIGHUP) if way == "signal" else tell(kind, "-sl", f"reload={process.pid}")
    process.wait_for_output("Reloaded: max_payload" if not kind.is_petiole else "Reloaded")
    until(lambda: servers.Client("127.0.0.1", process.port).info["max_payload"] == 1000, "it is in force")
    process.config.write_text("nonsense {")
    process.signal(signal.SIGHUP)
    process.wait_for_output("Failed to reload server configuration: ")
    assert accepts(process)


@both
@pytest.mark.parametrize("way", ["signal", "command"])
def test_a_renamed_log_is_opened_again(world, kind, way):
    log = world.directory / "file.log"
    process = start(world, kind, config=f'log_file: "{log}"')
    os.rename(log, world.directory / "old.log")
    process.signal(signal.SIGUSR1) if way == "signal" else tell(kind, "-sl", f"reopen={process.pid}")
    until(lambda: log.exists() and "File log re-opened" in log.read_text(), "the new file is written")
    assert "Server is ready" in (world.directory / "old.log").read_text()
    assert "re-opened" not in (world.directory / "old.log").read_text()


def test_a_log_that_cannot_be_opened_again_is_told(world):
    """nats-server ends there. Here the file that is open goes on: a full disk is no end."""
    logs, moved = world.directory / "logs", world.directory / "moved"
    logs.mkdir()
    process = start(world, KINDS[0], config=f'log_file: "{logs}/log"')
    os.rename(logs, moved)
    process.signal(signal.SIGUSR1)
    until(lambda: "File log not re-opened: " in (moved / "log").read_text(), "it is told in the old file")
    assert "File log re-opened" not in (moved / "log").read_text()
    logs.mkdir()
    process.signal(signal.SIGHUP)  # Nothing has changed, but what failed is tried again.
    process.signal(signal.SIGUSR1)
    until(lambda: "re-opened" in (logs / "log").read_text() if (logs / "log").exists() else False, "the new one")
    assert accepts(process)


@both
def test_as_many_connections_as_the_system_allows_files(world, kind):
    """What a shell or systemd gives at first, 1,024, is raised to what it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        process = start(world, kind)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", process.port), 5))
            client.settimeout(5)
            assert client.recv(4) == b"INFO"


@both
def test_there_is_no_log_to_open(world, kind):
    process = start(world, kind)
    process.signal(signal.SIGUSR1)
    process.wait_for_output("File log re-open ignored, not a file logger")
    assert accepts(process)


DUCK = "lame_duck_duration: 30s\nlame_duck_grace_period: 4s"


@both
@pytest.mark.parametrize("way", ["signal", "command"])
def test_lame_duck(world, kind, way):
    process = start(world, kind, config=DUCK)
    client = world.keep(servers.Client("127.0.0.1", process.port))
    client.flush()
    process.signal(signal.SIGUSR2) if way == "signal" else tell(kind, "-sl", f"ldm={process.pid}")
    process.wait_for_output("Entering lame duck mode, stop accepting new clients")
    until(lambda: not accepts(process), "nobody is let in")
    process.signal(signal.SIGUSR2)  # Means nothing any more.
    process.signal(signal.SIGTERM)  # It goes in order already.
    client.subscribe("still")
    client.publish("still", b"served")
    assert client.next().payload == b"served"
    assert any(info.get("ldm") for info in client.infos)
    assert process.wait() == 0
    lines = process.output()
    assert lines.count("Entering lame duck mode") == 1
    assert "Closing existing clients" in lines and "Server Exiting.." in lines


@both
def test_lame_duck_without_clients_ends_at_once(world, kind):
    monitor = free_port()
    config = f"lame_duck_duration: 300s\nlame_duck_grace_period: 200s\nhttp: 127.0.0.1:{monitor}"
    process = start(world, kind, config=config)
    # The connection that found it ready may count as a client for a moment.
    until(lambda: connections(monitor) == 0, "nobody is connected")
    process.signal(signal.SIGUSR2)
    assert process.wait() == 0


@both
def test_interrupt_ends_a_lame_duck(world, kind):
    process = start(world, kind, config="lame_duck_duration: 300s\nlame_duck_grace_period: 200s")
    client = servers.Client("127.0.0.1", process.port)
    client.flush()
    process.signal(signal.SIGUSR2)
    process.wait_for_output("Entering lame duck mode")
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    client.close()


@pytest.mark.petiole
def test_systemd(world):
    """Type=notify-reload with a watchdog: ready, status, signs of life, a reload, the end."""
    path = str(world.directory / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(15)
        process = start(world, servers.server_under_test(), config="",
                        env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})  # fmt: skip
        heard: list[str] = []

        def wait_for(beginning: str) -> str:
            while True:
                heard.append(manager.recv(4096).decode())
                if heard[-1].startswith(beginning):
                    return heard[-1]

        wait_for("READY=1")
        assert not [text for text in heard if text.startswith("WATCHDOG")]
        assert len(wait_for("STATUS=")) > len("STATUS=")
        for _ in range(3):
            wait_for("WATCHDOG=1")
        process.config.write_text(process.config.read_text() + "max_payload: 1000\n")
        process.signal(signal.SIGHUP)
        reloading = wait_for("RELOADING=1")
        assert int(reloading.split("MONOTONIC_USEC=")[1]) > 0
        wait_for("READY=1")
        process.signal(signal.SIGSTOP)
        manager.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while True:
                manager.recv(4096)
        # A loop that hangs gives no sign of life: systemd would end it.
        with pytest.raises(TimeoutError):
            manager.recv(4096)
        process.signal(signal.SIGCONT)
        manager.settimeout(15)
        process.signal(signal.SIGTERM)
        wait_for("STOPPING=1")
        assert process.wait() == 0


@pytest.mark.petiole
def test_systemd_is_not_told_of_a_reload_while_it_ends(world):
    """A client that takes nothing keeps it from ending at once."""
    path = str(world.directory / "notify")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, contextlib.closing(deaf):
        manager.bind(path)
        manager.settimeout(15)
        process = start(world, servers.server_under_test(), config="",
                        env={"NOTIFY_SOCKET": path})  # fmt: skip
        deaf.connect(("127.0.0.1", process.port))
        listener = servers.Client("127.0.0.1", process.port, sock=deaf)
        listener.subscribe("a")
        listener.flush()
        client = servers.Client("127.0.0.1", process.port)
        for _ in range(7):
            client.publish("a", bytes(1_000_000))
        client.flush()
        process.signal(signal.SIGTERM)
        while manager.recv(4096) != b"STOPPING=1":
            pass
        process.signal(signal.SIGHUP)
        until(lambda: "the server is stopping" in process.output(), "the reload is refused")
        assert process.wait() == 0
        client.close()
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.recv(4096)


@pytest.mark.petiole
def test_systemd_is_told_of_the_link(world):
    hub = world.hub()
    path = str(world.directory / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(20)
        start(world, servers.server_under_test(), env={"NOTIFY_SOCKET": path},
              config=f"leafnodes {{ reconnect_max: 2s\n remotes: [ {{ url: 'nats-leaf://127.0.0.1:{hub.ports['leaf']}' }} ] }}")  # fmt: skip

        def status(*words: str) -> None:
            while True:
                text = manager.recv(4096).decode()
                if text.startswith("STATUS=") and any(word in text for word in words):
                    return

        status("up", "connected")
        hub.kill()
        status("down", "waiting", "retry", "connecting")


@pytest.mark.petiole
def test_a_filter_of_system_calls_does_not_end_it(world):
    """Who is killed for a wish is better off without it."""
    if platform.machine() not in call_filter.CALLS:
        pytest.skip("the numbers of this machine's calls are not known")
    server = world.alone(
        'store_and_forward { dir: "{dir}/store", rules: [ { subjects: ["kept.>"] } ] }',
        prefix=[sys.executable, call_filter.__file__],
    )
    with server.client() as client:
        client.publish("kept.a")
        client.flush()
    assert server.stop() == 0


@pytest.mark.petiole
def test_the_unit(world):
    """systemd knows all of its words, never gives up to start it, however often it was, and does not
    kill a lame duck that is stopped: that takes no notice of SIGTERM, and what waits in memory would go."""
    text = (servers.ROOT / "platform/petiole.service").read_text()
    head, service = text.split("[Service]")
    assert "\nStartLimitIntervalSec=0\n" in head and "\nRestart=always\n" in service
    assert int(service.split("\nTimeoutStopSec=")[1].split("\n")[0]) > 120  # lame_duck_duration.
    if shutil.which("systemd-analyze") is None:
        return
    unit = world.directory / "petiole.service"
    unit.write_text(text.replace("/usr/local/bin/petiole", str(servers.server_under_test().path)))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert not [line for line in done.stderr.splitlines() if "petiole.service" in line]
