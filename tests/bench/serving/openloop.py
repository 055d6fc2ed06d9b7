"""The open loop: requests are due at a constant rate, whether or not the server keeps up.

A latency counts from the moment a request was due, so that waiting for a free connection is part of it, as it is for
a user. Reads its work as JSON from standard input and prints what it saw:

    {"port": 8080, "seconds": 10, "streams": {"load": {"request": "file", "rate": 1000, "connections": 64}}}

A loop of its own around epoll: a core of an event loop's library is spent at half the rate.
"""

from __future__ import annotations

import array
import gc
import json
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.serving.figures import percentile

LINGER = 5.0  # seconds for the answers that are still out when no more are due


@dataclass
class Stream:
    """One kind of request: its bytes, its rate, and what became of it."""

    request: bytes
    rate: float
    idle: deque[Connection] = field(default_factory=deque)
    started: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    seconds: dict[int, array.array[float]] = field(default_factory=dict)  # by status code

    def report(self, seconds: float) -> dict[str, Any]:
        codes = {}
        for code, took in self.seconds.items():
            codes[str(code)] = {"count": len(took), **{f"p{q}": percentile(took, q / 100) for q in (50, 99)}}
        return {"sent": self.started, "rate": self.started / seconds, "codes": codes, "lost": dict(self.lost)}


class Connection:
    """One kept HTTP/1.1 connection, at most one request on it."""

    def __init__(self, port: int, stream: Stream) -> None:
        self.stream = stream
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self.unsent = b""
        self.answer = b""

    def send(self, due: float) -> None:
        self.due, self.unsent, self.answer = due, self.stream.request, b""
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes. A broken connection shows itself when it is read."""
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self.unsent = b""

    def read(self) -> tuple[int, bool] | None:
        """(status, whether the connection stays open), or None while there is more to come. Raises OSError."""
        try:
            chunk = self.socket.recv(1 << 18)
        except BlockingIOError:
            return None
        if not chunk:
            raise ConnectionError("closed without an answer" if self.due else "closed while idle")
        self.answer += chunk
        end = self.answer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.answer[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r", 1)[0] or 0)
        if len(self.answer) < end + 4 + length:
            return None
        return int(head[9:12]), b"connection: close" not in head


class Generator:
    def __init__(self, port: int, streams: Mapping[str, Mapping[str, Any]]) -> None:
        self._port = port
        self._poll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._streams = {}
        for name, given in streams.items():
            stream = Stream(Path(given["request"]).read_bytes(), given["rate"])
            self._streams[name] = stream
            for _ in range(given["connections"]):
                self._connect(stream)

    def run(self, seconds: float) -> dict[str, Any]:
        gc.disable()  # its pauses would count as the server's
        clock, begun = time.monotonic, time.monotonic()
        end = begun + seconds
        while (now := clock()) < end:
            pause = 0.001
            for stream in self._streams.values():
                pause = min(pause, self._start(stream, begun, now))
            self._receive(0.001 if pause >= 0.001 else 0)
        while clock() < end + LINGER and any(connection.due for connection in self._open.values()):
            self._receive(0.01)
        for connection in self._open.values():
            if connection.due:
                connection.stream.lost["no answer"] += 1
        return {name: stream.report(seconds) for name, stream in self._streams.items()}

    def _start(self, stream: Stream, begun: float, now: float) -> float:
        """Send what is due, as far as connections are free; the seconds until the next is."""
        while (due := begun + stream.started / stream.rate) <= now and stream.idle:
            connection = stream.idle.popleft()
            stream.started += 1
            connection.send(due)
            if connection.unsent:
                self._poll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)
        return max(0.0, due - now)

    def _receive(self, timeout: float) -> None:
        for number, events in self._poll.poll(timeout):
            connection = self._open[number]
            if events & select.EPOLLOUT:
                connection.flush()
                if not connection.unsent:
                    self._poll.modify(connection.socket, select.EPOLLIN)
            if events & ~select.EPOLLOUT:
                self._take(connection)

    def _take(self, connection: Connection) -> None:
        stream = connection.stream
        try:
            answer = connection.read()
        except OSError as error:
            if connection.due:
                stream.lost[str(error)] += 1
            else:
                stream.idle.remove(connection)
            self._replace(connection)
            return
        if answer is None:
            return
        status, stays = answer
        took = stream.seconds.get(status)
        if took is None:
            took = stream.seconds[status] = array.array("d")
        took.append(time.monotonic() - connection.due)
        connection.due = 0.0
        if stays:
            stream.idle.append(connection)
        else:
            self._replace(connection)

    def _replace(self, connection: Connection) -> None:
        del self._open[connection.socket.fileno()]
        connection.socket.close()
        self._connect(connection.stream)

    def _connect(self, stream: Stream) -> None:
        try:
            connection = Connection(self._port, stream)
        except OSError as error:
            stream.lost[f"connecting: {error}"] += 1
            return
        self._open[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)
        stream.idle.append(connection)


def main() -> None:
    work = json.load(sys.stdin)
    json.dump(Generator(work["port"], work["streams"]).run(work["seconds"]), sys.stdout)


if __name__ == "__main__":
    main()
