"""Tokens end with the time on the wall, which a test moves: libfaketime (apt: libfaketime) is preloaded."""

import pathlib
import time

import pytest

from harness.jwt import Key, Operator, token
from harness.wait import until

LIBRARY = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
# A nats-server asks the kernel itself, past the library.
pytestmark = [
    pytest.mark.petiole,
    pytest.mark.skipif(not LIBRARY, reason="LIBFAKETIME IS MISSING: nothing here was tested"),
]

HOUR = 3600


class MovedClock:
    """The wall clock of the processes started with its prefix; what only counts up goes on as it is."""

    def __init__(self, world):
        self.path = world.directory / "clock"
        self.move(0)

    def move(self, seconds: int) -> None:
        new = self.path.with_suffix(".new")  # Never empty: it is read at any time.
        new.write_text(f"{seconds:+d}")
        new.replace(self.path)

    def prefix(self) -> list[str]:
        return ["env", f"LD_PRELOAD={LIBRARY}", f"FAKETIME_TIMESTAMP_FILE={self.path}", "FAKETIME_NO_CACHE=1",
                "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_RESET=1"]  # fmt: skip


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


def test_who_is_in_goes_within_a_minute(world, clock, users):
    """The clock is looked at once a minute at the latest: timers do not follow when it is set."""
    server = world.alone(users.config(), prefix=clock.prefix())
    ends, stays = (world.client(server, extra=users.bearer(**more)) for more in ({"exp": users.now + HOUR}, {}))
    clock.move(HOUR + 1)
    ends.wait_closed(75)
    assert ends.errors == ["User Authentication Expired"]
    stays.flush()
    closed = server.monitor("/connz?state=closed")["connections"]
    assert [c["reason"] for c in closed if c["cid"] == ends.info["client_id"]] == ["Authentication Expired"]
    clock.move(2 * HOUR + 1)
    stays.wait_closed(75)
    assert stays.errors == ["Account Authentication Expired"]
    until(lambda: server.monitor("/connz")["num_connections"] == 0, "nobody is in")
