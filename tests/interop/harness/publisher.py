"""A publisher that loses nothing: it knows what is safe, and sends the rest again.

Messages are numbered and carry a Nats-Msg-Id. A PONG behind a batch says that the server has taken
it for good; after a lost connection everything from the last such point is sent again, and the ids
let the server recognise the repeats.
"""

import threading

from harness.client import Client, publication

_BATCH = 500


class Publisher:
    """Publishes `count` messages "<name> <number>" to `subject`, in a thread of its own.

    It does not pass number `gate` until the test moves it, so that what the test does in between
    happens in the midst of publishing however fast the machine is.
    """

    def __init__(self, host: str, port: int, name: str, subject: str, count: int, size: int = 128):
        self.name, self.subject, self.count, self.size = name, subject, count, size
        self.safe = 0  # All below this number are the server's.
        self.repeats = 0  # Batches that were sent again.
        self._host, self._port = host, port
        self._gate = 0
        self._moved = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def open_gate(self, number: int) -> None:
        with self._moved:
            self._gate = min(number, self.count)
            self._moved.notify_all()

    def wait(self, number: int, timeout: float) -> None:
        """Until all below `number` are safe."""
        number = min(number, self.count)
        with self._moved:
            if not self._moved.wait_for(lambda: self.safe >= number, timeout):
                raise AssertionError(f"{self.name}: {self.safe} of {number} after {timeout} s")

    def close(self) -> None:
        with self._moved:
            self._stopping = True
            self._moved.notify_all()
        self._thread.join(20)

    def message(self, number: int) -> bytes:
        payload = f"{self.name} {number} ".encode().ljust(self.size, b".")
        return publication(self.subject, payload, headers={"Nats-Msg-Id": f"{self.name}-{number}"})

    def _run(self) -> None:
        pause = threading.Event()
        while not self._done():
            try:
                with Client(self._host, self._port, timeout=10) as client:
                    self._publish(client)
            except (OSError, EOFError):
                self.repeats += 1
                pause.wait(0.05)

    def _done(self) -> bool:
        return self._stopping or self.safe >= self.count

    def _publish(self, client: Client) -> None:
        while True:
            with self._moved:
                self._moved.wait_for(lambda: self._done() or self.safe < self._gate)
                if self._done():
                    return
                end = min(self.safe + _BATCH, self._gate)
            client.send(b"".join(self.message(i) for i in range(self.safe, end)))
            client.flush(30)
            with self._moved:
                self.safe = end
                self._moved.notify_all()


def number_of(payload: bytes) -> tuple[str, int]:
    """The publisher's name and the number of a message."""
    name, number, _ = payload.split(b" ", 2)
    return name.decode(), int(number)


def check_all_once_in_order(payloads, counts: dict[str, int]) -> None:
    """Every number of every publisher, once, in order."""
    expected = {name: 0 for name in counts}
    for at, payload in enumerate(payloads):
        name, number = number_of(payload)
        wanted = expected[name]
        assert number >= wanted, f"at {at}: {name} {number} again or late, {wanted} was next"
        assert number == wanted, f"at {at}: {name} {wanted} to {number - 1} lost or late"
        expected[name] += 1
    assert expected == counts


def check_first_arrivals(payloads, counts: dict[str, int]) -> int:
    """Every number at least once, first arrivals in order. Returns how many were repeats."""
    expected = {name: 0 for name in counts}
    repeats = 0
    for at, payload in enumerate(payloads):
        name, number = number_of(payload)
        assert number <= expected[name], f"at {at}: {name} {expected[name]} to {number - 1} lost"
        repeats += number < expected[name]
        expected[name] += number == expected[name]
    assert expected == counts
    return repeats
