"""Scripts of bytes, and what a server answers to them, in a form that two servers can be compared by.

A file of scripts holds configurations, each followed by the scripts that run against it:

    == authorization { user: a, password: b }       a configuration; further lines until the next mark
    -- a wrong password                             a script; its name
    A> CONNECT {"user":"a","pass":"x"}              A sends this and CRLF; \\r \\n \\t \\\\ \\xHH are escapes
    A>> PUB a 5\\r\\nhe                               the same without CRLF
    A<                                              wait: A has a PONG for each of its PINGs, or is closed
    A.                                              wait: the server closes A
    A!                                              A goes away
    A@leaf                                          A comes to the leaf port instead of the client port
    ?? text                                         why the two are known to differ; then they must

A connection opens when it is first named. At the end each one that is open sends PING and waits.
"""

import itertools
import json
import re
import socket
import time
from dataclasses import dataclass, field

WAIT_SECONDS = 8

# What INFO may hold on one side alone, or must differ in.
_INFO_ABSENT = {
    "git_commit",  # Of a build.
    "api_lvl",  # Of a JetStream that is there.
    "feature_flags",
    "petiole",  # Ours.
    "compression",  # Not offered by us: wire 3.6.
}
_INFO_ANY = {
    "server_id", "server_name", "version", "go", "host", "port", "client_id", "client_ip", "ip",
    "nonce", "xkey", "leafnode_urls", "connect_urls", "proto", "cluster",
}


@dataclass
class Script:
    name: str
    config: str
    place: str
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    differs: str = ""


def read_scripts(path) -> list[Script]:
    scripts: list[Script] = []
    config = ""
    in_config = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("=="):
            config, in_config = line[2:].strip(), True
        elif line.startswith("-- "):
            scripts.append(Script(line[3:].strip(), config, f"{path.name}:{number}"))
            in_config = False
        elif in_config:
            config += "\n" + line
        elif line.startswith("??"):
            scripts[-1].differs = line[2:].strip()
        else:
            match = re.fullmatch(r"([A-Z])(>>|>|<|\.|!|@)(?: ?(.*))?", line)
            assert match, f"{path.name}:{number}: not a step: {line}"
            scripts[-1].steps.append((match[1], match[2], match[3] or ""))
    return scripts


def unescape(text: str) -> bytes:
    def one(match) -> bytes:
        word = match[1]
        if word.startswith(b"x"):
            return bytes([int(word[1:], 16)])
        return {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}[word]

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt\\])", one, text.encode())


class Line:
    """One connection: everything that it heard, and whether the server closed it."""

    def __init__(self, host: str, port: int):
        self._socket = socket.create_connection((host, port), WAIT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard = b""
        self.closed = self.gone = False
        self._pings = 0

    def send(self, data: bytes) -> None:
        self._pings += len(re.findall(rb"(?im)^ping\b", data))
        if self.closed:
            return
        try:
            self._socket.sendall(data)
        except OSError:
            pass  # What the server said before it closed is read below.

    def leave(self) -> None:
        self.gone = True
        self._socket.close()

    def _read(self, done) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not self.closed and not done():
            left = end - time.monotonic()
            if left <= 0:
                self.heard += b"<nothing more came>\r\n"
                return
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError:
                data = b""
            self.closed = not data
            self.heard += data

    def wait_pongs(self) -> None:
        self._read(lambda: len(re.findall(rb"(?m)^PONG\r$", self.heard)) >= self._pings)

    def wait_info(self) -> None:
        self._read(lambda: b"\r\n" in self.heard)

    def wait_closed(self) -> None:
        self._read(lambda: False)


def play(script: Script, server) -> dict[str, list[str]]:
    """What each connection of `script` heard of `server`, made comparable."""
    lines: dict[str, Line] = {}
    ports = {}
    for name, step, text in script.steps:
        if step == "@":
            ports[name] = text
            continue
        if name not in lines:
            lines[name] = Line(server.host, server.ports[ports.get(name, "client")])
            lines[name].wait_info()
        line = lines[name]
        if step == ">":
            line.send(unescape(text) + b"\r\n")
        elif step == ">>":
            line.send(unescape(text))
        elif step == "<":
            line.wait_pongs()
        elif step == ".":
            line.wait_closed()
        elif step == "!":
            line.leave()
    open_ones = [line for line in lines.values() if not line.gone]
    for line in open_ones:
        line.send(b"PING\r\n")
        line.wait_pongs()
    for line in open_ones:
        line.leave()
    return {name: comparable(line.heard, line.closed) for name, line in lines.items()}


def comparable(heard: bytes, closed: bool) -> list[str]:
    said: list[str] = []
    while heard:
        line, found, rest = heard.partition(b"\r\n")
        words = line.split(b" ")
        size = 0
        if words[0] in (b"MSG", b"HMSG", b"LMSG") and words[-1].isdigit():
            size = int(words[-1])
        heard = rest
        if size or words[0] in (b"MSG", b"HMSG", b"LMSG"):
            line += b"\r\n" + rest[:size]
            heard = rest[size + 2 :]
        text = line.decode("latin1")
        if text == "PING":
            continue  # Of a timer.
        if text.startswith("LS+ $SYS.REQ."):
            continue  # We do not tell it, so that not each box of a fleet answers a request.
        if text.startswith("INFO "):
            text = "INFO " + _comparable_info(text[5:])
        said.append(_without_names(text))
    if closed:
        said.append("<closed>")
    return _sorted(said)


def _comparable_info(text: str) -> str:
    info = json.loads(text)
    for key in _INFO_ABSENT:
        info.pop(key, None)
    for key in _INFO_ANY:
        if key in info:
            info[key] = "*"
    return json.dumps(info, sort_keys=True)


def _without_names(text: str) -> str:
    text = re.sub(r"\$LDS\.\w{22}", "$LDS.*", text)
    text = re.sub(r"_R_\.\w{6}(\.\w{6})?", "_R_.*", text)
    if "Nats-Request-Info" in text:  # It holds a time, so its size is any.
        text = re.sub(r'"rtt":\d+', '"rtt":*', text)
        text = re.sub(r"^(HMSG .*?) \d+ \d+\r\n", r"\1 * *\r\n", text)
    return re.sub(r"\b[NUAX][A-Z2-7]{55}\b", "KEY", text)


def _sorted(said: list[str]) -> list[str]:
    """Neighbouring LS+ lines are a set, so are LS- lines and the deliveries of one message: the order
    within means nothing."""

    def kind(text: str) -> str:
        verb, _, rest = text.partition(" ")
        return verb if verb in ("LS+", "LS-") else re.sub(r"^(\S+) \S+", r"\1", rest) if verb in ("MSG", "HMSG") else ""

    out: list[str] = []
    for key, run in itertools.groupby(said, key=kind):
        out += sorted(run) if key else run
    return out
