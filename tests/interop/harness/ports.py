"""Ports that no other test running at the same time gets.

They lie below the kernel's own range, so no outgoing connection takes one, and each is held by a
lock on a file for as long as this process lives: a server may be stopped and started on its port.
"""

import fcntl
import os
import pathlib
import random
import socket
import tempfile

_LOCKS = pathlib.Path(tempfile.gettempdir()) / f"petiole-ports-{os.getuid()}"
_held = []


def free_port(host: str = "127.0.0.1") -> int:
    _LOCKS.mkdir(exist_ok=True)
    for port in random.sample(range(12000, 32000), 2000):
        lock = open(_LOCKS / str(port), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return port
    raise RuntimeError("no free port")
