"""The API server as a small port: JSON bodies in and out, errors that say what to do next.

Every write first calls `fence`, which raises when this process may no longer write. A write is given up after
`WRITE_SECONDS`, so that none is still under way when another operator may already have taken over.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from pilotage_operator.api import names
from pilotage_operator.clients.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    Unavailable,
    from_status,
)
from pilotage_operator.clients.events import event
from pilotage_operator.clients.kinds import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    HTTP_ROUTE,
    JOB,
    LEASE,
    MODEL_DEPLOYMENT,
    MODEL_VERSION,
    POD,
    SERVICE,
    Kind,
)

__all__ = [
    "CONTROLLER_REVISION",
    "DEPLOYMENT",
    "ENDPOINT_SLICE",
    "EVENT",
    "HTTP_ROUTE",
    "JOB",
    "LEASE",
    "MODEL_DEPLOYMENT",
    "MODEL_VERSION",
    "POD",
    "SERVICE",
    "WRITE_SECONDS",
    "AlreadyExists",
    "Conflict",
    "Forbidden",
    "Invalid",
    "Kind",
    "Kube",
    "KubeError",
    "NotFound",
    "Unavailable",
]

READ_SECONDS = 20.0
WRITE_SECONDS = 4.0
PAGE = 500
JSON = "application/json"
# JSON is YAML, and the API server accepts apply patches of this type in every version.
APPLY = "application/apply-patch+yaml"

log = logging.getLogger(__name__)
Body = dict[str, Any]


class Kube:
    """Reads and writes objects. Every method raises KubeError; writes raise what `fence` raises, before sending."""

    def __init__(self, api: ApiClient, fence: Callable[[], None]) -> None:
        self._api = api
        self._fence = fence

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """The object as it is now, None if there is none."""
        try:
            return await self._send("GET", kind.path(namespace, name))
        except NotFound:
            return None

    async def list(self, kind: Kind, namespace: str | None, *, selector: Mapping[str, str] | None = None) -> list[Body]:
        """All objects that carry these labels; namespace None means all namespaces. Each names its kind."""
        query = {"limit": str(PAGE)}
        if selector:
            query["labelSelector"] = ",".join(f"{label}={value}" for label, value in selector.items())
        items: list[Body] = []
        while True:
            page = await self._send("GET", kind.path(namespace), query)
            items += page.get("items") or []
            if not (following := page["metadata"].get("continue")):
                return [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in items]
            query["continue"] = following

    async def create(self, kind: Kind, body: Body) -> Body:
        """The object as created. Raises AlreadyExists."""
        query = {"fieldManager": names.FIELD_MANAGER}
        return await self._write("POST", kind.path(body["metadata"]["namespace"]), query, body)

    async def apply(self, kind: Kind, body: Body) -> Body:
        """Server-side apply, forced. Raises Conflict where metadata.resourceVersion is given and stale."""
        query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
        return await self._write("PATCH", _path(kind, body), query, body, APPLY)

    async def replace(self, kind: Kind, body: Body) -> Body:
        """The whole object, guarded by its resourceVersion. Raises Conflict."""
        return await self._write("PUT", _path(kind, body), {"fieldManager": names.FIELD_MANAGER}, body)

    async def write_status(self, kind: Kind, body: Body) -> Body:
        """The status alone, guarded by the body's resourceVersion. Raises Conflict."""
        return await self._write("PUT", _path(kind, body) + "/status", {"fieldManager": names.FIELD_MANAGER}, body)

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, propagation: str = "Background"
    ) -> None:
        """Deletes the object; with `uid` only that very one. One that is gone, or another of its name, is fine."""
        body: Body = {"propagationPolicy": propagation}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        try:
            await self._write("DELETE", kind.path(namespace, name), {}, body)
        except (NotFound, Conflict) as gone:
            log.debug("nothing to delete: %s", gone)

    async def exists_kind(self, kind: Kind) -> bool:
        """Whether the API server serves this kind, for instance whether the Gateway API is installed."""
        try:
            served = await self._send("GET", kind.group_path)
        except NotFound:
            return False
        return any(resource["name"] == kind.plural for resource in served["resources"])

    async def emit(self, regarding: Body, *, type: str, reason: str, message: str) -> None:
        """Records a Kubernetes Event. One that cannot be written is logged: it never stops a pass."""
        try:
            await self.create(EVENT, event(regarding, type=type, reason=reason, message=message, now=datetime.now(UTC)))
        except KubeError as error:
            log.warning("the event %s (%s) was not recorded: %s", reason, message, error)

    async def _write(
        self, method: str, path: str, query: Mapping[str, str], body: Body, content_type: str = JSON
    ) -> Body:
        self._fence()
        return await self._send(method, path, query, body, content_type, WRITE_SECONDS)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content_type: str = JSON,
        seconds: float = READ_SECONDS,
    ) -> Body:
        what = f"{method} {path}"
        headers = {"Accept": JSON, "Content-Type": content_type}
        await self._api.update_params_for_auth(headers, None, ["BearerToken"], path, method, body)
        url = self._api.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        try:
            answer = await self._api.call_api(method, url, headers, body, _request_timeout=_timeout(seconds))
            text: bytes = await answer.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, OSError) as error:
            # TimeoutError is an OSError.
            raise Unavailable(f"{what}: the API server does not answer: {error!r}") from error
        if 200 <= answer.status < 300:
            parsed: Body = json.loads(text)
            return parsed
        raise _refused(what, answer.status, text, answer.headers.get("Retry-After", ""))


def _path(kind: Kind, body: Body) -> str:
    return kind.path(body["metadata"]["namespace"], body["metadata"]["name"])


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds)


def _refused(what: str, code: int, text: bytes, retry_after: str) -> KubeError:
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        # A proxy on the way answers in its own words.
        status = {"message": text[:200].decode(errors="replace")}
    message = f"{what}: {code} {status.get('message') or status.get('reason') or ''}".rstrip()
    wait = float(retry_after) if retry_after.isdigit() else None
    return from_status(code, str(status.get("reason") or ""), message, wait)
