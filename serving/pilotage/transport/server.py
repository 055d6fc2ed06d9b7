"""The serving process: assemble, listen; and end without losing a request."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from time import monotonic

import uvloop

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import BundleDocument
from pilotage.runtime import memory
from pilotage.runtime.errors import RunError
from pilotage.transport.assembly import Assembly, assemble
from pilotage.transport.connection import Connection
from pilotage.transport.drain import LEAST_SECONDS, drain
from pilotage.transport.log import process
from pilotage.transport.settings import Settings

log = logging.getLogger(__name__)

_BACKLOG = 1024

OnReady = Callable[[BundleDocument, str, str], None]
"""Called with the bundle's document, its digest and the server's URL once requests are answered."""


def serve(settings: Settings, on_ready: OnReady | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 ended as told, 2 could not start."""
    process.set_up()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, on_ready))
    except (BundleError, RunError, MemoryError, ValueError) as error:
        why = str(error) or "it does not fit into this machine's memory"
        print(f"pilotage: {settings.directory} cannot be served: {why}", file=sys.stderr)
        return 2
    except _CannotListen as error:
        print(f"pilotage: {error}", file=sys.stderr)
        return 2
    return 0


class _CannotListen(Exception):
    pass


async def _run(settings: Settings, on_ready: OnReady | None) -> None:
    started = monotonic()
    loop = asyncio.get_running_loop()
    told_to_end: asyncio.Queue[float] = asyncio.Queue()
    # Before the model is loaded: as process 1 of a container, a signal without a handler is lost.
    loop.add_signal_handler(signal.SIGTERM, told_to_end.put_nowait, settings.drain_seconds)
    loop.add_signal_handler(signal.SIGINT, told_to_end.put_nowait, 0.0)  # a person at a terminal does not wait
    with memory.loading():  # a model that wants gigabytes is an error with a sentence, not the kernel's end of us
        assembly = assemble(settings, loop)
    gc.freeze()  # what stands now stands for good: the collector need not look at it again and again
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    ends = []
    if settings.grpc_port is not None:  # first, since readiness is asked over HTTP
        ends.append(await _serve_grpc(assembly, _listen(settings.host, settings.grpc_port)))
    ends.append(await _serve_http(assembly, listener))
    ticking = asyncio.create_task(_tick(assembly))
    log.info("ready on %s:%d after %.2f s", host, port, monotonic() - started)
    if on_ready is not None:
        on_ready(assembly.document, assembly.digest, f"http://{_reachable(host)}:{port}")
    seconds = await told_to_end.get()
    log.info("told to end: answering for up to %g s more", seconds)
    await asyncio.gather(*(end(seconds) for end in ends))
    ticking.cancel()
    assembly.logs.close()
    log.info("ended")


End = Callable[[float], "asyncio.Future[None] | asyncio.Task[None]"]


async def _serve_http(assembly: Assembly, listener: socket.socket) -> End:
    """Answer on `listener`; what is returned ends it within so many seconds."""
    loop, shared = asyncio.get_running_loop(), assembly.shared
    server = await loop.create_server(lambda: Connection(shared), sock=listener, backlog=_BACKLOG)
    return lambda seconds: asyncio.ensure_future(drain(server, shared, seconds))


async def _serve_grpc(assembly: Assembly, listener: socket.socket) -> End:
    from pilotage.transport.rpc.server import GrpcServer  # only those who want it pay for it

    server = GrpcServer(assembly.dataplane, assembly.metrics, assembly.limits, assembly.logs)
    await server.start(listener, _BACKLOG)
    log.info("gRPC on %s:%d", *listener.getsockname()[:2])
    return lambda seconds: asyncio.ensure_future(server.drain(seconds, min(seconds, LEAST_SECONDS)))


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections notice a peer that is gone; they inherit the setting."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), backlog=_BACKLOG, family=family)
    except (OSError, OverflowError) as error:
        raise _CannotListen(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setblocking(False)
    return listener


def _reachable(host: str) -> str:
    """An address to call from this machine: the one that is listened on, or, where that is all of them, this one."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


async def _tick(assembly: Assembly) -> None:
    while True:
        await asyncio.sleep(1)
        assembly.shared.tick()
        assembly.logs.tick()
