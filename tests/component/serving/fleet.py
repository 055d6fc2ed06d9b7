"""Clients of several servers, as behind a Service: they go to whoever is ready, and count every answer.

Readiness is seen by polling, so for a moment callers are still sent to a server that was told to end, as in a cluster.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.component.serving.process import WAIT, infer_body, request

INFER = request("POST", "/v2/models/iris/infer", infer_body([[5.1, 3.5, 1.4, 0.2]]))
ONCE = request("POST", "/v2/models/iris/infer", infer_body([[5.1, 3.5, 1.4, 0.2]]), Connection="close")
READY = request("GET", "/v2/health/ready", Connection="close")


@dataclass
class Fleet:
    """Who is ready, and what the clients got: answers by (revision, status), and what was lost."""

    ports: list[int]
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    closes: int = 0  # answers that ended a kept connection
    stopped: bool = False

    async def until(self, reached: Callable[[Fleet], bool]) -> None:
        """Let the clients go on until `reached`."""
        for _ in range(int(WAIT / 0.05)):
            if reached(self):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"after {WAIT} s only {self.answers}, {self.closes} closes, lost {self.lost[:5]}")

    async def watch(self) -> None:
        """Take servers out once they say that they are not ready."""
        while not self.stopped:
            for port in list(self.ports):
                try:
                    status, _, _ = await ask(*await asyncio.open_connection("127.0.0.1", port), READY)
                except OSError:
                    status = 0
                if status != 200:
                    self.ports.remove(port)
            await asyncio.sleep(0.3)

    async def keep(self, pause: float) -> None:
        """One client that keeps its connection for as long as it is let, `pause` seconds between requests."""
        connection = None
        while not self.stopped:
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", random.choice(self.ports))
                if await self._count(*connection, INFER):
                    self.closes += 1
                    connection[1].close()
                    connection = None
            except (OSError, asyncio.IncompleteReadError) as error:
                self.lost.append(f"kept: {error!r}")
                connection = None
            await asyncio.sleep(pause)

    async def renew(self, pause: float) -> None:
        """One client that makes a connection for each request."""
        while not self.stopped:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", random.choice(self.ports))
                await self._count(reader, writer, ONCE)
                writer.close()
            except (OSError, asyncio.IncompleteReadError) as error:
                self.lost.append(f"new: {error!r}")
            await asyncio.sleep(pause)

    async def _count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes) -> bool:
        status, headers, body = await ask(reader, writer, content)
        self.answers[headers["pilotage-revision"], status] += 1
        if status == 200 and json.loads(body)["outputs"][0]["data"] != [0]:
            self.lost.append("a wrong answer")
        return headers.get("connection") == "close"


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes
) -> tuple[int, dict[str, str], bytes]:
    """One request, and its answer's status, headers and body."""
    writer.write(content)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    return int(head[0].split(" ")[1]), headers, await reader.readexactly(int(headers["content-length"]))
