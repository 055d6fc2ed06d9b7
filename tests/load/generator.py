"""Sends requests at a steady rate over kept and over fresh connections, and counts what becomes of each.

The two kinds of client see different failures: a kept connection meets a server that closes it, a fresh one meets an
endpoint that is already gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from urllib.parse import urlsplit

from tests.load.tally import Tally

TIMEOUT = 10.0  # seconds for one whole answer; later is lost
KEPT = 24  # connections that are kept, and used in turn: as many clients, each balanced by its own


class Connection:
    """One HTTP/1.1 connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        return cls(*await asyncio.open_connection(host, port))

    @property
    def usable(self) -> bool:
        """Whether the server has not closed it meanwhile, as far as we have been told."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(self, request: bytes) -> tuple[str, int, bool]:
        """(version that answered, status code, whether the connection stays open)."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
        if headers.get("transfer-encoding") == "chunked":
            await self._skip_chunks()
        else:
            await self._reader.readexactly(int(headers.get("content-length", "0")))
        return headers.get("pilotage-version", ""), int(lines[0].split()[1]), headers.get("connection") != "close"

    async def _skip_chunks(self) -> None:
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            await self._reader.readexactly(size + 2)
        await self._reader.readuntil(b"\r\n")

    def close(self) -> None:
        self._writer.close()


class Generator:
    """`fresh` is the share of requests, 0 to 1, that open a connection of their own."""

    def __init__(self, url: str, bodies: list[bytes], rate: float, fresh: float, host: str = "") -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None, f"{url} has no host"
        self._address = parts.hostname, parts.port or 80
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {host or parts.netloc}\r\nContent-Type: application/json\r\n"
        self._requests = [f"{head}Content-Length: {len(b)}\r\n\r\n".encode() + b for b in bodies]
        self._closing = [f"{head}Connection: close\r\nContent-Length: {len(b)}\r\n\r\n".encode() + b for b in bodies]
        self._rate = rate
        self._fresh_every = round(1 / fresh) if fresh else 0
        self._idle: deque[Connection] = deque()
        self.tally = Tally()

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop; then waits for the answers that are still due.

        Begins with the first connection that is taken: a node's proxy learns of a new Service a moment after the API.
        """
        loop = asyncio.get_running_loop()
        await self._reachable()
        begun, tasks = loop.time(), set()
        while not stop.is_set():
            task = asyncio.create_task(self._one(self.tally.sent))
            self.tally.sent += 1
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(max(0.0, begun + self.tally.sent / self._rate - loop.time()))
        if tasks:
            await asyncio.wait(tasks, timeout=2 * TIMEOUT)
        for connection in self._idle:
            connection.close()

    async def _reachable(self) -> None:
        for _ in range(100):
            try:
                self._idle.append(await Connection.open(*self._address))
            except OSError:
                await asyncio.sleep(0.1)
            else:
                return

    async def _one(self, number: int) -> None:
        fresh = bool(self._fresh_every) and number % self._fresh_every == 0
        try:
            async with asyncio.timeout(TIMEOUT):
                version, code = await (self._over_fresh(number) if fresh else self._over_kept(number))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            self.tally.lost += 1
            self.tally.losses[f"{'fresh' if fresh else 'kept'}: {type(error).__name__}: {error}"[:120]] += 1
        else:
            self.tally.answers[version, code] += 1

    async def _over_fresh(self, number: int) -> tuple[str, int]:
        connection = await Connection.open(*self._address)
        try:
            version, code, _ = await connection.ask(self._closing[number % len(self._closing)])
        finally:
            connection.close()
        return version, code

    async def _next(self) -> Connection:
        """The longest idle of the kept connections, or a new one as long as there are too few."""
        while len(self._idle) >= KEPT:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return await Connection.open(*self._address)

    async def _over_kept(self, number: int) -> tuple[str, int]:
        connection = await self._next()
        try:
            version, code, stays = await connection.ask(self._requests[number % len(self._requests)])
        except BaseException:
            connection.close()
            raise
        if stays:
            self._idle.appendleft(connection)
        else:
            connection.close()
        return version, code
