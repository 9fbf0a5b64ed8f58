"""A child process that never outlives its test, with its output in a file."""

import ctypes
import os
import pathlib
import signal
import subprocess

from harness.wait import until

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """Started by start(); kill() and stop() wait for its end. May be started again."""

    def __init__(self, name: str, argv: list[str], log: pathlib.Path, env: dict | None = None):
        self.name, self.argv, self.log = name, argv, log
        self.env = {**os.environ, **(env or {})}
        self._child: subprocess.Popen | None = None

    def start(self) -> None:
        assert not self.running(), f"{self.name} runs already"
        with open(self.log, "ab") as log:
            log.write(f"--- {' '.join(self.argv)}\n".encode())
            log.flush()
            self._child = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                preexec_fn=die_with_parent,
            )

    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def signal(self, number: int) -> None:
        assert self._child is not None
        self._child.send_signal(number)

    def wait(self, timeout: float = 15) -> int:
        """Its exit status, negative for a signal."""
        assert self._child is not None
        return self._child.wait(timeout)

    def stop(self, timeout: float = 15) -> int:
        """Asks it to end; kills it when it does not."""
        if not self.running():
            return 0 if self._child is None else self._child.returncode
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def kill(self) -> None:
        """As a power cut would, for the process: kill -9."""
        if self.running():
            self.signal(signal.SIGKILL)
            self.wait()

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for_output(self, text: str, timeout: float = 15) -> None:
        until(lambda: text in self.output(), f"{self.name} writes {text!r}", timeout)

    def memory_kib(self) -> int:
        """Resident memory now."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])
