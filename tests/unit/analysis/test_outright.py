"""A version that fails outright is taken back after two intervals, and only such a one."""

from math import exp, log

import numpy as np
import pytest

from pilotage_operator.domain.analysis.error_rate import ErrorRate
from pilotage_operator.domain.analysis.outright import evidence
from pilotage_operator.domain.analysis.sequential import log_weight
from tests.unit.analysis.reference import Reference
from tests.unit.analysis.series import Pair, interval

ALPHA, LIMIT = 0.0025, 0.01


def followed(
    stable: list[Pair], canary: list[Pair], *, share: float | None = 0.25, intervals: int = 2, before: int = 60
) -> ErrorRate:
    check = ErrorRate.begin("errorRate", LIMIT, ALPHA)
    for _ in range(before):
        check = check.after(interval(stable), None if share is None else 0.0)
    for _ in range(intervals):
        check = check.after(interval(stable, canary), share)
    return check


@pytest.mark.parametrize(
    ("stable", "canary", "share", "intervals", "verdict"),
    [
        pytest.param([(250, 2)] * 3, [(125, 63)] * 2, 0.25, 2, "fail", id="both pods of it answer half with errors"),
        pytest.param([(250, 2)] * 3, [(250, 125)], 0.25, 2, "fail", id="its one pod, and good answers are missing"),
        pytest.param([(250, 2)] * 3, [(250, 125)], 0.25, 1, "unknown", id="one interval is never enough"),
        pytest.param([(250, 2)] * 3, [(250, 125)], None, 2, "unknown", id="samples that are not fresh"),
        pytest.param([(250, 2)] * 3, [(250, 125)], 0.0, 2, "unknown", id="while its share changes"),
        pytest.param([(1, 0)] * 3, [(250, 125)], 1.0, 3, "unknown", id="when it has all the traffic but stragglers"),
        pytest.param([(250, 2)] * 3, [(125, 1), (125, 125)], 0.25, 3, "unknown", id="one broken pod of two"),
        pytest.param([(250, 2)] * 3, [(500, 250)], 0.25, 3, "unknown", id="a client that fails adds to its requests"),
        pytest.param([(250, 25)] * 3, [(250, 75)], 0.25, 2, "unknown", id="stable in trouble as well"),
        pytest.param([(25, 0)] * 3, [(12, 6)], 0.25, 3, "unknown", id="too few requests"),
        pytest.param([(250, 2)] * 3, [(250, 25)], 0.25, 3, "unknown", id="ten percent take the slow way"),
    ],
)
def test_a_version_that_fails_outright(
    stable: list[Pair], canary: list[Pair], share: float | None, intervals: int, verdict: str
) -> None:
    assert followed(stable, canary, share=share, intervals=intervals).finding().verdict == verdict


def test_an_outage_that_one_side_shows_an_interval_before_the_other_is_nobodys() -> None:
    check = followed([(250, 2)] * 3, [(250, 2)], intervals=20)
    for stable, canary in [(2, 150), (150, 150), (150, 150), (150, 2), (2, 2)]:
        check = check.after(interval([(250, stable)] * 3, [(250, canary)]), 0.25)
        assert check.finding().verdict != "fail"


@pytest.mark.parametrize("seed", range(12))
def test_it_comes_out_as_in_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    limit, requests = float(rng.choice([0.005, 0.01, 0.05])), int(rng.choice([60, 600, 6000]))
    base, bad = float(rng.uniform(0, 0.05)), float(rng.choice([0.0, 0.05, 0.6]))
    pods, share, began = int(rng.integers(1, 3)), 0.25, 8
    reference = Reference(limit, ALPHA * 0.95)
    check = ErrorRate.begin("errorRate", limit, ALPHA)
    expected = False
    for number in range(28):
        rates = np.clip(base * np.exp(rng.normal(0, 0.3, 2)), 0, 0.9)
        n = rng.poisson(requests * (1 - share) / 3, 3) + 1
        stable = [(int(k), int(rng.binomial(k, rates[0]))) for k in n]
        canary: list[Pair] = []
        if number >= began:
            n = rng.poisson(requests * share / pods, pods) + 1
            worse = bad if number >= began + 10 else 0.0
            canary = [(int(k), int(rng.binomial(k, min(rates[1] + worse, 1.0)))) for k in n]
        weight = share if canary else 0.0
        check = check.after(interval(stable, canary), weight)
        reference.observe(stable, canary or [(0, 0)], weight)
        assert check.rate.comparison.worse == pytest.approx(tuple(reference.worse), rel=1e-9, abs=1e-9) or not canary
        assert check.rate.comparison.better == pytest.approx(tuple(reference.better), rel=1e-9, abs=1e-9) or not canary
        assert check.rate.dispersion.phi == pytest.approx(reference.phi, rel=1e-12)
        found = reference.outright()
        if found is not None:
            assert evidence(check.outright.seen, limit) == pytest.approx(found, rel=1e-9, abs=1e-9)
            expected = expected or found >= -log(2 * check.outright.alpha) - log_weight(check.outright.looks)
        assert check.outright.failed is expected


def test_what_it_may_spend_is_bounded_for_ever() -> None:
    spent = sum(2 * exp(log_weight(t)) for t in range(2, 200_000))
    assert 0.99 < spent < 1
