"""What the serving pods of a deployment have counted, read from Prometheus at given instants.

Of each metric family one query at an instant serves all deployments that are being measured, whenever each asks.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pilotage_operator.clients.prometheus import Prometheus, PrometheusUnavailable, Series
from pilotage_operator.domain.analysis.availability import Scrapes
from pilotage_operator.domain.analysis.counts import Process, Reading, Snapshot

ANSWERS = ("pilotage_requests_total", "code")
DURATIONS = ("pilotage_request_duration_seconds_bucket", "le")
SCRAPED = "pilotage_requests_in_flight"
REMEMBERED = "1h"  # so long a process that is gone is still seen
SCRAPES = "3m"
INSTANTS_AT_ONCE = 120  # in one range query, which bounds what is in memory
LARGEST_BATCH = 50  # deployments in one query
ASKING = 120.0  # seconds for which one that asked is taken to ask again
INSTANTS_KEPT = 8


class Key(NamedTuple):
    """Whose counters."""

    namespace: str
    deployment: str


Family = tuple[str, str]
"""A metric, and the label that tells its counts apart."""


@dataclass(frozen=True)
class Batch:
    """One query for many."""

    keys: frozenset[Key]
    answer: asyncio.Task[dict[Key, Reading]]


class Counters:
    """Reads on behalf of all deployments; every method raises PrometheusUnavailable."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._asked: dict[Family, dict[Key, float]] = {ANSWERS: {}, DURATIONS: {}}  # for which instant, last
        self._batches: dict[tuple[Family, float], list[Batch]] = {}

    async def read(
        self, key: Key, instants: Sequence[float], interval: float, *, durations: bool
    ) -> tuple[Snapshot, ...]:
        """What stood at each of the instants, which lie an interval apart; the newest one is shared with the others.

        Without `durations` the histograms, most of what there is to read, are left out.
        """
        families = (ANSWERS, DURATIONS) if durations else (ANSWERS,)
        if len(instants) == 1:
            (at,) = instants
            readings = await asyncio.gather(*(self._shared(family, key, at) for family in families))
            return (Snapshot(at, *readings),)
        snapshots: list[Snapshot] = []
        for first in range(0, len(instants), INSTANTS_AT_ONCE):
            part = instants[first : first + INSTANTS_AT_ONCE]
            found = await asyncio.gather(*(self._range(family, key, part, interval) for family in families))
            snapshots += (Snapshot(at, *(by_time.get(_millis(at), {}) for by_time in found)) for at in part)
        return tuple(snapshots)

    async def scrapes(self, key: Key, now: float) -> Scrapes:
        """When each of its processes was scraped in the last minutes."""
        found = await self._prometheus.at(f"{SCRAPED}{_selector({key})}[{SCRAPES}]", now)
        times: dict[Process, list[float]] = {}
        for series in found:
            if process := _process(series.labels):
                times.setdefault(process, []).extend(time for time, _ in series.points)
        return {process: sorted(set(scraped)) for process, scraped in times.items()}

    async def _range(self, family: Family, key: Key, instants: Sequence[float], step: float) -> dict[int, Reading]:
        found = await self._prometheus.over(_counted(family, {key}), instants[0], instants[-1], step)
        return _readings(family, found).get(key, {})

    async def _shared(self, family: Family, key: Key, instant: float) -> Reading:
        """One deployment's part of the query that the first who asks for an instant makes for all."""
        asked = self._asked[family]
        asked[key] = instant
        batches = self._batches.setdefault((family, instant), [])
        batch = next((batch for batch in batches if key in batch.keys), None)
        if batch is None:
            covered = {key}.union(*(batch.keys for batch in batches))
            others = sorted(k for k, last in asked.items() if last >= instant - ASKING and k not in covered)
            keys = frozenset([key, *others[: LARGEST_BATCH - 1]])
            batch = Batch(keys, asyncio.create_task(self._batch(family, keys, instant)))
            batches.append(batch)
            self._drop_old(asked, instant)
        try:
            return (await asyncio.shield(batch.answer)).get(key, {})
        except PrometheusUnavailable:
            batches[:] = [other for other in batches if other is not batch]  # the next one asks anew
            raise

    async def _batch(self, family: Family, keys: frozenset[Key], instant: float) -> dict[Key, Reading]:
        found = await self._prometheus.at(_counted(family, keys), instant)
        return {key: by_time.get(_millis(instant), {}) for key, by_time in _readings(family, found).items()}

    def _drop_old(self, asked: dict[Key, float], instant: float) -> None:
        for key in [key for key, last in asked.items() if last < instant - ASKING]:
            del asked[key]
        while len(self._batches) > INSTANTS_KEPT:
            del self._batches[next(iter(self._batches))]


def _counted(family: Family, keys: Collection[Key]) -> str:
    metric, label = family
    by = f"namespace, pod, deployment, revision, start, {label}"
    return f"max by ({by}) (last_over_time({metric}{_selector(keys)}[{REMEMBERED}]))"


def _selector(keys: Collection[Key]) -> str:
    namespaces, deployments = sorted({k.namespace for k in keys}), sorted({k.deployment for k in keys})
    return f"{{namespace=~{_any_of(namespaces)}, deployment=~{_any_of(deployments)}}}"


def _any_of(values: Sequence[str]) -> str:
    pattern = "|".join(re.escape(value) for value in values)
    escaped = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _process(labels: Mapping[str, str]) -> Process | None:
    """None where it is not one of our pods' series: somebody else's metric of the same name."""
    pod, start, revision = (labels.get(name, "") for name in ("pod", "start", "revision"))
    return Process(pod, int(start), revision) if pod and revision and start.isdecimal() else None


def _readings(family: Family, found: Sequence[Series]) -> dict[Key, dict[int, Reading]]:
    """By deployment and instant in milliseconds, Prometheus' own resolution."""
    readings: dict[Key, dict[int, dict[Process, dict[str, int]]]] = {}
    for series in found:
        process, counted = _process(series.labels), series.labels.get(family[1])
        if process is None or counted is None:
            continue
        key = Key(series.labels.get("namespace", ""), series.labels.get("deployment", ""))
        by_time = readings.setdefault(key, {})
        for time, value in series.points:
            by_time.setdefault(_millis(time), {}).setdefault(process, {})[counted] = round(value)
    return {key: dict[int, Reading](by_time) for key, by_time in readings.items()}


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
