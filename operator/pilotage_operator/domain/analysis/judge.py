"""All checks of one canary: a pure function of what its and stable's counters stood at since its first request.

`Judgement` is the same function taken one instant at a time, so that nobody has to keep the series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pilotage_operator.api.analysis import Check
from pilotage_operator.api.durations import seconds
from pilotage_operator.domain.analysis.budget import ALPHA, part
from pilotage_operator.domain.analysis.counts import REQUESTS, Interval, Snapshot, Source, Tally
from pilotage_operator.domain.analysis.drift import Drift
from pilotage_operator.domain.analysis.error_rate import ErrorRate
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.input_quality import InputQuality
from pilotage_operator.domain.analysis.latency import Latency
from pilotage_operator.domain.analysis.prediction_share import PredictionShare
from pilotage_operator.domain.analysis.query import Answer, Query
from pilotage_operator.domain.analysis.sequential import Comparison
from pilotage_operator.domain.analysis.share import observed_share

Followed = ErrorRate | Latency | PredictionShare | Drift | InputQuality | Query


@dataclass(frozen=True)
class Weight:
    """The canary's share of the traffic as it is meant to be, when it was written, and since when everything that is
    scraped shows it."""

    share: float
    written: float
    since: float


@dataclass(frozen=True)
class Judgement:
    """The checks after so many instants. Ask `begin` for the first."""

    checks: tuple[Followed, ...]
    tallies: Mapping[Source, Tally]
    weight: Weight | None = None
    late: bool = True  # whether a sample was not fresh where the present interval of the answers begins

    @classmethod
    def begin(
        cls,
        checks: Sequence[Check],
        *,
        stable: str,
        canary: str,
        since: float,
        alpha: float = ALPHA,
        steps: int = 1,
        name: str = "the canary",
    ) -> Judgement:
        """For two revisions, with evidence from `since` on. `steps`: at how many weights the canary will stand; `name`:
        what people call it."""
        followed = tuple(_followed(check, part(checks, alpha), steps, name) for check in checks)
        sources: set[Source] = {"answers", *(check.source for check in followed if not isinstance(check, Query))}
        tallies = {source: Tally(stable, canary, since, REQUESTS[source]) for source in sorted(sources)}
        return cls(followed, tallies)

    @property
    def at(self) -> float | None:
        """The last instant that is in it."""
        return self.tallies["answers"].at

    def at_weight(self, weight: Weight) -> Judgement:
        """At another weight drift begins anew; the other checks go on."""
        if self.weight and (weight.share, weight.written) == (self.weight.share, self.weight.written):
            return self
        checks = tuple(c.since_weight(weight.since) if isinstance(c, Drift) else c for c in self.checks)
        return replace(self, weight=weight, checks=checks)

    def after(self, snapshot: Snapshot, *, fresh: bool = False) -> Judgement:
        """With the next instant; each exactly once, in order. `fresh`: no sample of it is older than an interval."""
        tallies: dict[Source, Tally] = {}
        completed: dict[Source, Interval] = {}
        for source, tally in self.tallies.items():
            tallies[source], interval = tally.after(snapshot.at, snapshot.of(source))
            if interval is not None:
                completed[source] = interval
        answers = completed.get("answers")
        share = None if answers is None or self.late or not fresh else self._share(answers)
        checks = tuple(_after(check, completed, share) for check in self.checks)
        begins = answers is not None or self.at is None
        return replace(self, checks=checks, tallies=tallies, late=not fresh if begins else self.late)

    def _share(self, interval: Interval) -> float:
        """The share that was meant in the whole interval; 0 where there was none."""
        return self.weight.share if self.weight and interval.begin >= self.weight.since else 0.0

    def answered(self, answers: Mapping[str, Answer]) -> Judgement:
        """With what the queries of the checks that have one came to, by the check's name."""
        return replace(
            self,
            checks=tuple(
                replace(check, answer=answers[check.name])
                if isinstance(check, Query) and check.name in answers
                else check
                for check in self.checks
            ),
        )

    def findings(self) -> tuple[Finding, ...]:
        """What each check says now, in the order of the spec."""
        return tuple(check.finding() for check in self.checks)

    def share_since(self, since: float) -> tuple[int, int]:
        """Requests of the canary and of stable since the weight was written."""
        return observed_share(self.tallies["answers"].seen, since)


def needed(checks: Sequence[Check]) -> frozenset[Source]:
    """What has to be read for these checks beside the answers."""
    found: set[Source] = set()
    for check in checks:
        if check.latency is not None:
            found.add("durations")
        if check.input_quality is not None:
            found.add("inputs")
        if check.prediction_share is not None or check.prediction_drift is not None:
            found.add("classes")
        if check.prediction_drift is not None:
            found.add("outputs")
    return frozenset(found)


def _followed(check: Check, alpha: float, steps: int, name: str) -> Followed:
    if check.error_rate is not None:
        return ErrorRate.begin(check.name, check.error_rate.max_increase, alpha)
    if check.latency is not None:
        latency = check.latency
        difference = seconds(latency.min_difference)
        return Latency(check.name, latency.quantile, latency.max_ratio, difference, Comparison(alpha))
    if check.input_quality is not None:
        return InputQuality.begin(check.name, check.input_quality.max_increase, alpha, name)
    if check.prediction_share is not None:
        share = check.prediction_share
        ratio = share.max_ratio, share.min_difference
        return PredictionShare(check.name, ratio, share.output, share.class_, alpha)
    if check.prediction_drift is not None:
        drift = check.prediction_drift
        return Drift(check.name, drift.max_psi, drift.output, alpha / steps)
    if check.query is None:
        raise ValueError(f"check {check.name} has no kind; the resource's schema does not allow that")
    return Query(check.name, check.query.min, check.query.max)


def _after(check: Followed, completed: Mapping[Source, Interval], share: float | None) -> Followed:
    if isinstance(check, Query) or check.source not in completed:
        return check
    interval = completed[check.source]
    return check.after(interval, share) if isinstance(check, ErrorRate) else check.after(interval)


def judge(
    checks: Sequence[Check],
    series: Sequence[Snapshot],
    *,
    stable: str,
    canary: str,
    since: float,
    alpha: float = ALPHA,
) -> tuple[Finding, ...]:
    """What each check says after a series of instants."""
    judgement = Judgement.begin(checks, stable=stable, canary=canary, since=since, alpha=alpha)
    for snapshot in series:
        judgement = judgement.after(snapshot)
    return judgement.findings()
