"""The API server: a few verbs on raw objects, each bounded in time, each write fenced by the Lease."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
from kubernetes.aio.client import ApiClient

from pilotage_operator.api import names

log = logging.getLogger(__name__)

READ_TIMEOUT = 20.0  # seconds for one call
WRITE_TIMEOUT = 4.0  # a write that passed the fence must have ended before another operator may take over
PAGE = 500  # objects a list asks for at once

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of object, with all that its path needs."""

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str | None, name: str = "") -> str:
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        within = f"/namespaces/{quote(namespace)}" if namespace else ""
        return f"{root}{within}/{self.plural}" + (f"/{quote(name)}" if name else "")


MODEL_VERSION = Kind(names.API_VERSION, names.MODEL_VERSION_KIND, names.MODEL_VERSION_PLURAL)
MODEL_DEPLOYMENT = Kind(names.API_VERSION, names.MODEL_DEPLOYMENT_KIND, names.MODEL_DEPLOYMENT_PLURAL)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
CONTROLLER_REVISION = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
SERVICE = Kind("v1", "Service", "services")
POD = Kind("v1", "Pod", "pods")
EVENT = Kind("v1", "Event", "events")
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
JOB = Kind("batch/v1", "Job", "jobs")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
GATEWAY = Kind("gateway.networking.k8s.io/v1", "Gateway", "gateways")
GATEWAY_CLASS = Kind("gateway.networking.k8s.io/v1", "GatewayClass", "gatewayclasses")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")


class KubeError(Exception):
    """The API server refused a call, or could not be asked. `said` is its own sentence, where it gave one."""

    said = ""


class NotFound(KubeError):
    """There is no such object, or no such kind."""


class AlreadyExists(KubeError):
    """An object of that name is there already, and may be somebody else's."""


class Conflict(KubeError):
    """The object was changed since it was read: read it again."""


class Invalid(KubeError):
    """The API server does not take the object as it is."""


class Forbidden(KubeError):
    """The operator's RBAC does not allow the call."""


class Unavailable(KubeError):
    """The API server is away or overloaded: try again, after `retry_after` seconds where it said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


_BY_STATUS: Mapping[int, type[KubeError]] = {404: NotFound, 409: Conflict, 422: Invalid, 400: Invalid, 403: Forbidden}


class Kube:
    """`fence` is called before every write and raises where this process may not write any more."""

    def __init__(self, client: ApiClient, fence: Callable[[], None]) -> None:
        self._client = client
        self._fence = fence
        self._kinds: dict[Kind, bool] = {}

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        try:
            return await self._call("GET", kind.path(namespace, name))
        except NotFound:
            return None

    async def list(self, kind: Kind, namespace: str | None, *, selector: Mapping[str, str] | None = None) -> list[Json]:
        """All objects of a kind, of one namespace or of all."""
        query = {"limit": str(PAGE)}
        if selector:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in selector.items())
        found: list[Json] = []
        while True:
            page = await self._call("GET", kind.path(namespace), query)
            items = page.get("items") or []
            found += [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in items]
            if not (more := page.get("metadata", {}).get("continue")):
                return found
            query["continue"] = more

    async def create(self, kind: Kind, body: Json) -> Json:
        """Raises AlreadyExists where the name is taken; an apply would merge into what is there."""
        self._fence()
        path = kind.path(body["metadata"]["namespace"])
        return await self._call("POST", path, {"fieldManager": names.FIELD_MANAGER}, body)

    async def preview(self, kind: Kind, body: Json) -> str:
        """What the API server has against an object, in its own words; "" where it would take it. Nothing is stored."""
        self._fence()
        query = {"fieldManager": names.FIELD_MANAGER, "dryRun": "All", "fieldValidation": "Strict"}
        try:
            await self._call("POST", kind.path(body["metadata"]["namespace"]), query, body)
        except AlreadyExists:
            return ""
        except (Invalid, Forbidden) as error:
            return error.said
        return ""

    async def apply(self, kind: Kind, body: Json) -> Json:
        """Server-side apply, forced. With a resourceVersion in it, raises Conflict if the object is another by now."""
        self._fence()
        metadata = body["metadata"]
        query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
        path = kind.path(metadata["namespace"], metadata["name"])
        return await self._call("PATCH", path, query, body, "application/apply-patch+yaml")

    async def update(self, kind: Kind, body: Json) -> Json:
        """Replaces an object; raises Conflict if it was changed since it was read."""
        self._fence()
        return await self._put(kind, body)

    async def write_status(self, kind: Kind, body: Json) -> Json:
        """Replaces the status; raises Conflict if the object was changed since it was read."""
        self._fence()
        return await self._put(kind, body, "/status")

    async def _put(self, kind: Kind, body: Json, below: str = "") -> Json:
        metadata = body["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"]) + below
        return await self._call("PUT", path, {"fieldManager": names.FIELD_MANAGER}, body)

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, propagation: str = "Background"
    ) -> None:
        """What is gone already is fine. With a uid, raises Conflict if another object has the name by now."""
        self._fence()
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            await self._call("DELETE", kind.path(namespace, name), body=options)
        except NotFound:
            return

    async def exists_kind(self, kind: Kind) -> bool:
        """Whether the cluster knows a kind. A yes is remembered; a no is asked again, since it may be installed."""
        if not self._kinds.get(kind):
            try:
                known = await self._call("GET", f"/apis/{kind.api_version}")
                self._kinds[kind] = any(r["name"] == kind.plural for r in known.get("resources") or [])
            except NotFound:
                self._kinds[kind] = False
        return self._kinds[kind]

    async def emit(self, regarding: Json, *, type: str, reason: str, message: str) -> None:
        """An Event about an object. It tells what has happened already, so that its failure is only logged."""
        metadata, now = regarding["metadata"], datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {key: metadata.get(key) for key in ("name", "namespace", "uid", "resourceVersion")}
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": metadata["namespace"]},
            "involvedObject": {"apiVersion": regarding["apiVersion"], "kind": regarding["kind"], **about},
            "type": type,
            "reason": reason,
            "message": message[:1000],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": names.FIELD_MANAGER},
            "reportingComponent": names.GROUP,
        }
        try:
            self._fence()
            await self._call("POST", EVENT.path(metadata["namespace"]), body=body)
        except KubeError as error:
            log.warning("event %s of %s could not be written: %s", reason, metadata["name"], error)

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content: str = "application/json",
    ) -> Json:
        timeout = aiohttp.ClientTimeout(total=READ_TIMEOUT if method == "GET" else WRITE_TIMEOUT)
        try:
            prepared = await self._client.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._client.call_api(*prepared, _request_timeout=timeout)
            answer: bytes = await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{method} {path}: the API server cannot be reached: {error!r}") from error
        if response.status >= 300:
            raise _refused(response.status, f"{method} {path}", answer, response.headers.get("Retry-After"))
        return dict(json.loads(answer or b"{}"))


def _refused(status: int, what: str, answer: bytes, retry_after: str | None) -> KubeError:
    """The API server's own sentence, as the error that says what to do with it."""
    try:
        said = json.loads(answer)
        message, reason = said.get("message", ""), said.get("reason", "")
    except (ValueError, AttributeError):
        message, reason = answer[:200].decode(errors="replace"), ""
    text = f"{what}: {status} {message}"
    error = _BY_STATUS.get(status, KubeError)(text)
    if status == 409 and reason == "AlreadyExists":
        error = AlreadyExists(text)
    elif status == 429 or status >= 500:
        error = Unavailable(text, float(retry_after) if retry_after and retry_after.isdigit() else None)
    error.said = message
    return error
