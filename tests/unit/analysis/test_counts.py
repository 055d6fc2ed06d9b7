"""From counters to what was counted in between."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage_operator.domain.analysis.counts import Interval, Process, Reading, answered, intervals
from tests.unit.analysis.series import BEGIN, CANARY, INTERVAL, STABLE, pod

S1, S2 = pod("s1"), pod("s2")
C1 = pod("c1", int(BEGIN) + 1, CANARY)
LATE = pod("c1", int(BEGIN + INTERVAL) + 1, CANARY)
Row = dict[Process, dict[str, int]]


def counted(*rows: Row, since: float = BEGIN) -> tuple[Interval, ...]:
    series = [(BEGIN + i * INTERVAL, row) for i, row in enumerate(rows)]
    return intervals(series, STABLE, CANARY, since, answered)


def by_pod(interval: Interval) -> dict[str, dict[str, int]]:
    """What was counted, without the zeros."""
    found = {p.pod: {k: n for k, n in p.counts.items() if n} for p in (*interval.stable, *interval.canary)}
    return {name: counts for name, counts in found.items() if counts}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            [{S1: {"200": 100}}, {S1: {"200": 107, "500": 1}, C1: {"200": 3}}],
            [{"s1": {"200": 7, "500": 1}, "c1": {"200": 3}}],
            id="a pod that was there before counts from where it stood, a new one from 0",
        ),
        pytest.param(
            [{S1: {"200": 100}}, {S1: {"200": 100}, C1: {"200": 3}}, {S1: {"200": 104}, C1: {"200": 5}}],
            [{"s1": {"200": 4}, "c1": {"200": 5}}],
            id="an interval without a request of one side is merged with the next",
        ),
        pytest.param(
            [
                {S1: {"200": 10}, S2: {"200": 10}},
                {S1: {"200": 12}, C1: {"200": 1}},
                {S1: {"200": 13}, S2: {"200": 15}, C1: {"200": 2}},
            ],
            [{"s1": {"200": 2}, "c1": {"200": 1}}, {"s1": {"200": 1}, "s2": {"200": 5}, "c1": {"200": 1}}],
            id="a pod that vanishes adds nothing, and goes on from where it stood",
        ),
        pytest.param(
            [
                {S1: {"200": 10}},
                {S1: {"200": 20}, C1: {"200": 9}},
                {S1: {"200": 15}, C1: {"200": 10}},
                {S1: {"200": 22}, C1: {"200": 11}},
            ],
            [{"s1": {"200": 10}, "c1": {"200": 9}}, {"s1": {"200": 2}, "c1": {"200": 2}}],
            id="a source that lags for an instant neither takes away nor counts twice",
        ),
        pytest.param(
            [
                {S1: {"200": 10}},
                {pod("s1", int(BEGIN) + 3): {"200": 4}, S1: {"200": 10}, C1: {"200": 1}},
            ],
            [{"s1": {"200": 4}, "c1": {"200": 1}}],
            id="a process that starts again begins at 0 and takes nothing from the one before",
        ),
        pytest.param(
            [{}, {S1: {"200": 1000, "500": 400}}, {S1: {"200": 1001, "500": 400}, LATE: {"200": 2}}],
            [{"s1": {"200": 1}, "c1": {"200": 2}}],
            id="what a pod had counted before the metrics' memory begins is nobody's evidence",
        ),
        pytest.param(
            [
                {},
                {S1: {"200": 7}},
                {S1: {"200": 8}, S2: {"200": 900}, C1: {"200": 0}},
                {S2: {"200": 901}, C1: {"200": 1}},
            ],
            [{"s1": {"200": 1}, "s2": {"200": 1}, "c1": {"200": 1}}],
            id="nor of a pod that is found an instant later than the first",
        ),
        pytest.param(
            [{S1: {"200": 1}}, {}, {S1: {"200": 4}, C1: {"200": 2}}],
            [{"s1": {"200": 3}, "c1": {"200": 2}}],
            id="an instant without samples loses nothing",
        ),
        pytest.param(
            [{S1: {"200": 1}}, {S1: {"200": 2}, pod("x", int(BEGIN) + 2, "eeeeeeeeee"): {"500": 9}, C1: {"200": 1}}],
            [{"s1": {"200": 1}, "c1": {"200": 1}}],
            id="a third revision is on neither side",
        ),
        pytest.param([{S1: {"200": 1}}], [], id="one instant is no interval"),
        pytest.param([{}, {}], [], id="no samples are no interval"),
    ],
)  # fmt: skip
def test_differences(rows: list[Row], expected: list[dict[str, dict[str, int]]]) -> None:
    assert [by_pod(interval) for interval in counted(*rows)] == expected


def test_stable_is_known_from_before_the_first_request() -> None:
    first, second = counted(
        {S1: {"200": 1}}, {S1: {"200": 3}}, {S1: {"200": 4}, C1: {"200": 1}}, since=BEGIN + INTERVAL
    )
    assert (first.sides, second.sides) == ((2, 0), (1, 1))
    assert first.canary == ()


pods = st.sampled_from([S1, S2, C1, pod("c2", int(BEGIN) + 8, CANARY)])
growth = st.lists(
    st.dictionaries(pods, st.fixed_dictionaries({"200": st.integers(0, 50), "503": st.integers(0, 5)})), min_size=1
)


def _grown(steps: list[dict[Process, dict[str, int]]]) -> list[Row]:
    rows: list[Row] = [{S1: {"200": 5, "503": 1}, S2: {"200": 9, "503": 0}}]
    for step in steps:
        before = rows[-1]
        rows.append(
            {
                p: {code: before.get(p, {}).get(code, 0) + step.get(p, {}).get(code, 0) for code in ("200", "503")}
                for p in {**before, **step}
            }
        )
    return rows


@given(growth)
def test_every_request_is_counted_once_unless_it_still_waits(steps: list[dict[Process, dict[str, int]]]) -> None:
    rows = _grown(steps)
    everybody = {C1: {"200": 0, "503": 0}, **rows[-1]}
    closing = {process: {code: n + 1 for code, n in counts.items()} for process, counts in everybody.items()}
    found = counted(*rows, closing)
    for side, revision in ((0, STABLE), (1, CANARY)):
        first = sum(answered(counts) for p, counts in rows[0].items() if p.revision == revision)
        last = sum(answered(counts) for p, counts in closing.items() if p.revision == revision)
        assert sum(interval.sides[side] for interval in found) == last - first
    assert all(min(interval.sides) > 0 for interval in found)


@given(growth, st.lists(st.integers(0, 30)), st.randoms())
def test_scraping_twice_and_the_order_of_pods_change_nothing(
    steps: list[dict[Process, dict[str, int]]], twice: list[int], random: Random
) -> None:
    rows = _grown(steps)
    series: list[tuple[float, Reading]] = []
    for i, row in enumerate(rows):
        shuffled = list(row.items())
        random.shuffle(shuffled)
        series += [(BEGIN + i * INTERVAL, dict(shuffled))] * (2 if i in twice else 1)
    again = intervals(series, STABLE, CANARY, BEGIN - 1, answered)
    once = intervals([(BEGIN + i * INTERVAL, row) for i, row in enumerate(rows)], STABLE, CANARY, BEGIN - 1, answered)
    assert [(i.stable, i.canary) for i in again] == [(i.stable, i.canary) for i in once]
