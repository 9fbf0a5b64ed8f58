"""Tokens end with the time on the wall, which a test moves: clients/moved_clock.c is preloaded."""

import mmap
import os
import struct
import time

import pytest

from harness.jwt import Key, Operator, token
from harness.wait import until

pytestmark = pytest.mark.petiole  # A nats-server asks the kernel itself, past the library.

HOUR = 3600


class MovedClock:
    """The wall clock of the processes started with its prefix; timers and all else go on as they are."""

    def __init__(self, world):
        self.path = world.directory / "clock"
        self.path.write_bytes(bytes(8))
        with open(self.path, "r+b") as file:
            self._ahead = mmap.mmap(file.fileno(), 8)

    def move(self, seconds: int) -> None:
        self._ahead[:] = struct.pack("@q", seconds)  # At once: it is read at any time.

    def show(self, wall: int) -> None:
        self.move(wall - int(time.time()))

    def prefix(self) -> list[str]:
        library = os.environ.get("PETIOLE_MOVED_CLOCK")
        if not library:
            text = "moved_clock is not built: with sanitizers nothing can be preloaded"
            pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
        return ["env", f"LD_PRELOAD={library}", f"MOVED_CLOCK={self.path}"]


class Users:
    """An operator whose account A lasts two hours; user tokens of it."""

    def __init__(self):
        self.operator = Operator()
        self.operator.account_claims = {}
        self.now = int(time.time())

    def config(self) -> str:
        plain = self.operator.account_token
        mine = self.operator.account
        self.operator.account_token = lambda key, name, nats: plain(
            key, name, nats, **({"exp": self.now + 2 * HOUR} if key is mine else {})
        )
        return self.operator.config()

    def bearer(self, **claims) -> dict:
        nats = {"type": "user", "subs": -1, "data": -1, "payload": -1, "bearer_token": True}
        return {"jwt": token(self.operator.account, Key("user").public, "u", nats, **claims)}


@pytest.fixture
def clock(world):
    return MovedClock(world)


@pytest.fixture
def users():
    return Users()


def refused(world, server, user: dict) -> bool:
    try:
        world.client(server, extra=user)
    except EOFError as ended:
        assert "Authorization Violation" in str(ended)
        return True
    return False


def test_a_user_comes_in_from_its_first_second_to_its_last(world, clock, users):
    server = world.alone(users.config(), prefix=clock.prefix())
    user = users.bearer(nbf=users.now + HOUR // 2, exp=users.now + HOUR)
    for at, is_refused in ((0, True), (HOUR * 3 // 4, False), (HOUR + 1, True), (HOUR * 3 // 4, False)):
        clock.move(at)
        assert refused(world, server, user) == is_refused, at


def test_nobody_comes_in_when_the_account_is_over(world, clock, users):
    server = world.alone(users.config(), prefix=clock.prefix())
    user = users.bearer()
    assert not refused(world, server, user)
    clock.move(2 * HOUR + 1)
    assert refused(world, server, user)
    clock.move(0)
    assert not refused(world, server, user)


def test_who_is_in_goes_when_its_time_is_over(world, clock, users):
    """To the second. That a clock which is set meanwhile is seen within a minute: operator_test.cpp."""
    server = world.alone(users.config(), prefix=clock.prefix())
    clock.show(users.now + HOUR - 3)
    ends, stays = (world.client(server, extra=users.bearer(**more)) for more in ({"exp": users.now + HOUR}, {}))
    ends.wait_closed()
    assert ends.errors == ["User Authentication Expired"]
    stays.flush()
    closed = server.monitor("/connz?state=closed")["connections"]
    assert [c["reason"] for c in closed if c["cid"] == ends.info["client_id"]] == ["Authentication Expired"]
    clock.show(users.now + 2 * HOUR - 3)
    late = world.client(server, extra=users.bearer())
    late.wait_closed()
    assert late.errors == ["Account Authentication Expired"]
    stays.close()
    until(lambda: server.monitor("/connz")["num_connections"] == 0, "nobody is in")
