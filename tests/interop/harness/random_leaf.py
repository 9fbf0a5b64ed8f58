"""A raw peer on a leaf link, and clients on the other side of it: the same bytes for every server.

As a leaf it dials the server's leaf port; as a hub it waits for the server to dial. What it says is
drawn from a seed: interest that comes, goes and comes twice, messages with replies and queues,
permissions in INFO, storms of PING, lines that are none. What it and the clients hear is comparable.
"""

import itertools
import json
import random
import re
import socket

from harness import transcript
from harness.random_session import INVALID, NO_RESPONDERS

_SUBJECTS = ["a", "b", "a.b", "a.c", "b.a", "*", "a.*", "*.a", "a.>", ">"]
_LITERAL = ["a", "b", "a.b", "a.c", "b.a", "c", "a.b.c"]
_ODD = ["a..b", "a.", ".a", "$SYS.x", "a" * 200, "$JS.API.INFO", "$KV.x", "$LDS.x", "_R_.x.y", "$JS.ACK.a"]
_QUEUES = ["q1", "q2"]
# The reference keeps what it may not receive from being sent, too: denied imports are left out.
_IMPORT = [None, {}, {"allow": ["a.>", "b"]}, {"allow": ["*"]}]
_EXPORT = [*_IMPORT, {"deny": ["a.b"]}, {"allow": [">"], "deny": ["a.*"]}]
_QUEUES_OF = re.compile(r"^((?:LMSG|HMSG) \S+ (?:\||\+ \S+) )([^\d\r\n]\S*(?: [^\d\s]\S*)*)")


_BREAKS = [
    b"BOOM\r\n", b"LS+ a b\r\n", b"LMSG a x\r\n", b"LMSG a 3\r\nabcX", b"LS+\r\n",
    b"LMSG a 9999999\r\n",
]  # fmt: skip


class Peer(transcript.Line):
    """The raw end of a link."""

    def __init__(self, sock: socket.socket):
        self._socket = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard = b""
        self.closed = self.gone = False
        self._pings = 0

    def said(self, pattern: bytes) -> None:
        self._read(lambda: re.search(pattern, self.heard) is not None)


class Dialled:
    """Leafs that dial us."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self.port = self._listener.getsockname()[1]

    def close(self) -> None:
        self._listener.close()

    def accept(self, info: dict, second: dict) -> Peer:
        peer = Peer(self._listener.accept()[0])
        peer.send(b"INFO " + json.dumps(info).encode() + b"\r\n")
        peer.said(rb"CONNECT .*\r\n")
        peer.send(b"INFO " + json.dumps({**info, **second}).encode() + b"\r\nPING\r\n")
        peer.wait_pongs()
        return peer


def dial(server, connect: dict) -> Peer:
    peer = Peer(socket.create_connection((server.host, server.ports["leaf"]), transcript.WAIT_SECONDS))
    peer.wait_info()
    peer.send(b"CONNECT " + json.dumps(connect).encode() + b"\r\nPING\r\n")
    peer.wait_pongs()
    return peer


class LeafSession:
    """`hub`: we are the hub, and the server dials. `logins`: more of the CONNECT of "peer", "c1", "c2"."""

    def __init__(self, seed: int, hub: bool, steps: int = 40, logins: dict[str, dict] | None = None):
        self._logins = logins or {}
        self._random = random.Random(seed)
        self._hub = hub
        self._ids = itertools.count(1)
        self.name = f"raw{seed}"
        self.headers = self._random.random() < 0.85
        self.lists = self._permissions_of() if self._likely(0.5) else {}
        self._first = dict(self.lists)
        self.steps = [self._step() for _ in range(steps)]

    def _likely(self, likely: float) -> bool:
        return self._random.random() < likely

    def _permissions_of(self) -> dict:
        return {"import": self._random.choice(_IMPORT), "export": self._random.choice(_EXPORT)}

    def _step(self) -> tuple[str, bytes]:
        who = self._random.choice(["peer", "peer", "c1", "c2"])
        count = self._random.choice([1, 1, 2, 4])
        if who != "peer":
            return who, b"".join(self._client_line(who) for _ in range(count))
        if self._likely(0.05):  # May end the link: alone, for the reference goes on to the end of its buffer.
            return who, self._odd_line()
        return who, b"".join(self._peer_line() for _ in range(count))

    def _subject(self, subjects) -> str:
        return self._odd_subject() if self._likely(0.03) else self._random.choice(subjects)

    def _odd_subject(self) -> str:
        """Of a hub's permissions the reference excepts less, and forgets with the next INFO what it denies."""
        return self._random.choice(_ODD[:5] if self._hub else _ODD)

    def _payload(self) -> bytes:
        return b"<%d>" % next(self._ids) + self._random.choice([b"", b"", b"x" * 30, b"\r\n"])

    def _client_line(self, who: str) -> bytes:
        kind, sid = self._random.random(), self._random.randrange(4)
        if kind < 0.4:
            queue = f"{who}.{sid}" if self._likely(0.3) else ""  # Its own: no chance who is chosen.
            return f"SUB {self._subject(_SUBJECTS)} {queue} {sid}\r\n".encode()
        if kind < 0.55:
            most = self._random.choice(["", "", "1", "3"])
            return f"UNSUB {sid} {'' if self._logins else most}\r\n".encode()  # Of an import the reference counts apart.
        subject, reply = self._subject(_LITERAL), self._subject(_LITERAL) if self._likely(0.4) else ""
        header, body = b"NATS/1.0\r\nA: 1\r\n\r\n" if self._likely(0.2) else b"", self._payload()
        sizes = f"{len(header)} {len(header + body)}" if header else len(body)
        return f"{'HPUB' if header else 'PUB'} {subject} {reply} {sizes}\r\n".encode() + header + body + b"\r\n"

    def _peer_line(self) -> bytes:
        kind = self._random.random()
        if kind < 0.3:
            queue = f" {self._random.choice(_QUEUES)} {self._random.choice([1, 2, 5])}" if self._likely(0.3) else ""
            return f"LS+ {self._random.choice(_SUBJECTS)}{queue}\r\n".encode()
        if kind < 0.45:
            queue = f" {self._random.choice(_QUEUES)}" if self._likely(0.3) else ""
            return f"LS- {self._subject(_SUBJECTS)}{queue}\r\n".encode()
        if kind < 0.5:
            return b"PING\r\n" * self._random.choice([1, 1, 50])
        if kind < 0.53 and self._hub:
            self.lists["export"] = self._random.choice(_EXPORT)  # Interest is not told anew there: not "import".
            return b"INFO " + json.dumps({**INFO, **SECOND, **_given(self.lists)}).encode() + b"\r\n"
        if kind < 0.56:
            return self._random.choice([b"+OK\r\n", b"PONG\r\n", b"pong\r\n", b"ping\r\n", b"LS+\ta\r\n", b"ls- a\r\n", b"-ERR 'x'\r\n"])
        return self._message()

    def _odd_line(self) -> bytes:
        if self._likely(0.15):
            return self._random.choice(_BREAKS)
        if self._likely(0.5):
            return f"LS+ {self._odd_subject()}\r\n".encode()
        return self._message(self._odd_subject())

    def _message(self, subject: str = "") -> bytes:
        queues = "".join(f" {who}.{sid}" for who in ("c1", "c2") for sid in range(4) if self._likely(0.5)) if self._likely(0.5) else ""
        reply = self._subject(_LITERAL) if self._likely(0.4) else ""
        middle = f" + {reply}{queues}" if reply and queues else f" |{queues}" if queues else f" {reply}" if reply else ""
        header, body = b"NATS/1.0\r\nA: 1\r\n\r\n" if self.headers and self._likely(0.2) else b"", self._payload()
        sizes = f"{len(header)} {len(header + body)}" if header else len(body)
        return f"{'HMSG' if header else 'LMSG'} {subject or self._random.choice(_LITERAL)}{middle} {sizes}\r\n".encode() + header + body + b"\r\n"

    def heard(self, server, dialled: Dialled | None = None) -> dict[str, list[str]]:
        if dialled:
            peer = dialled.accept({**INFO, "headers": self.headers, "server_name": self.name, "server_id": self.name},
                                  {**SECOND, **_given(self._first)})  # fmt: skip
        else:
            connect = {"version": "2.12.0", "server_id": self.name, "name": self.name, "cluster": self.name, "headers": self.headers}
            peer = dial(server, {**connect, **self._logins.get("peer", {})})
        clients = {name: transcript.Line(server.host, server.port) for name in ("c1", "c2")}
        for name, client in clients.items():
            connect = {"verbose": False, "headers": True, "no_responders": True, **self._logins.get(name, {})}
            client.send(b"CONNECT " + json.dumps(connect).encode() + b"\r\nPING\r\n")
            client.wait_pongs()
        lines = {"peer": peer, **clients}
        ends = []  # Of what the peer had heard when a step began.
        for who, data in self.steps:
            ends.append(len(peer.heard))
            lines[who].send(data)
            # Whoever spoke first, then what follows from it on the other side, and back.
            for name in (who, *lines, *lines):
                lines[name].send(b"PONG\r\nPING\r\n")
                lines[name].wait_pongs()
            if peer.closed:
                break
        for line in lines.values():
            line.leave()
        server.wait_leafs(0)
        steps = [peer.heard[a:b] for a, b in itertools.pairwise([0, *ends, len(peer.heard)])]
        heard = [text for step in steps for text in _interest(transcript.comparable(step, False))]
        return {"peer": _settled(heard) + ["<closed>"] * peer.closed,
                **{name: _settled(transcript.comparable(lines[name].heard, False)) for name in clients}}


# What a nats-server says as a hub.
INFO = {
    "server_id": "raw", "server_name": "raw", "version": "2.12.0", "proto": 1, "host": "127.0.0.1", "port": 7422,
    "ip": "127.0.0.1:7422", "headers": True, "auth_required": True, "max_payload": 1048576, "client_id": 7,
    "leafnode_urls": [], "info_on_connect": True,
}  # fmt: skip
SECOND = {"connect_info": True, "remote_account": "$G"}


def _given(lists: dict) -> dict:
    return {key: value for key, value in lists.items() if value is not None}


def _interest(said: list[str]) -> list[str]:
    """Of a step: what went and came within it may be left unsaid, and what goes may be said later."""
    goes = [text[3:] for text in said if text.startswith("LS- ")]
    comes = [text[3:] for text in said if text.startswith("LS+ ")]
    for gone in list(goes):
        for come in [each for each in comes if each == gone or each.startswith(gone + " ")][:1]:
            goes.remove(gone)
            comes.remove(come)
    rest = [text for text in said if not text.startswith("LS")]
    return rest + sorted(f"LS+{text}" for text in comes) + sorted(f"LS-{text}" for text in goes)


def _settled(said: list[str]) -> list[str]:
    """PONGs count for nothing, how many were asked for is known; the order of queues means nothing."""
    said = [_QUEUES_OF.sub(_in_order, text) for text in said if text != "PONG" and not text.startswith("CONNECT ")]
    said = [NO_RESPONDERS.sub(r"\1 *", text).replace(',"rtt":*', "") for text in said]  # Not measured yet, here.
    return [text for before, text in itertools.pairwise(["", *said]) if text != before or text != INVALID]


def _in_order(match) -> str:
    return match[1] + " ".join(sorted(match[2].split(" ")))
