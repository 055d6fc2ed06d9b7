"""Whole rollouts with random traffic, seeded: what the promises come to.

Far fewer than the simulations behind the method's published figures; enough to see it broken.
"""

from math import log

import numpy as np
import pytest
from numpy.random import Generator

from pilotage_operator.domain.analysis.counts import Interval, PodCount
from pilotage_operator.domain.analysis.error_rate import ErrorRate
from pilotage_operator.domain.analysis.latency import Latency
from pilotage_operator.domain.analysis.sequential import Comparison
from tests.unit.analysis.series import BOOT, interval

ALPHA = 0.005
EDGES = np.array([0.0001 * 1.3 ** (k / 2) for k in range(93)])
NAMES = [*(repr(float(f"{edge:.6g}")) for edge in EDGES), "+Inf"]


def rollout(
    rng: Generator, requests: float, base: float, increase: float, share: float = 0.25, intervals: int = 120
) -> tuple[str, int]:
    """The first verdict that is not unknown, and after how many intervals; stable has three pods, its rate drifts and
    both have outages in common that the scrapes see at different times."""
    check, drift, outage = ErrorRate.begin("errorRate", 0.01, ALPHA), 0.0, 0.0
    for number in range(-30, intervals):
        drift = 0.95 * drift + 0.31 * 0.3 * rng.standard_normal()
        rate, late = min(base * np.exp(drift), 0.5), outage
        outage = rng.choice([0.0, 0.3], p=[0.99, 0.01])
        stable = [(n, int(rng.binomial(n, max(rate, outage)))) for n in rng.poisson(requests * (1 - share) / 3, 3)]
        n = int(rng.poisson(requests * share))
        errors = int(rng.binomial(n, min(1.0, max(rate, late) + increase)))
        if number < 0:
            check = check.after(interval([(int(n), e) for n, e in stable]))
        elif n and sum(n for n, _ in stable):
            check = check.after(interval([(int(n), e) for n, e in stable], [(n, errors)]))
            if check.finding().verdict == "fail":
                return "fail", number + 1
    return check.finding().verdict, intervals


@pytest.mark.parametrize(("requests", "base"), [(40, 0.01), (1000, 0.001), (1000, 0.01), (1000, 0.05), (10_000, 0.01)])
def test_good_canaries_are_not_rolled_back(requests: float, base: float) -> None:
    rng = np.random.default_rng(1)
    verdicts = [rollout(rng, requests, base, 0.0)[0] for _ in range(12)]
    assert verdicts.count("fail") == 0


@pytest.mark.parametrize(
    ("requests", "increase", "typically", "at_most"),
    [(1000, 0.5, 5, 10), (1000, 0.05, 20, 60), (100, 0.5, 10, 20), (10_000, 0.05, 8, 30)],
)
def test_bad_canaries_are_found(requests: float, increase: float, typically: int, at_most: int) -> None:
    rng = np.random.default_rng(2)
    found = [rollout(rng, requests, 0.01, increase) for _ in range(10)]
    assert {verdict for verdict, _ in found} == {"fail"}
    assert float(np.median([after for _, after in found])) <= typically
    assert max(after for _, after in found) <= at_most


def timed(rng: Generator, name: str, requests: float, median: float) -> PodCount:
    """Log-normal times, as those of a server under a varying load."""
    seconds = np.exp(log(median) + 0.6 * rng.standard_normal(int(rng.poisson(requests))))
    below = [*np.searchsorted(np.sort(seconds), EDGES, side="right"), len(seconds)]
    return PodCount(name, BOOT, {edge: int(n) for edge, n in zip(NAMES, below, strict=True)}, len(seconds))


def slow_rollout(rng: Generator, ratio: float, intervals: int = 80) -> str:
    check, drift = Latency("latency-p95", 0.95, 1.3, 0.0, Comparison(ALPHA)), 0.0
    for number in range(-20, intervals):
        drift = 0.95 * drift + 0.31 * 0.15 * rng.standard_normal()
        median = 0.008 * float(np.exp(drift))
        stable = tuple(timed(rng, f"s{i}", 250, median) for i in range(3))
        canary = (timed(rng, "c", 250, median * ratio),) if number >= 0 else ()
        check = check.after(Interval(0.0, 5.0, stable, canary))
        if check.finding().verdict == "fail":
            return "fail"
    return check.finding().verdict


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        pytest.param(0.8, {"pass"}, id="faster"),
        pytest.param(1.0, {"pass"}, id="as fast"),
        pytest.param(1.3, {"unknown"}, id="exactly at the limit"),
        pytest.param(1.7, {"fail"}, id="slower"),
        pytest.param(3.0, {"fail"}, id="much slower"),
    ],
)
def test_a_canary_of_another_speed(ratio: float, expected: set[str]) -> None:
    rng = np.random.default_rng(3)
    assert {slow_rollout(rng, ratio) for _ in range(4)} == expected
