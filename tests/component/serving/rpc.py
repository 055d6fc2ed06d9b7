"""The gRPC server on a loop of its own, and what its metrics say."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

import uvloop

from pilotage.bundle import format as bundle_format
from pilotage.bundle import golden
from pilotage.runtime import identity as runtime_identity
from pilotage.runtime.batch import Batcher
from pilotage.runtime.metrics import Metrics
from pilotage.runtime.model import Model
from pilotage.runtime.session import Session
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.limits import Limits
from pilotage.transport.rpc.server import GrpcServer

LIMITS = Limits(max_body=100_000, connection_seconds=3600, max_connections=100)
WAIT = 30.0  # seconds before a test gives up


class Served:
    """A bundle served over gRPC, in a thread; ended with the block that it is used in."""

    def __init__(self, directory: Path, limits: Limits = LIMITS) -> None:
        self._directory = directory
        self._limits = limits
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Served:
        self._thread.start()
        self.port = self._do(self._start()).result(WAIT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self.server.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT)
        self._loop.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def drain(self, seconds: float, least: float = 0.0) -> Future[None]:
        """Begin to end; the future is done when it has ended."""
        return self._do(self.server.drain(seconds, least))

    def metric(self, start: str) -> float:
        """The one sample whose line starts so."""
        lines = self._do(self._render()).result(WAIT).decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(start))

    async def _start(self) -> int:
        loop = asyncio.get_running_loop()
        document = bundle_format.load(self._directory)
        identity = runtime_identity.Identity(document.name, document.version, "flowers", "iris-v3", "1a2b3c4d5e", 1)
        self.metrics = Metrics(identity, {}, document.contract)
        session = Session.load(self._directory / bundle_format.MODEL, document.contract)
        rows = [pair.inputs for pair in golden.read(self._directory)]
        model = Model(session, document.contract, self.metrics, rows)
        batcher = Batcher(model, self.metrics, loop.call_soon, loop.call_soon_threadsafe)
        self.server = GrpcServer(Dataplane(identity, document, model, batcher), self.metrics, self._limits)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        await self.server.start(listener, 100)
        return int(listener.getsockname()[1])

    async def _render(self) -> bytes:
        return self.metrics.render()

    def _do(self, task: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(task, self._loop)
