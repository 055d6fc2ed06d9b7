"""The serving process: verify, load, warm, listen; and end without losing a request."""

import asyncio
import logging
import platform
import resource
import signal
import socket
import sys
from pathlib import Path
from time import monotonic

import onnxruntime
import uvloop

from pilotage.bundle import digest as bundle_digest
from pilotage.bundle import format as bundle_format
from pilotage.bundle import golden
from pilotage.bundle.errors import BundleError
from pilotage.runtime import identity as runtime_identity
from pilotage.runtime.metrics import Metrics
from pilotage.runtime.session import RunError, Session
from pilotage.transport.connection import Connection, Shared
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.drain import drain
from pilotage.transport.http import Writer
from pilotage.transport.limits import Limits
from pilotage.transport.routes import Routes

log = logging.getLogger(__name__)

_CONNECTIONS = 4096
_SPARE_FILES = 64  # beside connections: the model, the listener, the loop's own
_BACKLOG = 1024


def serve(
    directory: Path,
    *,
    host: str,
    port: int,
    digest: str | None,
    max_body: int,
    connection_seconds: float,
    drain_seconds: float,
) -> int:
    """Serve the bundle in `directory` until SIGTERM or SIGINT; the exit code: 0 ended as told, 2 could not start.

    `digest` is what the bundle must be (None: whatever it is); `max_body` the most bytes of a request; a kept
    connection ends after `connection_seconds` ±20 %; after SIGTERM new requests are answered for up to
    `drain_seconds`, so that whoever still sends here learns that it ends.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    limits = Limits(max_body, connection_seconds, _max_connections())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(directory, host, port, digest, limits, drain_seconds))
    except (BundleError, RunError, ValueError) as error:
        print(f"pilotage: {directory} cannot be served: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"pilotage: cannot listen on {host}:{port}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


async def _run(directory: Path, host: str, port: int, digest: str | None, limits: Limits, drain_seconds: float) -> None:
    started = monotonic()
    loop = asyncio.get_running_loop()
    told_to_end: asyncio.Queue[float] = asyncio.Queue()
    # Before the model is loaded: as process 1 of a container, a signal without a handler is lost.
    loop.add_signal_handler(signal.SIGTERM, told_to_end.put_nowait, drain_seconds)
    loop.add_signal_handler(signal.SIGINT, told_to_end.put_nowait, 0.0)  # a person at a terminal does not wait
    shared = _load(directory, digest, limits)
    listener = _listen(host, port)
    server = await loop.create_server(lambda: Connection(shared), sock=listener, backlog=_BACKLOG)
    ticking = asyncio.create_task(_tick(shared))
    log.info("ready on %s:%d after %.2f s", *listener.getsockname()[:2], monotonic() - started)
    seconds = await told_to_end.get()
    log.info("told to end: answering for up to %g s more", seconds)
    await drain(server, shared, seconds)
    ticking.cancel()
    log.info("ended")


def _load(directory: Path, digest: str | None, limits: Limits) -> Shared:
    """Everything that must hold before the first request: the bytes, the model, one golden row.

    Raises BundleError, RunError, or ValueError for a name that cannot stand in a header.
    """
    document = bundle_format.load(directory)
    if digest is None:
        digest = bundle_digest.digest_of(directory)
    else:
        bundle_digest.verify(directory, digest)
    session = Session.load(directory / bundle_format.MODEL, document.contract)
    session.run(golden.read(directory)[0].inputs)  # the first run allocates: not on a user's time
    identity = runtime_identity.from_environment(document)
    versions = {"onnxruntime": onnxruntime.__version__, "python": platform.python_version()}
    metrics = Metrics(identity, {"digest": digest, **versions})
    routes = Routes(Dataplane(identity, document, session), metrics)
    log.info("loaded %s %s (%s) as %s", identity.model, identity.bundle_version, digest, identity.revision)
    return Shared(routes, metrics, Writer(identity), limits)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections notice a peer that is gone; they inherit the setting."""
    listener = socket.create_server((host, port), backlog=_BACKLOG, family=_family(host))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setblocking(False)
    return listener


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
