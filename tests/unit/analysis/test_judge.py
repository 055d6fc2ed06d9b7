"""All checks over a whole series: what may not matter, and what follows from what."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage_operator.api.analysis import Check
from pilotage_operator.domain.analysis.counts import Snapshot
from pilotage_operator.domain.analysis.error_rate import ErrorRate
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.judge import Judgement, judge
from pilotage_operator.domain.analysis.latency import Latency
from tests.unit.analysis.series import BEGIN, CANARY, INTERVAL, STABLE, Pair, snapshots

CHECKS = (
    Check.model_validate({"errorRate": {"maxIncrease": 0.01}}),
    Check.model_validate({"latency": {"quantile": 0.95, "maxRatio": 1.3, "minDifference": "5ms"}}),
)
HISTORY = 12
SINCE = BEGIN + HISTORY * INTERVAL

pair = st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
row = st.tuples(st.lists(pair, min_size=2, max_size=2), st.lists(pair, min_size=2, max_size=2))
rows = st.lists(row, min_size=HISTORY + 1, max_size=HISTORY + 12)


def judged(series: Sequence[Snapshot], checks: Sequence[Check] = CHECKS) -> tuple[Finding, ...]:
    return judge(checks, series, stable=STABLE, canary=CANARY, since=SINCE)


@given(rows, st.integers(1, 20))
@settings(max_examples=40)
def test_a_replay_after_a_restart_finds_what_was_found_step_by_step(
    traffic: list[tuple[list[Pair], list[Pair]]], restart: int
) -> None:
    series = snapshots(traffic, HISTORY)
    judgement = Judgement.begin(CHECKS, stable=STABLE, canary=CANARY, since=SINCE)
    for number, snapshot in enumerate(series):
        judgement = judgement.after(snapshot)
        if number == restart:
            assert judgement.findings() == judged(series[: number + 1])
    assert judgement.findings() == judged(series)
    assert judgement.at == series[-1].at


@given(rows, st.randoms())
@settings(max_examples=40)
def test_neither_double_scrapes_nor_the_order_of_pods_change_a_verdict(
    traffic: list[tuple[list[Pair], list[Pair]]], random: Random
) -> None:
    series = snapshots(traffic, HISTORY)
    noisy = []
    for snapshot in series:
        answers = list(snapshot.answers.items())
        random.shuffle(answers)
        noisy += [Snapshot(snapshot.at, dict(answers))] * random.choice([1, 1, 2])
    assert [f.verdict for f in judged(noisy)] == [f.verdict for f in judged(series)]
    assert [f.figure for f in judged(noisy)] == [f.figure for f in judged(series)]


@given(st.lists(st.lists(pair, min_size=2, max_size=2), min_size=HISTORY + 1, max_size=HISTORY + 25))
@settings(max_examples=60)
def test_a_canary_that_does_what_stable_does_never_fails(both: list[list[Pair]]) -> None:
    series = snapshots([(pairs, pairs) for pairs in both], HISTORY)
    assert all(finding.verdict != "fail" for finding in judged(series))


@pytest.mark.parametrize(
    ("on_fail", "alphas"),
    [
        pytest.param(("rollback", "rollback"), (0.00475, 0.005), id="two that can roll back share the chance"),
        pytest.param(("rollback", "pause"), (0.0095, 0.01), id="one that pauses takes nothing from the other"),
        pytest.param(("observe", "observe"), (0.0095, 0.01), id="without any that can roll back nothing is split"),
    ],
)
def test_the_chance_of_a_false_rollback_is_split(on_fail: tuple[str, str], alphas: tuple[float, float]) -> None:
    checks = [
        Check.model_validate({**check.dump(), "onFail": word}) for check, word in zip(CHECKS, on_fail, strict=True)
    ]
    judgement = Judgement.begin(checks, stable=STABLE, canary=CANARY, since=SINCE)
    slow, latency = judgement.checks
    assert isinstance(slow, ErrorRate)
    assert isinstance(latency, Latency)
    assert (slow.rate.comparison.alpha, latency.comparison.alpha) == pytest.approx(alphas)
    assert slow.rate.comparison.alpha + slow.outright.alpha == pytest.approx(alphas[0] / 0.95)


def test_findings_come_in_the_order_of_the_spec() -> None:
    assert [finding.name for finding in judged((), CHECKS[::-1])] == ["latency-p95", "errorRate"]


def test_without_samples_nothing_is_known() -> None:
    empty = [Snapshot(BEGIN + i * INTERVAL, {}) for i in range(20)]
    assert [finding.verdict for finding in judged(empty)] == ["unknown", "unknown"]


def test_the_share_is_counted_one_interval_after_the_weight_changed() -> None:
    judgement = Judgement.begin(CHECKS, stable=STABLE, canary=CANARY, since=SINCE)
    quiet = [([(10, 0)] * 2, [(0, 0)])] * (HISTORY + 2)
    for snapshot in snapshots([*quiet, *[([(30, 0), (45, 0)], [(25, 0)])] * 4], HISTORY):
        judgement = judgement.after(snapshot)
    assert judgement.share_since(SINCE + 2 * INTERVAL) == (75, 225)
    assert judgement.share_since(SINCE + 2 * INTERVAL - 1) == (75, 225)
    assert judgement.share_since(SINCE) == (100, 320), "a canary that gets nothing is seen to get nothing"
    assert judgement.share_since(SINCE + 10 * INTERVAL) == (0, 0)
