"""The cells of the study: each a way to simulate one rollout, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from pilotage_operator.domain.analysis.counts import Counts, Interval, labelled
from pilotage_operator.domain.analysis.drift import Drift
from pilotage_operator.domain.analysis.input_quality import InputQuality
from pilotage_operator.domain.analysis.latency import Latency
from pilotage_operator.domain.analysis.prediction_share import PredictionShare
from pilotage_operator.domain.analysis.sequential import Comparison
from tests.bench.judgement import answers, ours
from tests.bench.judgement.rivals import RIVALS
from tests.bench.judgement.worlds import HISTORY, LENGTH, ROLLOUT, WORLDS, Change, Traffic, World, traffic

ALPHA = 0.005
"""Of one of two checks, as errorRate and latency are by default."""
LIMIT = 0.01
REQUESTS = (10, 100, 1000, 10_000)
BASES = (0.0, 0.001, 0.01, 0.05)
BASE = 0.01  # where the canary is bad
NOTHING = Change("nothing")
CHANGES = (
    Change("+50 %", plus=0.5),
    Change("+5 %", plus=0.05),
    Change("+1 %", plus=0.01),
    Change("×5", times=5.0),
    Change("×2", times=2.0),
    Change("×1.5", times=1.5),
)
HALF = np.full(LENGTH, 0.5)
QUARTER = np.full(LENGTH, 0.25)
TWENTIETH = np.full(LENGTH, 0.05)
WEIGHTS = {"5 %": TWENTIETH, "25 %": QUARTER, "50 %": HALF}
STEPS = (90, 180)  # intervals at which ROLLOUT goes to another weight

Outcome = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """`runs` of them are wanted, and `quick` of them at least."""

    table: str
    labels: tuple[str, ...]
    runs: int
    run: Callable[[Generator], Outcome]
    quick: int = 1

    @property
    def key(self) -> str:
        return "/".join((self.table, *self.labels))


def cells() -> list[Cell]:
    """All of them."""
    good = [
        Cell("good", (world.name, f"{n:,}", f"{base:.1%}"), 16, _errors(world, n, base, NOTHING, ROLLOUT))
        for world in WORLDS
        for n in REQUESTS
        for base in BASES
    ]
    bad = [
        Cell("bad", (f"{n:,}", change.name, where), 15, _errors(WORLDS[0], n, BASE, change, share), 2)
        for n in REQUESTS
        for change in CHANGES
        for where, share in WEIGHTS.items()
    ]
    rise = Change("0 → 0.5 %", plus=0.005)
    small = [
        Cell("small", (f"{n:,}", f"{limit:.1%}"), 20, _errors(WORLDS[0], n, 0.0, rise, QUARTER, limit))
        for n in REQUESTS
        for limit in (0.001, 0.01)
    ]
    latency = [
        Cell("latency", (f"{n:,}", f"× {ratio:g}"), 8, _latency(n, ratio))
        for n in REQUESTS[1:3]
        for ratio in (1.0, 1.3, 1.5, 2.0)
    ]
    shares = [
        Cell("shares", (f"{n:,}", f"1 % → {times:g} %"), 12, _shares(n, times))
        for n in REQUESTS
        for times in (1.0, 1.5, 3.0, 9.0)
    ]
    drift = [
        Cell("drift", (f"{n:,}", f"{shift:g} σ", f"{answers.psi(shift):.2f}"), 12, _drift(n, shift))
        for n in REQUESTS
        for shift in (0.0, 0.1, 0.25, 0.5, 1.0)
    ]
    several = [Cell("several", (f"{n:,}",), 20, _several(n)) for n in REQUESTS[:3]]
    return [*good, *bad, *small, *latency, *shares, *drift, *several]


def beyond_limit(change: Change) -> bool:
    """Whether the limit does not allow it."""
    return BASE * (change.times - 1) + change.plus > LIMIT * 1.001


def _errors(
    world: World, requests: float, base: float, change: Change, share: Any, limit: float = LIMIT
) -> Callable[[Generator], Outcome]:
    def run(rng: Generator) -> Outcome:
        seen = traffic(rng, world, requests, base, change, share)
        judged = ours.errors(seen, limit, ALPHA)
        found: dict[str, Any] = {"passed": judged.passed, "ours": _ended(seen, judged.failed)}
        for name, rival in RIVALS.items():
            found[name] = _ended(seen, rival(seen, base + limit))
        return found

    return run


def _ended(seen: Traffic, at: int | None) -> tuple[int | None, int]:
    """When it was rolled back, and how many bad answers the canary had given by then."""
    errors = seen.canary[1][HISTORY:].sum(1)
    return at, int(errors.sum() if at is None else errors[: at + 1].sum())


def _latency(requests: float, ratio: float) -> Callable[[Generator], Outcome]:
    def run(rng: Generator) -> Outcome:
        check = Latency("latency-p95", 0.95, 1.3, 0.0, Comparison(ALPHA))
        steps = answers.times(rng, requests, QUARTER[:180], ratio)
        return _verdict(ours.follow(check, lambda c, i: c.after(i), "durations", steps))

    return run


def _shares(requests: float, times: float) -> Callable[[Generator], Outcome]:
    def run(rng: Generator) -> Outcome:
        check = PredictionShare("predictionShare", (1.5, 0.01), None, None, ALPHA)
        steps = answers.classes(rng, requests, QUARTER, 0.01, times)
        return _verdict(ours.follow(check, lambda c, i: c.after(i), "classes", steps))

    return run


def _drift(requests: float, shift: float) -> Callable[[Generator], Outcome]:
    def run(rng: Generator) -> Outcome:
        check = Drift("predictionDrift", 0.2, None, ALPHA / (len(STEPS) + 1))
        return _verdict(ours.follow(check, _at_steps, "predictions", answers.scores(rng, requests, ROLLOUT, shift)))

    return run


def _at_steps(check: Drift, interval: Interval) -> Drift:
    """Begins anew where the weight changes."""
    for step in STEPS:
        since = (HISTORY + step) * ours.SECONDS
        if interval.begin >= since > check.since:
            check = check.since_weight(since)
    return check.after(interval)


def _several(requests: float) -> Callable[[Generator], Outcome]:
    """Four checks of one good canary at once, in a world of failing clients: which of them rolls it back."""

    def run(rng: Generator) -> Outcome:
        alpha, found = ALPHA / 2, {}
        world = next(w for w in WORLDS if w.burst > 1)
        judged = {
            "errorRate": ours.errors(traffic(rng, world, requests, 0.01, NOTHING), LIMIT, alpha),
            "inputQuality": ours.follow(
                InputQuality.begin("inputQuality", LIMIT, alpha, "the canary"),
                lambda c, i: c.after(i),
                "inputs",
                _invalid(traffic(rng, world, requests, 0.01, NOTHING)),
            ),
            "predictionShare": ours.follow(
                PredictionShare("predictionShare", (1.5, 0.01), None, None, alpha),
                lambda c, i: c.after(i),
                "classes",
                answers.classes(rng, requests, ROLLOUT, 0.05, 1.0),
            ),
            "predictionDrift": ours.follow(
                Drift("predictionDrift", 0.2, None, alpha / (len(STEPS) + 1)),
                _at_steps,
                "predictions",
                answers.scores(rng, requests, ROLLOUT, 0.0),
            ),
        }
        found = {name: verdict.failed is not None for name, verdict in judged.items()}
        return {**found, "any": any(found.values()), "all passed": all(v.passed is not None for v in judged.values())}

    return run


def _invalid(seen: Traffic) -> list[ours.Step]:
    key = labelled("invalid", "country", "unknown_category")

    def pods(step: Any) -> list[Counts]:
        return [{"rows": counts["200"] + counts["500"], key: counts["500"]} for counts in step]

    return [(pods(stable), pods(canary)) for stable, canary in ours.by_code(seen)]


def _verdict(judged: ours.Judged) -> Outcome:
    return {"failed": judged.failed, "passed": judged.passed}
