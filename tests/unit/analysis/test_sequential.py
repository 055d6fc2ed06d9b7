"""The arithmetic of the comparison, against numbers and against its own definition worked out another way."""

from itertools import accumulate
from math import exp, inf, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage_operator.domain.analysis.dispersion import Dispersion, spread
from pilotage_operator.domain.analysis.evidence import requests_to_pass
from pilotage_operator.domain.analysis.sequential import (
    Comparison,
    Edge,
    Trial,
    excesses,
    log_e,
    log_sum,
    log_weight,
    project,
)

EDGE = Edge(1.0, 0.01)


def test_the_weights_sum_to_one_for_ever() -> None:
    later = list(accumulate(exp(log_weight(t)) for t in range(2, 200_001)))
    assert exp(log_weight(1)) == pytest.approx(0.5)
    for t in (2, 500, 200_000):
        assert later[t - 2] == pytest.approx(250 * (1 / 500 - 1 / (t + 499)), rel=1e-9)
    assert 0.498 < later[-1] < 0.5


@pytest.mark.parametrize(("t", "one_in"), [(2, 1002), (100, 1432.8), (500, 3988), (5000, 120934)])
def test_a_weight_is_near_a_thousandth_while_rollouts_last(t: int, one_in: float) -> None:
    assert exp(-log_weight(t)) == pytest.approx(one_in, rel=1e-4)


@pytest.mark.parametrize(
    ("stable", "canary", "rates", "limit", "expected"),
    [
        # from the reference that was simulated
        ((300, 3), (100, 9), (0.01, 0.03), 0.01, 2.227497233815069),
        ((300, 0), (100, 0), (1e-05, 0.0125), 0.01, -0.251468142495486),
        ((7500, 80), (2500, 1290), (0.011, 0.661), 0.01, 1678.6808691610702),
        ((95, 5), (5, 0), (0.05, 0.05), 0.01, 0.05307696357802645),
        ((95, 5), (5, 0), (0.05, 0.057), 0.01, 0.015941992097428533),
        ((900, 45), (300, 21), (0.05, 0.054), 0.0, 0.32630443249814556),
        ((900, 45), (300, 2), (0.05, 0.02), 0.0, 6.003915030888992),
        ((40, 38), (9, 9), (0.9, 0.985), 0.05, -0.02130164237605095),
    ],
)
def test_an_e_value_is_that_of_the_reference(
    stable: tuple[int, int], canary: tuple[int, int], rates: tuple[float, float], limit: float, expected: float
) -> None:
    assert log_e(stable, canary, 1.0, rates, Edge(1, limit)) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert log_e(stable, canary, 2.0, rates, Edge(1, limit)) == pytest.approx(expected / 2, rel=1e-9, abs=1e-9)


rate = st.floats(1e-5, 0.5)


@given(rate, rate, st.floats(0, 0.4), st.integers(1, 10_000), st.integers(1, 10_000))
def test_the_projection_is_the_nearest_point_of_the_edge(a: float, b: float, limit: float, n_s: int, n_c: int) -> None:
    def distance(x: float) -> float:
        y = x + limit
        of_stable = a * log(a / x) + (1 - a) * log((1 - a) / (1 - x))
        return n_s * of_stable + n_c * (b * log(b / y) + (1 - b) * log((1 - b) / (1 - y)))

    x = project(n_s, n_c, (a, b), Edge(1, limit))
    for other in (x * (1 + 1e-4), x * (1 - 1e-4)):
        if min(a, b - limit) < other < max(a, b - limit):
            assert distance(x) <= distance(other) + 1e-9


@given(rate, st.floats(0.001, 0.3), st.sampled_from([0.25, 1, 8, 64]), st.integers(1, 4), st.integers(1, 4), rate)
def test_an_e_value_expects_at_most_one_on_the_nulls_side(
    a: float, limit: float, d: float, n_s: int, n_c: int, p: float
) -> None:
    b = min(a + limit + d * limit, 1 - 0.1 * (1 - a - limit))
    for canary in (p, max(p - 0.1, 0.0), min(p + limit, 1.0)):
        expected = sum(
            _binomial(n_s, e_s, p)
            * _binomial(n_c, e_c, canary)
            * exp(log_e((n_s, e_s), (n_c, e_c), 1.0, (a, b), Edge(1, limit)))
            for e_s in range(n_s + 1)
            for e_c in range(n_c + 1)
        )
        assert expected <= 1 + 1e-9


@given(rate, st.sampled_from([0.02, 0.5, 1.5, 8.0]), st.integers(1, 3), st.integers(1, 3), rate, st.floats(0, 1))
@settings(deadline=None)
def test_so_does_that_against_a_ratio_in_either_direction(
    a: float, slope: float, n_s: int, n_c: int, p: float, part: float
) -> None:
    edge = Edge(slope, 0.0)
    if edge.at(a) >= 0.99:
        return
    b = excesses(a, edge.at(a))[2]
    limit = min(edge.at(p), 1.0)
    canary = limit * part if slope > 1 else limit + (1 - limit) * part
    expected = sum(
        _binomial(n_s, e_s, p) * _binomial(n_c, e_c, canary) * exp(log_e((n_s, e_s), (n_c, e_c), 1.0, (a, b), edge))
        for e_s in range(n_s + 1)
        for e_c in range(n_c + 1)
    )
    assert expected <= 1 + 1e-9


def _binomial(n: int, k: int, p: float) -> float:
    ways = 1
    for i in range(k):
        ways = ways * (n - i) // (i + 1)
    return float(ways * p**k * (1 - p) ** (n - k))


def test_evidence_is_a_sum_over_all_beginnings() -> None:
    alpha, worse, better = 0.0025, excesses(0.01, 0.02), (0.01, 0.014)
    counts = [((300, 3), (100, e)) for e in (2, 9, 1, 12, 30, 0, 7)]
    comparison = Comparison(alpha)
    for stable, canary in counts:
        trials = Trial(stable, canary, 0.01, worse, EDGE), Trial(stable, canary, 0.01, better, EDGE)
        comparison = comparison.after(*trials, 1.25)
    cap = log(1 / alpha) / 3
    for i, b in enumerate(worse):
        steps = [min(cap, log_e(s, c, 1.25, (0.01, b), EDGE)) for s, c in counts]
        whole = log_sum([log_weight(t + 1) + sum(steps[t:]) for t in range(len(steps))])
        assert comparison.worse[i] == pytest.approx(whole, rel=1e-12)


def test_no_fail_rests_on_fewer_than_four_intervals() -> None:
    counts = (10_000, 0), (10_000, 10_000)
    worse = Trial(*counts, 0.01, excesses(0.01, 0.02), EDGE)
    better = Trial(*counts, 0.01, (0.01,), EDGE)
    comparison, verdicts = Comparison(0.005), []
    for _ in range(5):
        comparison = comparison.after(worse, better, 1.25)
        verdicts.append(comparison.verdict)
    assert verdicts == ["unknown"] * 3 + ["fail"] * 2


def test_an_alternative_stays_a_rate_whatever_stable_does() -> None:
    for a, limit in ((1e-5, 0.0), (0.9, 0.0), (0.85, 0.1), (0.0095, 0.99)):
        assert all(a + limit < b < 1 for b in excesses(a, a + limit))


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        pytest.param([(100, 10), (100, 20)], (3.92157, 1), id="two pods"),
        pytest.param([(100, 10), (0, 0), (100, 20)], (3.92157, 1), id="a pod without requests says nothing"),
        pytest.param([(100, 10)], (0, 0), id="one pod cannot be compared"),
        pytest.param([(100, 0), (100, 0)], (0, 0), id="without errors nothing is learnt"),
        pytest.param([(100, 100), (100, 100)], (0, 0), id="nor with nothing but errors"),
        pytest.param([(1000, 1000), (1000, 0)], (30, 1), id="one interval cannot blow it up"),
    ],
)
def test_spread(groups: list[tuple[int, int]], expected: tuple[float, int]) -> None:
    assert spread(groups) == pytest.approx(expected, rel=1e-5)


def test_dispersion_is_that_of_the_reference() -> None:
    dispersion = Dispersion()
    assert dispersion.phi == 1.25
    for pods, canary in [
        ([(200, 2), (190, 9)], (100, 1)),
        ([(210, 0), (205, 11)], (90, 14)),
        ([(180, 30), (220, 1)], (120, 0)),
    ]:
        total = sum(n for n, _ in pods), sum(e for _, e in pods)
        dispersion = dispersion.after_both(total, canary).after_stable(pods)
    assert dispersion.phi == pytest.approx(5.43644561628525, rel=1e-9)


@pytest.mark.parametrize(("base", "requests"), [(0.001, 784), (0.01, 1923), (0.05, 6404)])
def test_requests_until_a_pass_is_likely(base: float, requests: int) -> None:
    assert requests_to_pass(base, base + 0.01, 1.0) == pytest.approx(requests, abs=1)


def test_a_limit_that_is_stable_itself_can_never_be_passed() -> None:
    assert requests_to_pass(0.05, 0.05, 1.25) == inf
