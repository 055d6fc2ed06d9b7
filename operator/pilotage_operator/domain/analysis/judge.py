"""All checks of one canary: a pure function of what its and stable's counters stood at since its first request.

`Judgement` is the same function taken one instant at a time, so that nobody has to keep the series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pilotage_operator.api.analysis import Check
from pilotage_operator.api.durations import seconds
from pilotage_operator.domain.analysis.counts import Interval, Snapshot, Tally, answered, timed
from pilotage_operator.domain.analysis.error_rate import ErrorRate
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.latency import Latency
from pilotage_operator.domain.analysis.sequential import Comparison
from pilotage_operator.domain.analysis.share import observed_share

ALPHA = 0.01
"""Chance that a canary no worse than its limits is rolled back in a whole rollout."""


@dataclass(frozen=True)
class Judgement:
    """The checks after so many instants. Ask `begin` for the first."""

    checks: tuple[ErrorRate | Latency, ...]
    answers: Tally
    durations: Tally

    @classmethod
    def begin(
        cls, checks: Sequence[Check], *, stable: str, canary: str, since: float, alpha: float = ALPHA
    ) -> Judgement:
        """For two revisions, with evidence from `since` on. `alpha` is split over the checks that can roll back."""
        share = Comparison(alpha / max(1, sum(1 for check in checks if check.on_fail == "rollback")))
        return cls(
            checks=tuple(_followed(check, share) for check in checks),
            answers=Tally(stable, canary, since, answered),
            durations=Tally(stable, canary, since, timed),
        )

    @property
    def at(self) -> float | None:
        """The last instant that is in it."""
        return self.answers.at

    def after(self, snapshot: Snapshot) -> Judgement:
        """With the next instant; each exactly once, in order."""
        answers, counted = self.answers.after(snapshot.at, snapshot.answers)
        durations, measured = self.durations.after(snapshot.at, snapshot.durations)
        return Judgement(tuple(_after(check, counted, measured) for check in self.checks), answers, durations)

    def findings(self) -> tuple[Finding, ...]:
        """What each check says now, in the order of the spec."""
        return tuple(check.finding() for check in self.checks)

    def share_since(self, since: float) -> tuple[int, int]:
        """Requests of the canary and of stable since the weight was written."""
        return observed_share(self.answers.seen, since)


def _followed(check: Check, share: Comparison) -> ErrorRate | Latency:
    if check.error_rate is not None:
        return ErrorRate(check.name, check.error_rate.max_increase, share)
    if check.latency is None:
        raise ValueError(f"check {check.name} has no kind; the resource's schema does not allow that")
    latency = check.latency
    return Latency(check.name, latency.quantile, latency.max_ratio, seconds(latency.min_difference), share)


def _after(check: ErrorRate | Latency, counted: Interval | None, measured: Interval | None) -> ErrorRate | Latency:
    if isinstance(check, ErrorRate):
        return check.after(counted) if counted else check
    return check.after(measured) if measured else check


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
