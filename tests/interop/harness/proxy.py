"""A TCP proxy that makes bad networks: slow, far, stalling, silent, breaking.

Runs in a thread of its own with an asyncio loop; the test changes `rules` at any time. "up" is from
the one who connects to the target, "down" the way back.
"""

import asyncio
import dataclasses
import socket
import struct
import threading
import time


@dataclasses.dataclass
class Rules:
    latency: float = 0  # Seconds, each way.
    bandwidth: float = 0  # Bytes a second, each way and connection; 0: no limit.
    swallow: tuple = ()  # Directions whose bytes vanish, while the connection stays: a black hole.
    stalled: bool = False  # Nothing moves, nothing is lost.
    refuse: bool = False  # New connections are reset at once.


class Proxy:
    def __init__(self, target: tuple[str, int], port: int, host: str = "127.0.0.1"):
        self.target, self.host, self.port = target, host, port
        self.rules = Rules()
        self.accepted = 0  # Connections so far.
        self.bytes = {"up": 0, "down": 0}
        self._cut_after: dict[str, int] = {}
        self._links: set["_Link"] = set()
        self._loop = asyncio.new_event_loop()
        self._moved = asyncio.Event()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10), "the proxy did not start"

    def set(self, **changes) -> None:
        """Replaces rules for all connections, also those that are open."""

        def change() -> None:
            self.rules = dataclasses.replace(self.rules, **changes)
            self._wake()

        self._call(change)

    def reset(self) -> None:
        """Breaks all open connections with RST, both ways."""
        self._call(lambda: [link.abort() for link in list(self._links)])

    def cut_after(self, direction: str, count: int) -> None:
        """Resets a connection after `count` more bytes that way: most likely in mid-frame."""
        self._call(lambda: self._cut_after.__setitem__(direction, count))

    def open_links(self) -> int:
        return self._call(lambda: len(self._links))

    def close(self) -> None:
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def _call(self, function):
        done = threading.Event()
        result = []

        def run() -> None:
            result.append(function())
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(10), "the proxy's loop hangs"
        return result[0]

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._accept, self.host, self.port, limit=1 << 16)
        )
        started.set()
        self._loop.run_forever()
        server.close()
        for link in list(self._links):
            link.abort()
        while tasks := asyncio.all_tasks(self._loop):
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=1))
        self._loop.close()

    async def _accept(self, reader, writer) -> None:
        self.accepted += 1
        if self.rules.refuse:
            _reset(writer)
            return
        try:
            onward = await asyncio.open_connection(*self.target, limit=1 << 16)
        except OSError:
            _reset(writer)
            return
        link = _Link(self, (reader, writer), onward)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    try:
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # Closed already.
    writer.transport.abort()


class _Link:
    def __init__(self, proxy: Proxy, near, far):
        self.proxy = proxy
        self.near_reader, self.near_writer = near
        self.far_reader, self.far_writer = far

    def abort(self) -> None:
        _reset(self.near_writer)
        _reset(self.far_writer)

    async def run(self) -> None:
        """Until both directions have ended or one has broken."""
        moves = [
            asyncio.ensure_future(self._move("up", self.near_reader, self.far_writer)),
            asyncio.ensure_future(self._move("down", self.far_reader, self.near_writer)),
        ]
        try:
            for move in moves:
                await move
        finally:
            for move in moves:
                move.cancel()
            self.abort()
            await asyncio.gather(*moves, return_exceptions=True)

    async def _move(self, direction: str, reader, writer) -> None:
        """Reads and, by way of a queue that models the line, writes."""
        line: asyncio.Queue = asyncio.Queue(maxsize=256)
        deliver = asyncio.ensure_future(self._deliver(direction, line, writer))
        try:
            while data := await reader.read(self._read_size()):
                rules = self.proxy.rules
                if direction in rules.swallow:
                    continue
                await line.put((time.monotonic() + rules.latency, data))
            await line.put(None)
            await deliver
        except OSError:
            pass
        finally:
            deliver.cancel()
            await asyncio.gather(deliver, return_exceptions=True)

    def _read_size(self) -> int:
        rate = self.proxy.rules.bandwidth
        return max(64, min(1 << 16, int(rate / 10))) if rate else 1 << 16

    async def _deliver(self, direction: str, line: asyncio.Queue, writer) -> None:
        free_at = 0.0
        while (item := await line.get()) is not None:
            due, data = item
            if rate := self.proxy.rules.bandwidth:
                free_at = max(free_at, time.monotonic()) + len(data) / rate
                due = max(due, free_at)
            await self._wait(due)
            if direction in self.proxy.rules.swallow:
                continue
            left = self.proxy._cut_after.get(direction)
            if left is not None and left <= len(data):
                writer.write(data[:left])
                await writer.drain()
                del self.proxy._cut_after[direction]
                self.abort()
                return
            if left is not None:
                self.proxy._cut_after[direction] = left - len(data)
            writer.write(data)
            self.proxy.bytes[direction] += len(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _wait(self, due: float) -> None:
        """Until `due`, and for as long as the line stalls; a change of rules is seen at once."""
        while True:
            left = due - time.monotonic()
            if not self.proxy.rules.stalled and left <= 0:
                return
            moved = self.proxy._moved
            try:
                await asyncio.wait_for(moved.wait(), None if self.proxy.rules.stalled else left)
            except asyncio.TimeoutError:
                pass
