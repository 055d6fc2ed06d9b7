"""The gRPC server: which path is which method, and how all of it ends without losing a call."""

from __future__ import annotations

import asyncio
import socket

from pilotage.runtime.metrics import Metrics
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.drain import finish, lame_duck
from pilotage.transport.errors import ProtocolError
from pilotage.transport.http2 import hpack
from pilotage.transport.http2.connection import Connection, Shared
from pilotage.transport.http2.fields import Head
from pilotage.transport.http2.outbox import Block
from pilotage.transport.http2.stream import Receiver, Stream
from pilotage.transport.limits import Limits
from pilotage.transport.log.logs import Logs
from pilotage.transport.rpc import health, reflection, service
from pilotage.transport.rpc.call import Call, Method, Terms
from pilotage.transport.rpc.health import Health
from pilotage.transport.rpc.protos import health_pb2, inference_pb2, reflection_pb2
from pilotage.transport.rpc.reflection import Reflection
from pilotage.transport.rpc.service import InferenceService
from pilotage.transport.rpc.status import Endings

_NO_POST = Block(hpack.encode([(b":status", b"405"), (b"allow", b"POST")]))
_NO_GRPC = Block(hpack.encode([(b":status", b"415")]))


class GrpcServer:
    """Serves one dataplane, on the loop that it is started on."""

    def __init__(self, dataplane: Dataplane, metrics: Metrics, limits: Limits, logs: Logs | None = None) -> None:
        self._terms = Terms(Endings(dataplane.identity), limits.max_body, dataplane.worded)
        names = {service.SERVICE, *dataplane.names}
        self._health = Health(frozenset(names))
        self._methods = _table(
            {
                service.SERVICE: InferenceService(dataplane, metrics, self._health, logs).methods(),
                health.SERVICE: self._health.methods(),
                **dict.fromkeys(
                    reflection.SERVICES,
                    Reflection(pb.DESCRIPTOR for pb in (inference_pb2, health_pb2, reflection_pb2)).methods(),
                ),
            }
        )
        self._shared = Shared(self._accept, limits)

    async def start(self, listener: socket.socket, backlog: int) -> None:
        """Answer on `listener` from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self._shared), sock=listener, backlog=backlog)
        self._ticking = asyncio.create_task(self._tick())

    async def drain(self, seconds: float, least: float) -> None:
        """Answer for up to `seconds` more, asking every client to go elsewhere; then shut the door and finish.

        It ends early when no connection has been open for a second, but not in the first `least` seconds.
        """
        self._health.stop()
        self._shared.draining = True
        self._send_away()
        await lame_duck(self._shared.connections, seconds, least)
        self._server.close()
        self._send_away()
        await finish(self._shared.connections)
        self.stop()

    def stop(self) -> None:
        """End now, whatever is open."""
        self._server.close()
        self._ticking.cancel()
        for connection in list(self._shared.connections):
            connection.abort()

    def _accept(self, stream: Stream, head: Head) -> Receiver:
        """Who takes the request that begins with `head`."""
        if head.method != b"POST":
            stream.end(_NO_POST)
        elif not head.fields.get(b"content-type", b"").startswith(b"application/grpc"):
            stream.end(_NO_GRPC)
        else:
            try:
                method = self._methods.get(head.path)
                if method is None:
                    raise ProtocolError(501, "this server has no such method; reflection lists those that it has")
                return Call(stream, method, head, self._terms)
            except ProtocolError as error:
                stream.end(self._terms.endings.of(error, begun=False))
        return _NOBODY

    def _send_away(self) -> None:
        for connection in list(self._shared.connections):
            connection.begin_end()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._shared.tick()


class _Nobody:
    """Takes what comes after a refusal."""

    def received(self, data: bytes) -> None: ...
    def finished(self) -> None: ...
    def refused(self, status: int, reason: str) -> None: ...
    def ending(self) -> None: ...
    def left(self) -> None: ...


_NOBODY = _Nobody()


def _table(services: dict[str, dict[str, Method]]) -> dict[bytes, Method]:
    return {
        f"/{name}/{method}".encode(): handler
        for name, methods in services.items()
        for method, handler in methods.items()
    }
