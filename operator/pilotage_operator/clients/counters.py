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
from pilotage_operator.domain.analysis.counts import Process, Reading, Snapshot, Source, labelled

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


@dataclass(frozen=True)
class Family:
    """A metric, and the labels that tell its counts apart. `kind` begins their keys, where there is more than one label
    or more than one family in a reading. `only`: the metric, a matcher of it and the label on which a series of it
    must be there beside."""

    metric: str
    labels: tuple[str, ...]
    kind: str = ""
    only: tuple[str, str, str] | None = None

    def key(self, labels: Mapping[str, str]) -> str | None:
        """None where a label is missing."""
        values = [labels[name] for name in self.labels if name in labels]
        if len(values) < len(self.labels):
            return None
        return labelled(self.kind, *values) if self.kind else values[0]


ANSWERS = Family("pilotage_requests_total", ("code",))
FAMILIES: Mapping[Source, tuple[Family, ...]] = {
    "answers": (ANSWERS,),
    "durations": (Family("pilotage_request_duration_seconds_bucket", ("le",)),),
    "inputs": (
        Family("pilotage_batch_rows_sum", (), "rows"),
        Family("pilotage_contract_violations_total", ("feature", "kind"), "invalid"),
        # Which category it is that one side does not know; of features that have one, since bins are many.
        Family(
            "pilotage_feature_values_total",
            ("feature", "bin"),
            "value",
            ("pilotage_contract_violations_total", 'kind="unknown_category"', "feature"),
        ),
    ),
    "classes": (Family("pilotage_predictions_total", ("output", "class"), "class"),),
    "outputs": (Family("pilotage_output_values_total", ("output", "column", "bin"), "bin"),),
}
"""What is read for what a check counts."""


@dataclass(frozen=True)
class Batch:
    """One query for many."""

    keys: frozenset[Key]
    answer: asyncio.Task[dict[Key, Reading]]


class Counters:
    """Reads on behalf of all deployments; every method raises PrometheusUnavailable."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._asked: dict[Family, dict[Key, float]] = {}  # for which instant, last
        self._batches: dict[tuple[Family, float], list[Batch]] = {}

    async def read(
        self, key: Key, instants: Sequence[float], interval: float, sources: Collection[Source] = ()
    ) -> tuple[Snapshot, ...]:
        """What stood at each of the instants, which lie an interval apart; the newest one is shared with the others.

        The answers, and of all else only `sources`: histograms and bins are most of what there is to read.
        """
        wanted: list[Source] = ["answers", *sorted(set(sources) - {"answers"})]
        families = [(source, family) for source in wanted for family in FAMILIES[source]]
        if len(instants) == 1:
            (at,) = instants
            readings = await asyncio.gather(*(self._shared(family, key, at) for _, family in families))
            return (_snapshot(at, [(source, found) for (source, _), found in zip(families, readings, strict=True)]),)
        snapshots: list[Snapshot] = []
        for first in range(0, len(instants), INSTANTS_AT_ONCE):
            part = instants[first : first + INSTANTS_AT_ONCE]
            ranges = await asyncio.gather(*(self._range(family, key, part, interval) for _, family in families))
            for at in part:
                found = [
                    (source, by_time.get(_millis(at), {}))
                    for (source, _), by_time in zip(families, ranges, strict=True)
                ]
                snapshots.append(_snapshot(at, found))
        return tuple(snapshots)

    async def ask(self, promql: str, instant: float) -> list[float | None]:
        """What each series of a query is at an instant; None where it is no number."""
        found = await self._prometheus.at(promql, instant)
        return [series.points[-1][1] if series.points else None for series in found]

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
        asked = self._asked.setdefault(family, {})
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


def _snapshot(at: float, found: Sequence[tuple[Source, Reading]]) -> Snapshot:
    """Of several families of one source the counts stand side by side."""
    sources: dict[Source, dict[Process, dict[str, int]]] = {}
    for source, reading in found:
        processes = sources.setdefault(source, {})
        for process, counts in reading.items():
            processes.setdefault(process, {}).update(counts)
    return Snapshot(
        at,
        answers=sources.get("answers", {}),
        durations=sources.get("durations", {}),
        inputs=sources.get("inputs", {}),
        classes=sources.get("classes", {}),
        outputs=sources.get("outputs", {}),
    )


def _counted(family: Family, keys: Collection[Key]) -> str:
    by = ", ".join(["namespace", "pod", "deployment", "revision", "start", *family.labels])
    counted = f"max by ({by}) (last_over_time({family.metric}{_selector(keys)}[{REMEMBERED}]))"
    if family.only is None:
        return counted
    metric, matcher, label = family.only
    beside = f"last_over_time({metric}{_selector(keys, matcher)}[{REMEMBERED}])"
    return f"{counted} and on (namespace, deployment, {label}) {beside}"


def _selector(keys: Collection[Key], matcher: str = "") -> str:
    namespaces, deployments = sorted({k.namespace for k in keys}), sorted({k.deployment for k in keys})
    named = f"namespace=~{_any_of(namespaces)}, deployment=~{_any_of(deployments)}"
    return f"{{{named}, {matcher}}}" if matcher else f"{{{named}}}"


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
        process, counted = _process(series.labels), family.key(series.labels)
        if process is None or counted is None:
            continue
        key = Key(series.labels.get("namespace", ""), series.labels.get("deployment", ""))
        by_time = readings.setdefault(key, {})
        for time, value in series.points:
            by_time.setdefault(_millis(time), {}).setdefault(process, {})[counted] = round(value)
    return {key: dict[int, Reading](by_time) for key, by_time in readings.items()}


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
