"""Which path answers what."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from pilotage.runtime.metrics import CONTENT_TYPE, Metrics
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.errors import TOLD, ProtocolError, shown, worded
from pilotage.transport.http import Answer, Head, Request, refused
from pilotage.transport.openapi import document
from pilotage.transport.rest import Call, Client, Rest

log = logging.getLogger(__name__)

_READ = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path. `infers`: it asks the model, and is counted by the metrics.

    `answer` returns the answer; or the call that the client is told of once the model is done. What it raises is for
    `failed`.
    """

    methods: tuple[str, ...]
    answer: Callable[[Request, Client], Answer | Call]
    infers: bool = False


class Routes:
    """The paths of one model, all known beforehand: a request is one look into a table."""

    def __init__(self, dataplane: Dataplane, rest: Rest, metrics: Metrics) -> None:
        self.ready = True  # false from the moment that the process is told to end
        self._dataplane = dataplane
        self._rest = rest
        openapi = document(dataplane.contract, dataplane.names, dataplane.versions)
        self._table = {
            "/v2": _said(lambda: _json(dataplane.server_metadata())),
            # That the loop gets to answer is all that liveness asks; a slow or failing model is no reason to restart.
            "/v2/health/live": _said(lambda: _json({"live": True})),
            "/v2/health/ready": _said(lambda: self._readiness({"ready": self.ready})),
            "/v2/openapi.json": _said(lambda: _json(openapi)),
            "/metrics": _said(lambda: Answer(200, metrics.render(), CONTENT_TYPE)),
        }
        for name in dataplane.names:
            for version in ("", *(f"/versions/{version}" for version in dataplane.versions)):
                self._add_model(name, f"/v2/models/{name}{version}")

    def _add_model(self, name: str, path: str) -> None:
        self._table[path] = _said(lambda: _json(self._dataplane.model_metadata(name)))
        self._table[f"{path}/ready"] = _said(lambda: self._readiness({"name": name, "ready": self.ready}))
        self._table[f"{path}/infer"] = Route(("POST",), partial(self._rest.infer, name), infers=True)

    def of(self, head: Head) -> Route:
        """What answers such a request; where there is nothing, what says so."""
        route = self._table.get(head.path)
        if route is None:
            return _refusing(self._not_found(head.path))
        if head.method not in route.methods:
            allowed = ", ".join(route.methods)
            error = ProtocolError(405, f"{head.method} is not for this path; use {allowed}", ("allow", allowed))
            return _refusing(error)
        return route

    def _readiness(self, state: dict[str, object]) -> Answer:
        return Answer(200 if self.ready else 503, msgspec.json.encode(state))

    def _not_found(self, path: str) -> ProtocolError:
        names = " or ".join(dict.fromkeys(self._dataplane.names))
        if path.startswith("/v2/models/"):
            versions = " or ".join(dict.fromkeys(self._dataplane.versions))
            return ProtocolError(404, f"{shown(path)} is not served here; this is model {names}, version {versions}")
        return ProtocolError(404, f"{shown(path)} is no path of this server; try /v2 or /v2/models/{names}/infer")


def failed(request: Request, error: Exception) -> Answer:
    """The answer to a request that could not be answered; it shows nothing of the server's insides."""
    if not isinstance(error, TOLD):
        log.error("a request to %s failed by a fault of this server", shown(request.head.path), exc_info=error)
    return refused(worded(error))


def _refusing(error: ProtocolError) -> Route:
    return Route((), lambda request, client: refused(error))


def _said(answer: Callable[[], Answer]) -> Route:
    """A route that is only read."""
    return Route(_READ, lambda request, client: answer())


def _json(document: Any) -> Answer:
    return Answer(200, msgspec.json.encode(document))
