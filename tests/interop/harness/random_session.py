"""A random session of several clients, the same for every server that it is played to.

Each step is one client's: a few operations in one write, then a wait until they have had their
effect everywhere. So what each client hears is determined, but for two things: which member of a
queue group is chosen, and in which order one message reaches the subscriptions of one client.
`heard` is comparable up to these.
"""

import itertools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from harness import transcript
from harness.wait import until

# Few words, so that much matches; some subjects that are none.
_WORDS = ["a", "b", "c"]
_ODD_SUBJECTS = ["a..b", ".a", "a.", "a.*", ">", "a.>", "*", "a*.b", "a.>.b", "$SYS.a", "_GR_.a.b", "_GR_.", "$NRG.a"]
_ODD_REPLIES = ["_R_.a", "_R_.", "$JS.ACK.a", "$JS.ACK.", "_GR_.a", "a.*", "a..b", "$JS.API.a"]
_QUEUES = ["q1", "q2", "q3"]
# What of a queue group's message does not depend on who got it.
_QUEUED = re.compile(r"^H?MSG (\S+) (q\d)_\d+ (?:([^\d*\s]\S*) )?(?:[\d*]+ )?[\d*]+\r\n(?:NATS/1\.0.*?\r\n\r\n)?", re.S)

# Of several subscriptions to a reply any may hear that there are no responders.
NO_RESPONDERS = re.compile(r"^(HMSG \S+) \S+(?= \d+ \d+\r\nNATS/1\.0 503)")
# What Topology.settle sends crosses on a link with what has just been published there; who is ended by a
# reload is told to those that stay, which may be before or behind their own end.
_APART = re.compile(r"^MSG (probe\.|\$SYS\.ACCOUNT\.CLIENT\.AUTH\.ERR)")
# The reference says this again when its buffer ends within the message.
INVALID = "-ERR 'Invalid Publish Subject'"


@dataclass
class Topology:
    """Servers to which clients connect, and how to wait until all of it is quiet."""

    servers: list
    users: list[tuple[str, str] | None] = field(default_factory=lambda: [None])
    words: list[str] = field(default_factory=lambda: _WORDS)
    breaches: bool = True  # Clients do what ends their connection.
    shared: bool = False  # Accounts share groups, and each has subjects of its own for a message.
    configs: list[str] = field(default_factory=list)  # Taken over one or the other in the middle.
    again: bool = False  # Clients CONNECT again, as another user perhaps.
    settle: Callable[[int], None] = lambda place: None  # Where the step was.

    def connections(self) -> int:
        return sum(server.monitor("/connz")["num_connections"] for server in self.servers)


@dataclass
class Step:
    client: int
    data: bytes = b""
    leaves: bool = False
    config: str = ""  # Taken over before.


class Session:
    """The steps of one seed. A client that leaves comes again when it is named next."""

    def __init__(self, seed: int, topology: Topology, steps: int = 60, clients: int = 4):
        self._random = random.Random(seed)
        self._topology = topology
        self._ids = itertools.count(1)
        self.clients = clients
        self.places = [self._random.randrange(len(topology.servers)) for _ in range(clients)]
        self._headers = [False] * clients
        self.steps = [Step(i, self._connect(i)) for i in range(clients)]
        for _ in range(steps):
            client = self._random.randrange(clients)
            if topology.configs and self._random.random() < 0.06:
                self.steps.append(Step(client, config=self._random.choice(topology.configs)))
                continue
            if topology.again and self._random.random() < 0.02:
                self.steps.append(Step(client, self._connect(client)))
                continue
            if self._random.random() < 0.02:
                all_sids = [f"{queue}{i}" for queue in ("", "s", *(f"{q}_" for q in _QUEUES)) for i in range(8)]
                self.steps.append(Step(client, "".join(f"UNSUB {sid}\r\n" for sid in all_sids).encode()))
                self.steps += [Step(client, leaves=True), Step(client, self._connect(client))]
                continue
            count = self._random.choice([1, 1, 1, 2, 5])
            self.steps.append(Step(client, b"".join(self._operation(client) for _ in range(count))))

    def _connect(self, client: int) -> bytes:
        user = self._random.choice(self._topology.users)
        flag = lambda likely: "true" if self._random.random() < likely else "false"
        options = {"verbose": flag(0.2), "pedantic": flag(0.2), "echo": flag(0.8), "headers": flag(0.8), "protocol": 1}
        options["no_responders"] = options["headers"] if self._random.random() < 0.6 else "false"
        self._headers[client] = options["headers"] == "true"
        text = ",".join(f'"{name}":{value}' for name, value in options.items())
        if user:
            text += f',"user":"{user[0]}","pass":"{user[1]}"'
        return b"CONNECT {" + text.encode() + b"}\r\n"

    def _breaks(self, likely: float) -> bool:
        return self._random.random() < likely and self._topology.breaches

    def _subject(self, wildcards: bool) -> str:
        if self._random.random() < 0.04 and not self._topology.configs and not self._topology.again:
            return self._random.choice(_ODD_SUBJECTS)
        tokens = [self._random.choice(self._topology.words) for _ in range(self._random.choice([1, 2, 2, 3]))]
        if wildcards and self._random.random() < 0.5:
            tokens[self._random.randrange(len(tokens))] = "*"
        if wildcards and self._random.random() < 0.2:
            tokens[-1] = ">"
        return ".".join(tokens)

    def _operation(self, client: int) -> bytes:
        kind = self._random.random()
        number = self._random.randrange(8)
        queued = self._random.random() < 0.35
        sid = f"{self._random.choice(_QUEUES)}_{number}" if queued else str(number)
        alone = not queued and self._random.random() < 0.2
        if alone:  # In a group of its own: who gets it is no chance.
            sid = f"s{number}"
        if kind < 0.3:
            queue = sid[:2] if queued else f"g{client}.{number}" if alone else ""
            return " ".join(filter(None, ("SUB", self._subject(True), queue, sid))).encode() + b"\r\n"
        if kind < 0.38:
            return f"UNSUB {sid}\r\n".encode()
        # Of a group it is chance who has had how many; of an import the reference counts apart.
        if kind < 0.46 and not self._topology.shared:
            return f"UNSUB {'s' if alone else ''}{number} {self._random.randrange(6)}\r\n".encode()
        return self._publication(self._headers[client] or self._breaks(0.01))

    def _publication(self, headers: bool) -> bytes:
        reply = ""
        if self._random.random() < 0.4:
            reply = self._random.choice(_ODD_REPLIES) if self._random.random() < 0.1 else self._subject(False)
        payload = f"<{next(self._ids)}>" + "x" * self._random.choice([0, 0, 9, 100])
        if self._breaks(0.003):
            payload += "y" * 2000  # Over max_payload.
        words = [self._subject(False)] + ([reply] if reply else [])
        if headers and self._random.random() < 0.25:
            header = "NATS/1.0\r\n" + self._random.choice(["", "A: 1\r\n", "A:1\r\nA:2\r\n"]) + "\r\n"
            sizes = [str(len(header)), str(len(header) + len(payload))]
            return "{}\r\n{}{}\r\n".format(" ".join(["HPUB", *words, *sizes]), header, payload).encode()
        return "{}\r\n{}\r\n".format(" ".join(["PUB", *words, str(len(payload))]), payload).encode()

    def heard(self) -> dict[str, list[str]]:
        """Plays it."""
        lines: dict[int, transcript.Line] = {}
        gone: list[tuple[str, transcript.Line]] = []
        others = self._topology.connections()

        def wait_gone() -> None:
            """A server closes a connection before it forgets its subscriptions."""
            left = others + sum(not each.closed for each in lines.values())
            until(lambda: self._topology.connections() == left, f"{left} connections are left")

        lives = [0] * self.clients
        for step in self.steps:
            line = lines.get(step.client)
            if step.config:
                for server in self._topology.servers:
                    server.take_over(step.config)
                for each in lines.values():
                    each.send(b"PING\r\n")
                    each.wait_pongs()
                wait_gone()
                continue
            if line is None:
                server = self._topology.servers[self.places[step.client]]
                line = lines[step.client] = transcript.Line(server.host, server.port)
                line.wait_info()
            if step.leaves:
                line.send(b"PING\r\n")
                line.wait_pongs()
                line.leave()
                lives[step.client] += 1
                gone.append((f"client {step.client}, life {lives[step.client]}", lines.pop(step.client)))
            elif not line.closed:
                line.send(step.data + b"PING\r\n")
                line.wait_pongs()
            if step.leaves or line.closed:
                wait_gone()
            self._topology.settle(self.places[step.client])
        for line in lines.values():
            line.send(b"PING\r\n")
            line.wait_pongs()
            line.leave()
        lines_at_end, lines = lines, {}
        wait_gone()
        ends = [(f"client {client}", line) for client, line in sorted(lines_at_end.items())]
        return _comparable(gone + ends, self._topology.shared)


def _comparable(lines, shared: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"queue groups": []}
    for name, line in lines:
        said = []
        for text in transcript.comparable(line.heard, line.closed):
            if _APART.match(text):
                continue
            queued = _QUEUED.match(text)
            if queued:
                found["queue groups"].append(" ".join(filter(None, (*queued.groups()[shared:], text[queued.end() :]))))
            elif text != INVALID or said[-1:] != [INVALID]:
                said.append(NO_RESPONDERS.sub(r"\1 *", text))
        found[name] = [text for _, run in itertools.groupby(said, key=_run_of) for text in _unordered(run)]
    found["queue groups"].sort()
    return found


def _run_of(text: str) -> str:
    """What stands side by side in any order: one message, or subscriptions that a reload forbids."""
    return "sid" if text.startswith("-ERR") and "(sid " in text else _message_id(text)


def _message_id(text: str) -> str:
    number = re.search(r"<\d+>", text) if text.startswith(("MSG", "HMSG")) else None
    return number[0] if number else ""


def _unordered(run) -> list[str]:
    run = list(run)
    return sorted(run) if _run_of(run[0]) else run
