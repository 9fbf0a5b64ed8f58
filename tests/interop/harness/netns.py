"""Two machines and a cable, as network namespaces: link down and up, shaped by tbf.

Names and addresses are this process's own; close() removes everything. Needs root.
"""

import ctypes
import os
import socket
import subprocess
import threading

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_ETHERNET_BYTES = 14


def _ip(*args: str) -> None:
    done = subprocess.run(["ip", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(args)}: {done.stderr}"


class Cable:
    """`near` is the edge's end, `far` the hub's."""

    near_host, far_host = "10.99.0.1", "10.99.0.2"

    def __init__(self):
        tag = f"ptl{os.getpid() % 100000}"
        self.near, self.far = f"{tag}a", f"{tag}b"
        self._made: list[str] = []
        try:
            for name in (self.near, self.far):
                _ip("netns", "add", name)
                self._made.append(name)
            _ip("link", "add", "eth0", "netns", self.near, "type", "veth", "peer", "name", "eth0",
                "netns", self.far)  # fmt: skip
            for name, host in ((self.near, self.near_host), (self.far, self.far_host)):
                _ip("-n", name, "addr", "add", f"{host}/24", "dev", "eth0")
                # No IPv6, whose solicitations would be counted with what crosses.
                _ip("-n", name, "link", "set", "eth0", "addrgenmode", "none")
                _ip("-n", name, "link", "set", "eth0", "up")
                _ip("-n", name, "link", "set", "lo", "up")
        except AssertionError:
            self.close()
            raise

    def close(self) -> None:
        for name in self._made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        self._made.clear()

    def prefix(self, name: str) -> list[str]:
        """Runs a command on that side."""
        return ["ip", "netns", "exec", name]

    def down(self, name: str) -> None:
        _ip("-n", name, "link", "set", "eth0", "down")

    def up(self, name: str) -> None:
        _ip("-n", name, "link", "set", "eth0", "up")

    def shape(self, name: str, rate: str) -> None:
        """Limits what leaves that side: "50kbit"."""
        argv = ["tc", "-n", name, "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", rate,
                "burst", "4kb", "latency", "2s"]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def crossed(self) -> int:
        """Bytes of IP packets so far, both ways."""
        def read() -> int:
            with open("/proc/thread-self/net/dev") as counters:
                line = next(each for each in counters if each.strip().startswith("eth0:"))
            fields = [int(each) for each in line.split(":")[1].split()]
            return sum(fields[at] - _ETHERNET_BYTES * fields[at + 1] for at in (0, 8))
        return self.inside(self.near, read)

    def inside(self, name: str, function):
        """Calls `function` in a thread that is on that side; sockets made there stay there."""
        result: list = []

        def run() -> None:
            try:
                with open(f"/var/run/netns/{name}") as namespace:
                    if _libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                result.append((function(), None))
            except Exception as error:  # Handed to the caller.
                result.append((None, error))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        value, error = result[0]
        if error is not None:
            raise error
        return value

    def connect(self, name: str, host: str, port: int) -> socket.socket:
        return self.inside(name, lambda: socket.create_connection((host, port), 10))
