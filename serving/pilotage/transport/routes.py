"""Which path answers what."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from pilotage.runtime.metrics import CONTENT_TYPE, Metrics
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.http import Answer, Request, refused

log = logging.getLogger(__name__)

_READ = ("GET", "HEAD")


@dataclass(frozen=True)
class _Route:
    methods: tuple[str, ...]
    answer: Callable[[Request], Answer]


class Routes:
    """The paths of one model, all known beforehand: a request is one look into a table."""

    def __init__(self, dataplane: Dataplane, metrics: Metrics) -> None:
        self.ready = True  # false from the moment that the process is told to end
        self._dataplane = dataplane
        self._metrics = metrics
        self._infers: set[str] = set()
        self._table = {
            "/v2": _Route(_READ, lambda _: _json(dataplane.server_metadata())),
            # That the loop gets to answer is all that liveness asks; a slow or failing model is no reason to restart.
            "/v2/health/live": _Route(_READ, lambda _: _json({"live": True})),
            "/v2/health/ready": _Route(_READ, lambda _: self._readiness({"ready": self.ready})),
            "/metrics": _Route(_READ, lambda _: Answer(200, metrics.render(), CONTENT_TYPE)),
        }
        for name in dataplane.names:
            for version in ("", *(f"/versions/{version}" for version in dataplane.versions)):
                self._add_model(name, f"/v2/models/{name}{version}")

    def _add_model(self, name: str, path: str) -> None:
        self._table[path] = _Route(_READ, lambda _: _json(self._dataplane.model_metadata(name)))
        self._table[f"{path}/ready"] = _Route(_READ, lambda _: self._readiness({"name": name, "ready": self.ready}))
        self._table[f"{path}/infer"] = _Route(("POST",), lambda request: self._infer(name, request))
        self._infers.add(f"{path}/infer")

    def counts(self, method: str, path: str) -> bool:
        """Whether the metrics count this request: it asks this model for an inference."""
        return method == "POST" and path in self._infers

    def answer(self, request: Request) -> Answer:
        """The answer to a request, an error's included; nothing is raised, and no error shows the server's insides."""
        try:
            if request.refusal is not None:
                raise request.refusal
            route = self._table.get(request.path)
            if route is None:
                raise self._not_found(request.path)
            if request.method not in route.methods:
                allowed = ", ".join(route.methods)
                error = ProtocolError(405, f"{request.method} is not for this path; use {allowed}")
                return refused(error, ("allow", allowed))
            return route.answer(request)
        except ProtocolError as error:
            return refused(error)
        except Exception:
            log.exception("a request to %s failed by a fault of this server", shown(request.path))
            return refused(ProtocolError(500, "the server failed to answer this request; its log says why"))

    def _infer(self, name: str, request: Request) -> Answer:
        if not request.framed:
            raise ProtocolError(411, "the request does not say how long its body is; send Content-Length")
        return Answer(200, self._dataplane.infer(name, request.body))

    def _readiness(self, state: dict[str, object]) -> Answer:
        return Answer(200 if self.ready else 503, msgspec.json.encode(state))

    def _not_found(self, path: str) -> ProtocolError:
        names = " or ".join(dict.fromkeys(self._dataplane.names))
        if path.startswith("/v2/models/"):
            versions = " or ".join(dict.fromkeys(self._dataplane.versions))
            return ProtocolError(404, f"{shown(path)} is not served here; this is model {names}, version {versions}")
        return ProtocolError(404, f"{shown(path)} is no path of this server; try /v2 or /v2/models/{names}/infer")


def _json(document: object) -> Answer:
    return Answer(200, msgspec.json.encode(document))
