"""Random bytes of one client, close to the protocol and often just beside it, the same for every server.

Where random_session speaks well-formed lines, this bends them: case, blanks and tabs, bare LF, sizes
that are none, odd subjects, headers of all forms, a second CONNECT, lines and payloads over the limit,
in reads that are cut anywhere. A listener beside it hears everything that was published.
"""

import itertools
import random

from harness import transcript
from harness.random_session import INVALID, NO_RESPONDERS

_SUBJECTS = ["a", "b", "a.b", "a.b.c", "*", "a.*", ">", "a.>", "*.b", "_INBOX.x.1"]
_ODD = ["", "..", "a..b", ".a", "a.", "a.*b", "*a", ">a", "a.>.b", "$SYS.x", "a\x7fb", "\u00e4", "a\\b", '"a"', "a" * 300,
        ".".join("a" * 40), "_R_.x.y", "_GR_.x.y.z", "$JS.API.INFO", "$LDS.x", "a\x00b", "-ERR", "1", "+", "a@b"]
_SIZES = ["-1", "+1", "0", "1 ", "0x1", "1.0", "1e1", "x", "99999999999999999999", "2147483648", "1000", "1001"]
_SIDS = ["1", "2", "3", "x", "1x", "a-b", "\u00e4", "0", "-1", "+2"]
_BROKEN = ("-ERR 'Unknown Protocol Operation'", "<closed>")
_HEADERS = [
    "NATS/1.0\r\n\r\n", "NATS/1.0\r\nA: 1\r\n\r\n", "NATS/1.0\r\nA:1\r\nA: 2\r\n\r\n", "NATS/1.0 503\r\n\r\n",
    "NATS/1.0\n\n", "NATS/1.0\r\n", "\r\n", "x", "NATS/1.0\r\nA\r\n\r\n", "NATS/1.0\r\n: 1\r\n\r\n", "NATS/1.0\r\n\r\n\r\n",
    "NATS/1.0\r\nNats-Trace-Only: x\r\n\r\n", "NATS/2.0\r\n\r\n",
]  # fmt: skip
_CONNECTS = [
    '{}', '{"verbose":true}', '{"verbose":false,"pedantic":true}', '{"verbose":false,"echo":false}',
    '{"verbose":false,"headers":true}', '{"verbose":false,"headers":true,"no_responders":true}',
    '{"verbose":false,"no_responders":true}', '{"verbose":false,"protocol":1}', '{"verbose":false,"protocol":2}',
    '{"verbose":false,"protocol":-1}', '{"verbose":1}', '{"verbose":"x"}', '{"verbose":null}', '{"VERBOSE":false}', '[]',
    '{', '', 'x', '{"verbose":false}x', '{"verbose":false,"verbose":true}', '{"verbose":false,"account":"A"}',
    '{"verbose":false}', '{"verbose":false,"lang":7}', '{"verbose":false,"user":"u","pass":"p"}',
    '{"verbose":false,"x":[[[{}]]],"echo":false}', ' {"verbose" : false , "pedantic":false } ',
]  # fmt: skip


class Bytes:
    """What one seed sends, in the pieces of its writes."""

    def __init__(self, seed: int, lines: int = 12):
        self._random = random.Random(seed)
        self._ids = itertools.count(1)
        data = b""
        if self._random.random() < 0.9:
            good = self._random.random() < 0.8
            text = self._random.choice(_CONNECTS[:8] if good else _CONNECTS)
            data += self._line("CONNECT", text)
        for _ in range(lines):
            data += self._one()
        self.pieces = self._cut(data)

    def _likely(self, likely: float) -> bool:
        return self._random.random() < likely

    def _cut(self, data: bytes) -> list[bytes]:
        """In one write, in a few, or in many small ones."""
        count = self._random.choice([0, 0, 1, 3, 12])
        cuts = sorted(self._random.randrange(len(data) + 1) for _ in range(count))
        return [data[a:b] for a, b in itertools.pairwise([0, *cuts, len(data)]) if a < b]

    def _line(self, verb: str, *words: str) -> bytes:
        if self._likely(0.1):
            verb = "".join(self._random.choice([c.upper(), c.lower()]) for c in verb)
        if verb and self._likely(0.01):
            verb = verb[: self._random.randrange(len(verb))] or "X"
        text = verb
        for word in words:
            text += (" " if self._likely(0.92) else self._random.choice(["\t", "  ", " \t ", ""])) + word
        text += self._random.choice(["", "", "", "", "", " ", "\t"])
        if verb.upper() not in ("PING", "+OK", "INFO {}") and self._likely(0.01):  # What nobody reads may be long in the reference.
            text += " " + "x" * self._random.choice([900, 1100, 5000])
        end = "\r\n" if self._likely(0.97) else self._random.choice(["\n"])
        return (text + end).encode()

    def _subject(self) -> str:
        return self._random.choice(_SUBJECTS if self._likely(0.92) else _ODD)

    def _sid(self) -> str:
        return self._random.choice(_SIDS[:4] if self._likely(0.9) else _SIDS)

    def _one(self) -> bytes:
        kind = self._random.random()
        if kind < 0.25:
            sid = self._sid()  # Each has a queue group of its own: no chance which member is chosen.
            queue = [self._random.choice(["q", "r.", "*.q", "a b"]) + sid] if self._likely(0.3) else []
            words = [self._subject(), *queue, sid]
            if self._likely(0.03):
                words = words[: self._random.randrange(3)] or ["a", "b", "c", "d"]
            return self._line("SUB", *words)
        if kind < 0.38:
            words = [self._sid()]
            if self._likely(0.5):
                words.append(self._random.choice(["1", "2", "3", "0"] if self._likely(0.9) else _SIZES))
            if self._likely(0.03):
                words = [] if self._likely(0.5) else ["1", "2", "3"]
            return self._line("UNSUB", *words)
        if kind < 0.42:
            return self._line("CONNECT", self._random.choice(_CONNECTS[:8] if self._likely(0.8) else _CONNECTS))
        if kind < 0.50:
            return self._line("PING", *(["x"] if self._likely(0.1) else []))
        if kind < 0.53:
            return self._line(self._random.choice(["PONG", "+OK", "INFO {}", "MSG a 1 1", "LS+ a", "RS+ A a", "", "FOO"]))
        return self._publication(kind > 0.85)

    def _publication(self, headers: bool) -> bytes:
        body = f"<{next(self._ids)}>" + self._random.choice(["", "", "x" * 50, "\r\n", "PING\r\n"])
        if self._likely(0.01):
            body = "y" * self._random.choice([1000, 1001, 1200])
        words = [self._subject()] + ([self._subject()] if self._likely(0.3) else [])
        header = self._random.choice(_HEADERS[:4] if self._likely(0.85) else _HEADERS) if headers else ""
        sizes = [str(len((header + body).encode()))]
        if headers:
            sizes.insert(0, str(len(header)))
        if self._likely(0.02):
            sizes[self._random.randrange(len(sizes))] = self._random.choice(_SIZES)
        if self._likely(0.01):
            words = words[: self._random.randrange(2)]
        end = "\r\n"
        if self._likely(0.02):  # With a good subject: the reference refuses a bad one before it sees this.
            words, end = ["a"], self._random.choice(["", "\n", "XX"])
        return self._line("HPUB" if headers else "PUB", *words, *sizes) + (header + body + end).encode()

    def heard(self, server) -> dict[str, list[str]]:
        """What the client and a listener beside it hear, until the server has closed the client."""
        listener = transcript.Line(server.host, server.port)
        listener.send(b'CONNECT {"verbose":false,"headers":true}\r\nSUB a.> some\r\nSUB *.b z one\r\nPING\r\n')
        listener.wait_pongs()
        client = transcript.Line(server.host, server.port)
        client.wait_info()
        for piece in [*self.pieces, _END]:
            client.send(piece)
        client.wait_closed()
        client.leave()
        listener.send(b"PING\r\n")
        listener.wait_pongs()
        listener.leave()
        return {name: _settled(transcript.comparable(line.heard, line.closed))
                for name, line in (("client", client), ("listener", listener))}


# Ends whatever line or payload was begun, and then the connection.
_END = b"\r\n" + b"+OK\r\n" * 250 + b"BOOM\r\n"


def _settled(said: list[str]) -> list[str]:
    """The reference says what is wrong with a subject before the message is there, so also of one that
    never is; and again when its buffer ends within the message."""
    said = [NO_RESPONDERS.sub(r"\1 *", text) for text in said]
    said = [text for before, text in itertools.pairwise(["", *said]) if text != before or text != INVALID]
    return [text for text, after in itertools.pairwise([*said, ""]) if text != INVALID or after not in _BROKEN]
