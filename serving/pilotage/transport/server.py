"""The serving process: verify, load, warm, listen; and end without losing a request."""

import asyncio
import gc
import logging
import platform
import resource
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import onnxruntime
import uvloop

from pilotage.bundle import digest as bundle_digest
from pilotage.bundle import format as bundle_format
from pilotage.bundle import golden, reference
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import BundleDocument
from pilotage.runtime import identity as runtime_identity
from pilotage.runtime.batch import Batcher
from pilotage.runtime.errors import RunError
from pilotage.runtime.metrics import Metrics
from pilotage.runtime.model import Model
from pilotage.runtime.session import Session
from pilotage.transport.connection import Connection, Shared
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.drain import drain
from pilotage.transport.http import Writer
from pilotage.transport.limits import Limits
from pilotage.transport.log import process
from pilotage.transport.rest import Rest
from pilotage.transport.routes import Routes

log = logging.getLogger(__name__)

_CONNECTIONS = 4096
_SPARE_FILES = 64  # beside connections: the model, the listener, the loop's own
_BACKLOG = 1024


@dataclass(frozen=True)
class Settings:
    """What a user chooses about a server."""

    directory: Path  # the bundle's
    host: str
    port: int  # 0: any that is free
    digest: str | None = None  # what the bundle must be; None: whatever it is
    max_body: int = 16 << 20  # bytes of a request, also once it is unpacked
    connection_seconds: float = 60  # a kept connection ends after this long, ±20 %
    drain_seconds: float = 20  # after SIGTERM requests are answered for up to this long: who still sends here learns it


def serve(settings: Settings, on_ready: Callable[[BundleDocument, str, str], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 ended as told, 2 could not start.

    `on_ready` is called with the bundle's document, its digest and the server's URL once requests are answered.
    """
    process.set_up()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, on_ready))
    except (BundleError, RunError, MemoryError, ValueError) as error:
        why = error if str(error) else "it does not fit into this machine's memory"
        print(f"pilotage: {settings.directory} cannot be served: {why}", file=sys.stderr)
        return 2
    except OSError as error:
        why = error.strerror or str(error)
        print(f"pilotage: cannot listen on {settings.host}:{settings.port}: {why}", file=sys.stderr)
        return 2
    return 0


async def _run(settings: Settings, on_ready: Callable[[BundleDocument, str, str], None] | None) -> None:
    started = monotonic()
    loop = asyncio.get_running_loop()
    told_to_end: asyncio.Queue[float] = asyncio.Queue()
    # Before the model is loaded: as process 1 of a container, a signal without a handler is lost.
    loop.add_signal_handler(signal.SIGTERM, told_to_end.put_nowait, settings.drain_seconds)
    loop.add_signal_handler(signal.SIGINT, told_to_end.put_nowait, 0.0)  # a person at a terminal does not wait
    bundle = _open(settings)
    shared = _shared(settings, bundle, loop)
    gc.freeze()  # what stands now stands for good: the collector need not look at it again and again
    listener = _listen(settings.host, settings.port)
    server = await loop.create_server(lambda: Connection(shared), sock=listener, backlog=_BACKLOG)
    ticking = asyncio.create_task(_tick(shared))
    host, port = listener.getsockname()[:2]
    log.info("ready on %s:%d after %.2f s", host, port, monotonic() - started)
    if on_ready is not None:
        on_ready(bundle.document, bundle.digest, f"http://{_reachable(host)}:{port}")
    seconds = await told_to_end.get()
    log.info("told to end: answering for up to %g s more", seconds)
    await drain(server, shared, seconds)
    ticking.cancel()
    log.info("ended")


@dataclass(frozen=True)
class _Bundle:
    """What was verified and loaded."""

    document: BundleDocument
    digest: str
    session: Session
    golden: list[golden.Golden]


def _open(settings: Settings) -> _Bundle:
    """Everything that must hold before the first request: the bytes and the model. Raises BundleError."""
    directory = settings.directory
    document = bundle_format.load(directory)
    if settings.digest is None:
        digest = bundle_digest.digest_of(directory)
    else:
        digest = settings.digest
        bundle_digest.verify(directory, digest)
    session = Session.load(directory / bundle_format.MODEL, document.contract)
    return _Bundle(document, digest, session, golden.read(directory))


def _shared(settings: Settings, bundle: _Bundle, loop: asyncio.AbstractEventLoop) -> Shared:
    """All that answers, warmed by golden rows: the first runs allocate, not on a user's time.

    Raises RunError, or ValueError for a name that cannot stand in a header.
    """
    document = bundle.document
    identity = runtime_identity.from_environment(document)
    build = {"digest": bundle.digest, "onnxruntime": onnxruntime.__version__, "python": platform.python_version()}
    metrics = Metrics(identity, build, document.contract, reference.read(settings.directory))
    model = Model(bundle.session, document.contract, metrics, [pair.inputs for pair in bundle.golden])
    batcher = Batcher(model, metrics, loop.call_soon, loop.call_soon_threadsafe)
    dataplane = Dataplane(identity, document, model, batcher)
    routes = Routes(dataplane, Rest(dataplane, document.contract, settings.max_body), metrics)
    log.info("loaded %s %s (%s) as %s", identity.model, identity.bundle_version, bundle.digest, identity.revision)
    limits = Limits(settings.max_body, settings.connection_seconds, _max_connections())
    return Shared(routes, metrics, Writer(identity), limits)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections notice a peer that is gone; they inherit the setting."""
    listener = socket.create_server((host, port), backlog=_BACKLOG, family=_family(host))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setblocking(False)
    return listener


def _reachable(host: str) -> str:
    """An address to call from this machine: the one that is listened on, or, where that is all of them, this one."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _max_connections() -> int:
    """As many as files can be open, after asking for as many as allowed; half, since twice the cap may come."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return _CONNECTIONS if hard == resource.RLIM_INFINITY else max(1, min(_CONNECTIONS, (hard - _SPARE_FILES) // 2))


async def _tick(shared: Shared) -> None:
    while True:
        await asyncio.sleep(1)
        shared.tick()
