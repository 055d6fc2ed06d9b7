"""A clock that tests move, and an API server that keeps one Lease."""

from __future__ import annotations

import copy
from typing import Any

from pilotage_operator.clients.kube import AlreadyExists, Conflict, Kind, Kube, Unavailable


class FakeClock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class FakeKube(Kube):
    """Keeps one object. `away`: it does not answer; `takes` seconds pass on the clock with each write."""

    def __init__(self, clock: FakeClock) -> None:
        self.stored: dict[str, Any] | None = None
        self.away = False
        self.takes = 0.0
        self._clock = clock
        self._version = 0

    @property
    def spec(self) -> dict[str, Any]:
        assert self.stored is not None
        spec: dict[str, Any] = self.stored["spec"]
        return spec

    async def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any] | None:
        self._answer()
        return copy.deepcopy(self.stored)

    async def create(self, kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
        self._answer()
        if self.stored is not None:
            raise AlreadyExists("it exists")
        return self._store(body)

    async def update(self, kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
        self._answer()
        if self.stored is None or body["metadata"]["resourceVersion"] != self.stored["metadata"]["resourceVersion"]:
            raise Conflict("it was changed")
        return self._store(body)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("the API server is away")

    def _store(self, body: dict[str, Any]) -> dict[str, Any]:
        self._clock.advance(self.takes)
        self._version += 1
        self.stored = copy.deepcopy(body)
        self.stored["metadata"]["resourceVersion"] = str(self._version)
        return copy.deepcopy(self.stored)
