"""The log: the same sessions with petiole and with the newest nats-server, every line of it."""

import difflib
import pathlib
import re
import socket
import time

import pytest

from harness import servers
from harness.ports import free_port
from harness.wait import until
from harness.world import remote

CONFIG = """
debug: true
trace: true
log_file: "{dir}/NAME.out"
max_payload: 1000
max_subscriptions: 6
authorization { users = [
  {user: a, password: secret, permissions: {publish: {deny: "no.>"}, subscribe: {deny: ["no", "no.> g"]}}}
] }
mappings { "from": "to" }
"""

HELLO = ('CONNECT {"user":"a","pass":"secret","name":"a name","lang":"go","version":"1.2","verbose":false,'
         '"pedantic":false,"headers":true,"no_responders":true}\r\n')  # fmt: skip
VERBOSE = 'CONNECT {"user":"a","pass":"secret"}\r\n'

# What one client sends, in a few writes; `PING` at the end of each makes an end of what is answered.
SESSIONS = {
    "publish and deliver": [HELLO + "SUB s 1\r\nSUB s g 2\r\nPING\r\n",
                            "PUB s 5\r\nhello\r\nPUB s r 0\r\n\r\nHPUB s 12 17\r\nNATS/1.0\r\n\r\nhello\r\nPING\r\n"],
    "without headers": ['CONNECT {"user":"a","pass":"secret","verbose":false}\r\nSUB s 1\r\nHPUB s 12 14\r\n'],
    "bytes of all kinds": [HELLO + 'SUB s 1\r\nPUB s 8\r\n\x00"\\\x7f\r\n\tz\r\nPING\r\n'],
    "verbs and blanks": [HELLO + "sub  s\t 1\r\npub s   0\r\n\r\nunsub  1\r\nping\r\n"],
    "verbose": [VERBOSE + "SUB s 1\r\nPUB s 1\r\nx\r\nUNSUB 1\r\nPING\r\n"],
    "pedantic": ['CONNECT {"user":"a","pass":"secret","verbose":false,"pedantic":true}\r\nPUB a..b 0\r\n\r\nPING\r\n'],
    "permissions": [HELLO + "PUB no.1 0\r\n\r\nSUB no 1\r\nSUB no.x g 2\r\nPUB s _R_.x 0\r\n\r\nSUB s _sys_ 3\r\nPING\r\n"],
    "no responders": [HELLO + "SUB _I 1\r\nPUB nobody _I 1\r\nx\r\nPING\r\n"],
    "mapping": [HELLO + "SUB to 1\r\nPUB from 2\r\nhi\r\nPUB from 0\r\n\r\nPING\r\n"],
    "auto-unsubscribe": [HELLO + "SUB s 1\r\nUNSUB 1 2\r\nPING\r\n", "PUB s 1\r\na\r\nPUB s 1\r\nb\r\nPUB s 1\r\nc\r\nPING\r\n"],
    "unsubscribe": [HELLO + "SUB s 1\r\nUNSUB 1\r\nUNSUB 1\r\nUNSUB 9\r\nPING\r\n"],
    "subject": [HELLO + "SUB a..b 1\r\nPING\r\n"],
    "too many": [HELLO + "".join(f"SUB s{i} {i}\r\n" for i in range(8)) + "PING\r\n"],
    "second connect": [HELLO + "PING\r\n", VERBOSE + "PING\r\n"],
    "wrong password": ['CONNECT {"user":"a","pass":"wrong","verbose":false}\r\n'],
    "unknown user": ['CONNECT {"user":"b","pass":"secret","jwt":"x","sig":"y"}\r\n'],
    "token": ['CONNECT {"auth_token":"secret"}\r\n'],
    "nkey": ['CONNECT {"nkey":"UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4","sig":"x"}\r\n'],
    "no connect": ["PING\r\n"],
    "account": ['CONNECT {"user":"a","pass":"secret","account":"A"}\r\n'],
    "protocol": ['CONNECT {"user":"a","pass":"secret","protocol":7,"verbose":false}\r\n'],
    "responders": ['CONNECT {"user":"a","pass":"secret","no_responders":true,"verbose":false}\r\n'],
    "unknown": [VERBOSE + "FOO\r\n"],
    "arguments of SUB": [HELLO + "SUB a\r\n"],
    "arguments of PUB": [HELLO + "PUB a\r\n"],
    "size of PUB": [HELLO + "PUB a x\r\n"],
    "arguments of UNSUB": [HELLO + "UNSUB\r\n"],
    "arguments of HPUB": [HELLO + "HPUB a 5\r\n"],
    "payload": [HELLO + "PUB a 1001\r\n"],
    "an error of the client": [HELLO + "-ERR 'x y'\r\n"],
}  # fmt: skip


def play(port: int, writes: list[str]) -> str:
    """Sends each write when all of the one before is answered, then closes. Its own address."""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        file = sock.makefile("rb")
        file.readline()
        for text in writes:
            sock.sendall(text.encode("latin-1"))
            if text.lower().endswith("ping\r\n") and "CONNECT" in writes[0]:
                while (line := file.readline()) and not line.startswith(b"PONG"):
                    pass
            else:
                file.read()  # Until the server closes.
        return "{}:{}".format(*sock.getsockname())


STAMP = re.compile(r"^\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} ")
NOISE = re.compile(r"Ping Timer|Delaying PING|->> \[PING\]|(SYSTEM|ACCOUNT) - |JetStream using domains")


def normal(line: str) -> str:
    line = re.sub(r"\b127\.0\.0\.1:\d+", "ADDRESS", line)
    line = re.sub(r"\b([cl]id):\d+", r"\1:N", line)
    line = re.sub(r"state=\d+, i=\d+: proto=.*", "state=S, i=I: proto=P", line)
    return re.sub(r"\$LDS\.\w+", "$LDS.X", line)


def in_order(lines: list[str]) -> list[str]:
    """A reason may be told before or behind the end; subscriptions that go with it go in any order."""
    end = next(i for i, line in enumerate(lines) if "Client connection closed:" in line)
    behind = lines[end + 1 :]
    reasons = [line for line in behind if "DELSUB" not in line]
    return [*lines[:end], *reasons, lines[end], *sorted(line for line in behind if "DELSUB" in line)]


def log_lines(path) -> list[str]:
    lines = path.read_text(errors="replace").splitlines()
    assert all(STAMP.match(line) for line in lines)
    return [STAMP.sub("", line) for line in lines]


def lines_of(path, address: str) -> list[str]:
    return [line for line in log_lines(path) if line.split("] ", 1)[-1].startswith(address + " - cid:")]


def session_lines(path, port: int, writes: list[str]) -> list[str]:
    """What is logged of one session. A second connection marks the end of it."""
    addresses = []
    for each in (writes, []):
        addresses.append(play(port, each))
        until(lambda: any("Client connection closed:" in line for line in lines_of(path, addresses[-1])),
              "the end is told")  # fmt: skip
    return in_order([normal(line) for line in lines_of(path, addresses[0]) if not NOISE.search(line)])


def test_sessions(world):
    both = []
    for kind, name in ((servers.server_under_test(), "edge"), (servers.nats_server("newest"), "reference")):
        both.append((world.server(kind, name, CONFIG.replace("NAME", name)), world.directory / f"{name}.out"))
    failures = []
    for title, writes in SESSIONS.items():
        heard = []
        for server, path in both:
            heard.append(session_lines(path, server.port, writes))
        if heard[0] != heard[1]:
            diff = difflib.unified_diff(heard[1], heard[0], "nats-server", "petiole", lineterm="", n=1)
            failures.append(title + ":\n" + "\n".join(diff))
    assert not failures, "\n".join(failures)


def leaf_lines(path) -> list[str]:
    """Of links, without the system services that a nats-server offers each account."""
    lines = (normal(STAMP.sub("", line)) for line in path.read_text(errors="replace").splitlines())
    return [line for line in lines if " - lid:" in line and not NOISE.search(line) and "$SYS.REQ." not in line
            and "[CONNECT" not in line and "<<- [PONG" not in line and "[PING" not in line and "->> [PONG" not in line]  # fmt: skip


@pytest.mark.parametrize("side", ["edge", "hub"])
def test_leafs(world, side):
    """A link's life, seen from either end."""
    config = 'debug: true\ntrace: true\nlog_file: "{dir}/NAME.out"\n'
    kinds = {"ours": servers.server_under_test(), "theirs": servers.nats_server("newest")}
    heard = {}
    for whose, kind in kinds.items():
        name = f"{side}_{whose}"
        told = config.replace("NAME", name)
        hub_kind = kind if side == "hub" else servers.nats_server("newest")
        edge_kind = kind if side == "edge" else servers.nats_server("newest")
        hub = world.server(hub_kind, f"hub_{whose}",
                           "leafnodes { listen: 127.0.0.1:{leaf} }\n" + (told if side == "hub" else ""))  # fmt: skip
        edge = world.server(edge_kind, f"edge_{whose}",
                            f"leafnodes {{ remotes: [ {{ {remote(hub)} }} ] }}\n" + (told if side == "edge" else ""))  # fmt: skip
        hub.wait_leafs()
        here, there = world.client(edge), world.client(hub)
        here.subscribe("foo")
        here.flush()
        hub.wait_interest("foo")
        there.publish("foo", b"down")
        there.flush()
        assert here.next().payload == b"down"
        here.subscribe("bar", "group")
        here.flush()
        until(lambda h=hub: any("bar group" in s or "bar" in s for s in h.leafs()[0]["subscriptions_list"]), "interest in bar")
        there.publish("bar", b"x", "reply")
        there.flush()
        assert here.next().payload == b"x"
        edge.stop()
        path = world.directory / f"{name}.out"
        until(lambda p=path: "Leafnode connection closed" in p.read_text(), "the end is told")
        lines = leaf_lines(path)
        end = next(i for i, line in enumerate(lines) if "connection closed" in line)
        heard[whose] = [line.replace(f"_{whose}", "") for line in lines[: end + 1]]
    assert heard["ours"] == heard["theirs"]


def start(kind, world, name, args, config="", env=None):
    port = free_port()
    path = world.directory / f"{name}.conf"
    path.write_text(f"listen: 127.0.0.1:{port}\n{config}")
    process = world.process(name, [str(kind.path), "-c", str(path), *args], env)
    process.start()
    process.wait_for_output("Server is ready")
    process.port = port
    return process


@pytest.mark.parametrize("args, levels, stamp", [
    ([], "INF ERR", True), (["-D"], "INF ERR DBG", True), (["-V"], "INF ERR TRC", True),
    (["-DV"], "INF ERR DBG TRC", True), (["-DVV"], "INF ERR DBG TRC", True), (["-D", "-T=false"], "INF ERR DBG", False),
    (["-VV", "--logtime_utc"], "INF ERR TRC", True),
])  # fmt: skip
def test_flags(world, args, levels, stamp):
    process = start(servers.server_under_test(), world, "edge", args)
    play(process.port, ['CONNECT {"verbose":false}\r\nPUB a\r\n'])
    process.wait_for_output("processPub Parse Error")
    if "DBG" in levels:
        process.wait_for_output("Client connection closed: Protocol Violation")
    lines = [line for line in process.output().splitlines() if not line.startswith("---")]
    form = r"\[\d+\] (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} )?\[([A-Z]{3})\] "
    found = [re.match(form, line) for line in lines]
    assert all(found), lines
    assert {match[2] for match in found} - {"WRN"} == set(levels.split())
    assert all(bool(match[1]) == stamp for match in found)


@pytest.mark.skipif(not pathlib.Path("/usr/share/zoneinfo/Asia/Tokyo").exists(), reason="no time zones here")
def test_times_in_utc(world):
    hours = []
    for args in ([], ["--logtime_utc"]):
        process = start(servers.server_under_test(), world, f"edge{len(args)}", args, env={"TZ": "Asia/Tokyo"})
        line = next(line for line in process.output().splitlines() if "Server is ready" in line)
        hours.append(int(line.split()[2].split(":")[0]))
    assert (hours[1] - hours[0]) % 24 in (15, 16)  # Tokyo is 9 hours ahead; one may have ended between them.


@pytest.mark.parametrize("config, shown", [
    ("trace: true", r'"NATS/1.0\r\nA: b\r\n\r\nhello"'), ("trace: true, max_traced_msg_len: 5", '"NATS/..."'),
    ("trace: true, trace_headers: true", r'"NATS/1.0\r\nA: b"'),
])  # fmt: skip
def test_payloads(world, config, shown):
    for name, kind in (("ours", servers.server_under_test()), ("theirs", servers.nats_server("newest"))):
        process = start(kind, world, name, [], config.replace(", ", "\n"))
        play(process.port, ['CONNECT {"verbose":false,"headers":true}\r\nHPUB a 18 23\r\nNATS/1.0\r\nA: b\r\n\r\nhello\r\n'
                            "PUB a 1\r\nx\r\nPING\r\n"])  # fmt: skip
        process.wait_for_output("->> [PONG]")
        payloads = re.findall(r"<<- MSG_PAYLOAD: \[(.*)\]", process.output())
        assert payloads == ([shown] if "headers" in config else [shown, '"x"'])


def test_trace_can_be_turned_on_and_off_while_clients_are_there(world):
    edge = world.alone()
    client = world.client(edge)
    text = edge.config.read_text()
    for on in (True, False):
        edge.config.write_text(text + ("trace: true\n" if on else ""))
        edge.reload()
        before = edge.output().count("<<- [PUB")
        client.publish("a", b"x")
        client.flush()
        assert edge.output().count("<<- [PUB") == before + on


def datagrams(world, kind, name, script):
    """Lines that the server sends to a syslog of ours, as (priority, text)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        port = free_port()
        address = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        process = world.process(name, [str(kind.path), "-a", "127.0.0.1", "-p", str(port), "-DV", "-r", address])
        process.start()
        lines = []
        form = re.compile(rb"<(\d+)>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d) (\S+) ([^ ]+)\[(\d+)\]: (.*)\n", re.S)

        def listen(end: str) -> None:
            while not lines or end not in lines[-1][1]:
                match = form.fullmatch(receiver.recv(65536))
                assert match and match[2].decode() == socket.gethostname() and int(match[4]) == process.pid
                assert match[3].decode() == kind.path.name
                lines.append((int(match[1]), match[5].decode()))

        listen("Server is ready")
        begin = len(lines)
        play(port, script)
        listen("Client connection closed")
        assert process.output().count("\n") == 1, "nothing is written elsewhere"
        return [(level, normal(text)) for level, text in lines[begin:] if not NOISE.search(text)]


def test_remote_syslog(world):
    script = ['CONNECT {"verbose":false}\r\nPUB s 2\r\nhi\r\nPUB a\r\n']
    ours = datagrams(world, servers.server_under_test(), "edge", script)
    theirs = datagrams(world, servers.nats_server("newest"), "reference", script)
    assert ours == theirs and len(ours) >= 6


@pytest.mark.petiole
def test_a_syslog_server_that_is_gone_stops_nothing(world):
    port = free_port()
    edge = world.alone(f'debug: true\ntrace: true\nremote_syslog: "tcp://127.0.0.1:{port}"')
    client = world.client(edge)
    client.subscribe("a")
    begin = time.monotonic()
    for _ in range(2000):
        client.publish("a", bytes(200))
    client.flush()
    assert time.monotonic() - begin < 10
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(40)
        peer, _ = server.accept()
        with peer, peer.makefile("rb") as file:
            assert file.readline().startswith(b"<")
    assert edge.stop() == 0
