"""An API server in memory, with the few manners that a ModelVersion's pass depends on."""

import copy
from collections.abc import Mapping
from typing import Any

from pilotage_operator.clients.kube import AlreadyExists, Conflict, Kind, Unavailable

Key = tuple[str, str]


class FakeKube:
    """Keeps objects by kind and name; `writes_left` makes the API server go away after so many writes."""

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.events: list[str] = []
        self.writes_left: int | None = None
        self._count = 0

    def put(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """An object written by somebody else."""
        self._count += 1
        stored = copy.deepcopy(body)
        defaults = {"uid": f"uid-{self._count}", "creationTimestamp": f"2026-11-23T12:{self._count:02d}:00Z"}
        stored["metadata"] = defaults | stored["metadata"] | {"resourceVersion": str(self._count)}
        self.objects[kind, stored["metadata"]["name"]] = stored
        return copy.deepcopy(stored)

    def named(self, kind: str) -> list[str]:
        """Names of the objects of a kind."""
        return [name for found, name in self.objects if found == kind]

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.objects.get((kind.kind, name)))

    async def list(
        self, kind: Kind, namespace: str | None, *, selector: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        wanted = (selector or {}).items()
        found = [body for (name, _), body in self.objects.items() if name == kind.kind]
        return copy.deepcopy([body for body in found if wanted <= body["metadata"].get("labels", {}).items()])

    async def create(self, kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
        self._spend()
        if (kind.kind, body["metadata"]["name"]) in self.objects:
            raise AlreadyExists(f"{kind.kind} {body['metadata']['name']} exists")
        return self.put(kind.kind, body)

    async def write_status(self, kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
        self._spend()
        stored = self.objects[kind.kind, body["metadata"]["name"]]
        if body["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified")
        return self.put(kind.kind, {**stored, "status": body["status"]})

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, propagation: str = "Background"
    ) -> None:
        self._spend()
        stored = self.objects.get((kind.kind, name))
        if stored is not None and stored["metadata"]["uid"] == uid:
            del self.objects[kind.kind, name]

    async def emit(self, regarding: dict[str, Any], *, type: str, reason: str, message: str) -> None:
        self.events.append(reason)

    def _spend(self) -> None:
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise Unavailable("the API server is away")
            self.writes_left -= 1
