"""What is known of a canary at the newest instant: Prometheus' counters, judged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from pilotage_operator.api.analysis import Check
from pilotage_operator.api.durations import seconds
from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.clients.counters import Counters, Key
from pilotage_operator.clients.prometheus import PrometheusUnavailable
from pilotage_operator.domain.analysis.availability import (
    Availability,
    Scrapes,
    availability,
    fresh,
    scrape_interval,
    unreachable,
)
from pilotage_operator.domain.analysis.due import due, instants
from pilotage_operator.domain.analysis.judge import Judgement, Weight, needed
from pilotage_operator.domain.analysis.query import Answer, answer, filled
from pilotage_operator.domain.rollout.seen import Metrics
from pilotage_operator.domain.rollout.state import Canary, Stable
from pilotage_operator.domain.rollout.traffic import meant_share, weight_count

USUAL_SCRAPE = 5.0  # seconds, until two scrapes have been seen
LAG = 1.0  # seconds from a weight written to a weight in force
SEEN = 120.0  # seconds for which it is known when processes were scraped


@dataclass(frozen=True)
class _Question:
    """What a judgement is about: as long as it is the same, only new instants are read."""

    stable: str
    canary: str
    attempt: int
    since: float
    analysis: str


class Measure:
    """Keeps one judgement in memory for each canary; after a restart one range query brings it back."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._judged: dict[Key, tuple[_Question, Judgement]] = {}

    def forget(self, namespace: str, name: str) -> None:
        """The deployment measures nothing any more."""
        self._judged.pop(Key(namespace, name), None)

    async def metrics(
        self,
        namespace: str,
        name: str,
        spec: ModelDeploymentSpec,
        stable: Stable,
        canary: Canary,
        pods: int,
        now: float,
    ) -> Metrics:
        """Never raises: a Prometheus that is away is a finding too. `pods`: those that stable has.

        Of a canary that has had no traffic yet there is nothing to judge, only whether it could be.
        """
        key, interval, since = Key(namespace, name), seconds(spec.analysis.interval), canary.measured_since
        analysis = spec.analysis.model_dump_json()
        about = stable.revision, canary.revision, canary.attempt
        question = None if since is None else _Question(*about, since, analysis)
        try:
            scrapes = await self._counters.scrapes(key, now)
            scrape = scrape_interval(scrapes) or USUAL_SCRAPE
            instant = due(now, interval, scrape)
            judgement = await self._judgement(key, question, spec, canary, pods, instant, scrapes) if question else None
        except PrometheusUnavailable as error:
            return self._metrics(unreachable(str(error)), self._known(key, question), canary, None)
        sampled = availability(
            scrapes, stable=stable.revision, canary=canary.revision, instant=instant, interval=interval
        )
        return replace(
            self._metrics(sampled, judgement, canary, instant),
            next_at=instant + interval + scrape,
            write_at=ceil(_settled(now, scrape) / interval) * interval - _settled(0.0, scrape),
        )

    async def _judgement(
        self,
        key: Key,
        question: _Question,
        spec: ModelDeploymentSpec,
        canary: Canary,
        pods: int,
        instant: float,
        scrapes: Scrapes,
    ) -> Judgement:
        judgement = self._known(key, question)
        checks, interval = spec.analysis.checks, seconds(spec.analysis.interval)
        if judgement is None:
            judgement = Judgement.begin(
                checks,
                stable=question.stable,
                canary=question.canary,
                since=question.since,
                steps=weight_count(spec),
                name=canary.version,
            )
        scrape = scrape_interval(scrapes) or USUAL_SCRAPE
        if canary.weight_since is not None:
            settled = _settled(canary.weight_since, scrape)
            judgement = judgement.at_weight(Weight(meant_share(spec, canary, pods), canary.weight_since, settled))
        missing = instants(question.since, judgement.at, instant, interval)
        if missing:
            slow = interval >= 2 * scrape  # then even a scrape that is missed is made up for
            for snapshot in await self._counters.read(key, missing, interval, needed(checks)):
                known = slow or snapshot.at > instant - SEEN
                judgement = judgement.after(snapshot, fresh=known and fresh(scrapes, snapshot.at, interval))
                await asyncio.sleep(0)  # a long replay does not hold up the Lease
            judgement = judgement.answered(await self._answers(key, question, checks, instant))
        self._judged[key] = (question, judgement)
        return judgement

    async def _answers(
        self, key: Key, question: _Question, checks: Sequence[Check], instant: float
    ) -> dict[str, Answer]:
        """A query that cannot be answered is its own check's trouble alone."""
        found = {}
        for check in checks:
            if check.query is not None:
                promql = filled(
                    check.query.promql,
                    namespace=key.namespace,
                    deployment=key.deployment,
                    stable=question.stable,
                    canary=question.canary,
                )
                try:
                    found[check.name] = answer(await self._counters.ask(promql, instant))
                except PrometheusUnavailable as error:
                    found[check.name] = Answer(None, str(error))
        return found

    def _known(self, key: Key, question: _Question | None) -> Judgement | None:
        asked, judgement = self._judged.get(key, (None, None))
        return judgement if question and asked == question else None

    def _metrics(
        self, sampled: Availability, judgement: Judgement | None, canary: Canary, instant: float | None
    ) -> Metrics:
        if judgement is None:
            return Metrics(sampled.available, sampled.message, instant)
        of_canary, of_stable = judgement.share_since(canary.weight_since or 0.0)
        return Metrics(sampled.available, sampled.message, instant, of_canary, of_stable, judgement.findings())


def _settled(written: float, scrape: float) -> float:
    """From when on everything that is scraped shows a weight."""
    return written + LAG + scrape
