"""Waiting for a condition, with a limit and without guessing how long it takes."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, timeout: float = 15, every: float = 0.02) -> T:
    """Returns the first true value of `condition`; fails, saying `what`, when there is none in time.

    An exception of the kind that a peer which is not there yet causes counts as false.
    """
    pause = threading.Event()
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (OSError, EOFError, ValueError, KeyError) as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}; last: {last!r}")
        pause.wait(every)
