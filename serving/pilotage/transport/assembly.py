"""A bundle's folder to all that answers for it: verified, loaded, warmed and put together."""

from __future__ import annotations

import asyncio
import logging
import platform
import resource
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from pilotage.bundle import digest as bundle_digest
from pilotage.bundle import format as bundle_format
from pilotage.bundle import golden, reference
from pilotage.bundle.format import BundleDocument
from pilotage.runtime import identity as runtime_identity
from pilotage.runtime.batch import Batcher
from pilotage.runtime.metrics import Metrics
from pilotage.runtime.model import Model
from pilotage.runtime.session import Session
from pilotage.transport.connection import Shared
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.http import Writer
from pilotage.transport.limits import Limits
from pilotage.transport.log.logs import Logs
from pilotage.transport.rest import Rest
from pilotage.transport.routes import Routes
from pilotage.transport.settings import Settings

log = logging.getLogger(__name__)

_CONNECTIONS = 4096
_SPARE_FILES = 64  # beside connections: the model, the listeners, the loop's own


@dataclass(frozen=True)
class Assembly:
    """One model's server, before it listens. `shared` is what its HTTP connections have in common."""

    document: BundleDocument
    digest: str
    dataplane: Dataplane
    metrics: Metrics
    logs: Logs
    limits: Limits
    shared: Shared


def assemble(settings: Settings, loop: asyncio.AbstractEventLoop) -> Assembly:
    """Everything that must hold before the first request: the bytes, the model, and golden rows to warm it with, since
    first runs allocate and that is not for a user's time.

    Raises BundleError, RunError, or ValueError for a name that cannot stand in a header.
    """
    document = bundle_format.load(settings.directory)
    digest = _verified(settings.directory, settings.digest)
    session = Session.load(settings.directory / bundle_format.MODEL, document.contract)
    identity = runtime_identity.from_environment(document)
    build = {"digest": digest, "onnxruntime": onnxruntime.__version__, "python": platform.python_version()}
    metrics = Metrics(identity, build, document.contract, reference.read(settings.directory))
    requests = [pair.inputs for pair in golden.read(settings.directory)]
    model = Model(session, document.contract, metrics, requests)
    batcher = Batcher(model, metrics, loop.call_soon, loop.call_soon_threadsafe)
    dataplane = Dataplane(identity, document, batcher)
    logs = Logs(settings.log, identity, document.contract)
    metrics.payloads = logs.payloads
    doors = 1 if settings.grpc_port is None else 2
    limits = Limits(settings.max_body, settings.connection_seconds, _max_connections(doors))
    routes = Routes(dataplane, Rest(dataplane, logs.payloads, settings.max_body), metrics)
    log.info("loaded %s %s (%s) as %s", identity.model, identity.bundle_version, digest, identity.revision)
    shared = Shared(routes, metrics, logs.access, Writer(identity), limits)
    return Assembly(document, digest, dataplane, metrics, logs, limits, shared)


def _verified(directory: Path, digest: str | None) -> str:
    if digest is None:
        return bundle_digest.digest_of(directory)
    bundle_digest.verify(directory, digest)
    return digest


def _max_connections(doors: int) -> int:
    """As many at each door as files can be open, after asking for as many as allowed; half, since twice the cap may
    come."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return _CONNECTIONS
    return max(1, min(_CONNECTIONS, (hard - _SPARE_FILES) // (2 * doors)))
