"""A WebSocket connection with the face of a socket, for harness.client: binary frames, no extension."""

import os
import socket
import struct


class WebSocketSocket:
    def __init__(self, host: str, port: int, headers: str = ""):
        self._socket = socket.create_connection((host, port), 10)
        self._raw, self._data = b"", b""
        self._socket.sendall(
            f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n".encode()
        )
        while b"\r\n\r\n" not in self._raw:
            self._fill()
        head, _, self._raw = self._raw.partition(b"\r\n\r\n")
        assert b" 101 " in head.split(b"\r\n")[0], head

    def _fill(self) -> bool:
        data = self._socket.recv(1 << 16)
        self._raw += data
        return bool(data)

    def _frame(self) -> bool:
        """Takes one frame off what has come; False: it is not all there yet."""
        if len(self._raw) < 2:
            return False
        size, at = self._raw[1], 2
        if size >= 126:
            at = 4 if size == 126 else 10
            if len(self._raw) < at:
                return False
            size = int.from_bytes(self._raw[2:at], "big")
        if len(self._raw) < at + size:
            return False
        if self._raw[0] & 0x0F in (0, 1, 2):
            self._data += self._raw[at : at + size]
        self._raw = self._raw[at + size :]
        return True

    def recv(self, most: int) -> bytes:
        while not self._data:
            if not self._frame() and not self._fill():
                return b""
        data, self._data = self._data[:most], self._data[most:]
        return data

    def sendall(self, data: bytes) -> None:
        mask = os.urandom(4)
        size = len(data)
        head = b"\x82" + (bytes([128 | size]) if size < 126 else
                          b"\xfe" + struct.pack(">H", size) if size < 65536 else
                          b"\xff" + struct.pack(">Q", size))  # fmt: skip
        self._socket.sendall(head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data)))

    def settimeout(self, timeout) -> None:
        self._socket.settimeout(timeout)

    def setsockopt(self, *option) -> None:
        self._socket.setsockopt(*option)

    def close(self) -> None:
        self._socket.close()
