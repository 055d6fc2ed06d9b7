"""The project's own checks on simulated counts: nothing of them is written again here, from counters to verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pilotage_operator.domain.analysis.counts import REQUESTS, Counts, Interval, Process, Reading, Source, Tally
from pilotage_operator.domain.analysis.error_rate import ErrorRate
from pilotage_operator.domain.analysis.finding import Finding
from tests.bench.judgement.worlds import HISTORY, Traffic

SECONDS = 5.0
STABLE, CANARY = "stable", "canary"


@dataclass(frozen=True)
class Judged:
    """In which interval of the rollout it first failed, and first passed; None where it never did."""

    failed: int | None
    passed: int | None


class Check(Protocol):
    def finding(self) -> Finding: ...


C = TypeVar("C", bound=Check)
Step = tuple[Sequence[Counts], Sequence[Counts]]
"""What stable's pods and the canary's counted in one interval."""


def follow(check: C, after: Callable[[C, Interval], C], source: Source, steps: Sequence[Step]) -> Judged:
    """The first HISTORY steps are stable's past."""
    passed = None
    for interval in _intervals(source, steps):
        check = after(check, interval)
        if interval.canary:
            at, verdict = round(interval.end / SECONDS) - HISTORY - 1, check.finding().verdict
            if verdict == "fail":
                return Judged(at, passed)
            if verdict == "pass" and passed is None:
                passed = at
    return Judged(None, passed)


def errors(seen: Traffic, limit: float, alpha: float) -> Judged:
    """The error rate; the fast path knows the share, and the samples are fresh."""

    def after(check: ErrorRate, interval: Interval) -> ErrorRate:
        shares = set(seen.share[round(interval.begin / SECONDS) : round(interval.end / SECONDS)].tolist())
        return check.after(interval, shares.pop() if len(shares) == 1 else 0.0)

    return follow(ErrorRate.begin("errorRate", limit, alpha), after, "answers", by_code(seen))


def by_code(seen: Traffic) -> list[Step]:
    """As the serving pods count their answers."""

    def pods(counts: tuple[Sequence[int], Sequence[int]]) -> list[Counts]:
        return [{"200": n - e, "500": e} for n, e in zip(*counts, strict=True)]

    (n_s, e_s), (n_c, e_c) = ((n.tolist(), e.tolist()) for n, e in (seen.stable, seen.canary))
    return [(pods((n_s[t], e_s[t])), pods((n_c[t], e_c[t]))) for t in range(len(n_s))]


def _intervals(source: Source, steps: Sequence[Step]) -> Iterator[Interval]:
    """Counters grow, are read at every instant, and differences are taken."""
    tally = Tally(STABLE, CANARY, HISTORY * SECONDS, REQUESTS[source])
    stood: dict[Process, dict[str, int]] = {}
    tally, _ = tally.after(0.0, _read(stood, ([{}] * len(steps[0][0]), [{}] * len(steps[0][1]))))
    for t, step in enumerate(steps, 1):
        tally, interval = tally.after(t * SECONDS, _read(stood, step))
        if interval is not None:
            yield interval


def _read(stood: dict[Process, dict[str, int]], step: Step) -> Reading:
    for revision, pods in ((STABLE, step[0]), (CANARY, step[1])):
        for i, counts in enumerate(pods):
            total = stood.setdefault(Process(f"{revision}-{i}", 0, revision), {})
            for key, n in counts.items():
                total[key] = total.get(key, 0) + n
    return {process: dict(counts) for process, counts in stood.items()}
