"""The soak's guests: good ones in every form, bad ones, slow ones, and those that leave without a word."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from tests.bench.serving import steady
from tests.bench.serving.closed import GRPC_METHOD
from tests.load.generator import Connection

PATIENCE = 30.0
FRAME = 5  # bytes before a message where it lies in gRPC's stream; grpcio writes its own


@dataclass
class Guests:
    """Counts of all but the plain JSON, by kind and what became of them. What should not have been is in `wrong`."""

    port: int
    grpc_port: int
    model: Path
    seen: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    async def run(self, stop: asyncio.Event, rate: float) -> None:
        """All kinds at once; `rate` is that of the binary requests, the others follow from it."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            call = channel.unary_unary(GRPC_METHOD)
            message = (self.model / "grpc.body").read_bytes()[FRAME:]

            async def remote() -> str:
                answer = await call(message, timeout=PATIENCE)
                assert answer, "an empty answer"
                return "answered"

            await asyncio.gather(
                self._at("binary", rate, self._binary(), stop),
                self._at("gRPC", rate, remote, stop),
                self._at("bad", rate / 4, self._bad(), stop),
                self._at("slow", 0.2, self._slow, stop),
                self._at("leaving", rate / 10, self._leave, stop),
                self._at("scrape", 0.2, self._scrape, stop),
            )

    async def _at(self, kind: str, rate: float, act: Callable[[], Awaitable[str]], stop: asyncio.Event) -> None:
        """Begin `act` at a steady rate, whether or not earlier ones have ended."""
        loop, tasks, begun, started = asyncio.get_running_loop(), set[asyncio.Task[None]](), 0.0, 0
        begun = loop.time()
        while not stop.is_set():
            task = asyncio.create_task(self._count(kind, act))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            started += 1
            await asyncio.sleep(max(0.0, begun + started / rate - loop.time()))
        await asyncio.gather(*tasks)

    async def _count(self, kind: str, act: Callable[[], Awaitable[str]]) -> None:
        try:
            async with asyncio.timeout(3 * PATIENCE):
                self.seen[f"{kind}: {await act()}"] += 1
        except (OSError, EOFError, TimeoutError, AssertionError, ValueError, grpc.aio.AioRpcError) as error:
            self.wrong[f"{kind}: {type(error).__name__}: {error}"[:160]] += 1

    def _infer(self, body: bytes, head: str = "") -> bytes:
        return steady.request("POST", f"/v2/models/{self.model.name}/infer", body, head)

    def _binary(self) -> Callable[[], Awaitable[str]]:
        """Over one connection, which is replaced whenever the server ends it."""
        request = self._infer((self.model / "binary.body").read_bytes(), (self.model / "binary.head").read_text())
        idle: list[Connection] = []

        async def ask() -> str:
            connection = idle.pop() if idle else await Connection.open("127.0.0.1", self.port)
            if not connection.usable:
                connection.close()
                connection = await Connection.open("127.0.0.1", self.port)
            _, code, stays = await connection.ask(request)
            if stays:
                idle.append(connection)
            else:
                connection.close()
            assert code == 200, f"status {code}"
            return "answered"

        return ask

    def _bad(self) -> Callable[[], Awaitable[str]]:
        good = (self.model / "json.body").read_bytes()
        infer = f"POST /v2/models/{self.model.name}/infer HTTP/1.1\r\nHost: h\r\n".encode()
        shapes = [
            self._infer(b"{"),
            self._infer(b"[" * 10_000),
            self._infer(good.replace(b'"FP32"', b'"FP31"')),
            self._infer(good.replace(b'"shape":[1,', b'"shape":[-1,')),
            self._infer(good.replace(b'"shape":[1,', b'"shape":[4611686018427387904,')),
            self._infer(good.replace(b'"data":[', b'"data":[1e999,')),
            self._infer((self.model / "binary.body").read_bytes(), "999999"),
            steady.request("GET", "/v2/models/%2e%2e/infer"),
            steady.request("DELETE", "/v2"),
            infer + b"Content-Length: 99999999999\r\n\r\n",
            infer + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"\x00\x01\x02\r\n\r\n",
        ]
        turn = iter(range(1 << 62))

        async def ask() -> str:
            connection = await Connection.open("127.0.0.1", self.port)
            try:
                _, code, _ = await connection.ask(shapes[next(turn) % len(shapes)])
            finally:
                connection.close()
            assert 400 <= code < 500, f"status {code}"
            return str(code)

        return ask

    async def _slow(self) -> str:
        """A header line that never ends, a byte a second: the server must be the one that gives up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /v2 HTTP/1.1\r\nX: ")
        try:
            while not reader.at_eof():
                writer.write(b"x")
                try:
                    async with asyncio.timeout(1):
                        await reader.read(4096)
                except TimeoutError:
                    continue
        except ConnectionError:
            pass
        finally:
            writer.close()
        return "cut off"

    async def _leave(self) -> str:
        """Ask and go, with a reset, before the answer can be there."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.write(self._infer((self.model / "json.body").read_bytes()))
        writer.close()
        return "left"

    async def _scrape(self) -> str:
        connection = await Connection.open("127.0.0.1", self.port)
        try:
            for path in ("/metrics", "/v2/health/ready", "/v2/health/live"):
                _, code, _ = await connection.ask(steady.request("GET", path))
                assert code == 200, f"status {code} of {path}"
        finally:
            connection.close()
        return "answered"
