"""A NATS client in the plainest form: one socket, no thread, nothing behind the test's back.

It answers PING while it reads, keeps -ERR lines in `errors`, and raises EOFError when the server
closes. Official clients have tests of their own; this one is for everything else.
"""

import itertools
import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_inbox_numbers = itertools.count(1)


@dataclass
class Message:
    subject: str
    sid: str
    reply: str
    payload: bytes
    header: bytes = b""

    def headers(self) -> dict[str, str]:
        lines = self.header.decode().split("\r\n")[1:]
        return {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines) if k}

    def status(self) -> str:
        """The code in the header's first line: "503"; empty: none."""
        return self.header.decode().split("\r\n")[0].removeprefix("NATS/1.0").strip()[:3]


@dataclass
class Options:
    user: str | None = None
    password: str | None = None
    token: str | None = None
    name: str = "interop"
    verbose: bool = False
    echo: bool = True
    tls: ssl.SSLContext | None = None
    tls_name: str = "localhost"
    extra: dict = field(default_factory=dict)
    proof: Callable[[str], dict] | None = None  # More of CONNECT, by the server's nonce.


class Client:
    def __init__(self, host: str, port: int, timeout: float = 10, sock=None, **options):
        self.options = Options(**options)
        self.errors: list[str] = []
        self.infos: list[dict] = []
        self._pending: list[Message] = []
        self._pongs = 0
        self._buffer = b""
        self._sids = itertools.count(1)
        self._socket = sock or socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(timeout)
        self.info = self._read_info()
        if self.options.tls is not None:
            self._socket = self.options.tls.wrap_socket(
                self._socket, server_hostname=self.options.tls_name
            )
        self.send(b"CONNECT " + json.dumps(self._connect()).encode() + b"\r\n")
        self.flush(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self._socket.close()

    def _connect(self) -> dict:
        o = self.options
        connect = {
            "verbose": o.verbose,
            "pedantic": False,
            "echo": o.echo,
            "headers": True,
            "no_responders": True,
            "protocol": 1,
            "lang": "python-raw",
            "version": "0",
            "name": o.name,
        }
        for key, value in (("user", o.user), ("pass", o.password), ("auth_token", o.token)):
            if value is not None:
                connect[key] = value
        proof = o.proof(self.info["nonce"]) if o.proof else {}
        return {**connect, **o.extra, **proof}

    @property
    def raw_socket(self) -> socket.socket:
        """For a load that does without this class from here on."""
        return self._socket

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def publish(self, subject: str, payload: bytes = b"", reply: str = "", headers: dict | None = None):
        self.send(publication(subject, payload, reply, headers))

    def subscribe(self, subject: str, queue: str = "") -> str:
        sid = str(next(self._sids))
        self.send(" ".join(filter(None, ("SUB", subject, queue, sid))).encode() + b"\r\n")
        return sid

    def unsubscribe(self, sid: str, maximum: int = 0) -> None:
        self.send(f"UNSUB {sid}{f' {maximum}' if maximum else ''}\r\n".encode())

    def flush(self, timeout: float = 10) -> None:
        """Returns when the server has processed all that was sent."""
        wanted = self._pongs + 1
        self.send(b"PING\r\n")
        end = time.monotonic() + timeout
        while self._pongs < wanted:
            self._read(end)

    def next(self, timeout: float = 10, sid: str | None = None) -> Message:
        """The next message, of subscription `sid` if given; TimeoutError when there is none."""
        end = time.monotonic() + timeout
        while True:
            for i, message in enumerate(self._pending):
                if sid is None or message.sid == sid:
                    return self._pending.pop(i)
            self._read(end)

    def take(self, count: int, timeout: float = 10) -> list[Message]:
        end = time.monotonic() + timeout
        return [self.next(max(end - time.monotonic(), 0.001)) for _ in range(count)]

    def nothing(self, within: float = 0.3) -> bool:
        """No message is there, nor comes after a round trip to the server and a little longer."""
        self.flush()
        try:
            self._pending.append(self.next(within))
        except TimeoutError:
            return True
        return False

    def request(self, subject: str, payload: bytes = b"", timeout: float = 10, headers=None) -> Message:
        inbox = f"_INBOX.raw.{id(self):x}.{next(_inbox_numbers)}"
        sid = self.subscribe(inbox)
        self.publish(subject, payload, inbox, headers)
        try:
            return self.next(timeout, sid)
        finally:
            self.unsubscribe(sid)

    def wait_closed(self, timeout: float = 10) -> None:
        """Reads until the server closes; TimeoutError when it does not."""
        end = time.monotonic() + timeout
        try:
            while True:
                self._read(end)
        except (EOFError, ConnectionError):
            return

    def _read_info(self) -> dict:
        while b"\r\n" not in self._buffer:
            self._fill(time.monotonic() + 10)
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        if not line.startswith(b"INFO "):
            raise ConnectionError(f"refused: {line!r}")
        return json.loads(line[5:])

    def _fill(self, end: float) -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("nothing came in time")
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(1 << 18)
        except (TimeoutError, ssl.SSLWantReadError):
            raise TimeoutError("nothing came in time") from None
        except ConnectionResetError:
            data = b""  # a server that closes with input unread resets; what it had said has been read
        finally:
            self._socket.settimeout(30)
        if not data:
            raise EOFError(f"the server closed; errors: {self.errors}")
        self._buffer += data

    def _read(self, end: float) -> None:
        """Processes what has come, at least one operation."""
        at = self._parse(self._buffer)
        while at == 0:
            self._fill(end)
            at = self._parse(self._buffer)
        self._buffer = self._buffer[at:]

    def _parse(self, data: bytes) -> int:
        at = 0
        while True:
            eol = data.find(b"\r\n", at)
            if eol < 0:
                return at
            line = data[at:eol]
            verb = line[:4].upper()
            if verb in (b"MSG ", b"HMSG"):
                words = line.split()
                header_size = int(words[-2]) if verb == b"HMSG" else 0
                size = int(words[-1])
                if len(data) < eol + 2 + size + 2:
                    return at
                body = data[eol + 2 : eol + 2 + size]
                with_reply = len(words) == (6 if verb == b"HMSG" else 5)
                self._pending.append(
                    Message(
                        words[1].decode(),
                        words[2].decode(),
                        words[3].decode() if with_reply else "",
                        body[header_size:],
                        body[:header_size],
                    )
                )
                at = eol + 2 + size + 2
                continue
            if verb == b"PING":
                self.send(b"PONG\r\n")
            elif verb == b"PONG":
                self._pongs += 1
            elif verb == b"-ERR":
                self.errors.append(line[5:].decode().strip("'"))
            elif verb == b"INFO":
                self.infos.append(json.loads(line[5:]))
            at = eol + 2


def publication(subject: str, payload: bytes, reply: str = "", headers: dict | None = None) -> bytes:
    if headers is None:
        line = " ".join(filter(None, ("PUB", subject, reply, str(len(payload)))))
        return line.encode() + b"\r\n" + payload + b"\r\n"
    block = b"NATS/1.0\r\n" + b"".join(f"{k}: {v}\r\n".encode() for k, v in headers.items()) + b"\r\n"
    sizes = f"{len(block)} {len(block) + len(payload)}"
    line = " ".join(filter(None, ("HPUB", subject, reply, sizes)))
    return line.encode() + b"\r\n" + block + payload + b"\r\n"
