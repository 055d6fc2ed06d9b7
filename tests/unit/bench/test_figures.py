"""The bench's arithmetic: what it says must follow from what it saw."""

from __future__ import annotations

import math

import pytest

from tests.bench.serving import figures
from tests.bench.serving.figures import Goal, Sample


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [
        ([5.0], 0.99, 5.0),
        ([3.0, 1.0, 2.0, 4.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 101)], 1.0, 100.0),
        ([1.0, 2.0], 0.0, 1.0),
    ],
)
def test_a_percentile_is_the_nearest_rank(values: list[float], share: float, wanted: float) -> None:
    assert figures.percentile(values, share) == wanted


def test_a_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(figures.percentile([], 0.5))


def test_the_median_over_rounds_is_taken_of_each_figure_by_itself() -> None:
    rounds = [Sample(100, 1, 9, 3), Sample(300, 2, 8, 1), Sample(200, 3, 7, 2)]
    assert figures.median(rounds) == Sample(200, 2, 8, 2)


def test_a_slope_is_what_each_minute_adds() -> None:
    assert figures.slope([(0, 1), (1, 3), (2, 5), (3, 7)]) == 2
    assert figures.slope([(0, 4), (1, 4), (2, 4)]) == 0


@pytest.mark.parametrize(
    ("seen", "more", "verdict"),
    [
        (45.0, True, "goal met"),
        (44.9, True, "at least met"),
        (30.0, True, "at least met"),
        (24.0, True, "missed by 20 %"),
        (math.nan, True, "not measured"),
        (20.0, False, "goal met"),
        (33.0, False, "missed by 10 %"),
    ],
)
def test_a_goal_is_met_at_least_met_or_missed_by_so_much(seen: float, more: bool, verdict: str) -> None:
    goal = Goal("rate", 45, 30, seen, True, "{:.1f}×") if more else Goal("size", 25, 30, seen, False, "{:.1f} MB")
    assert goal.verdict == verdict


def test_a_goal_that_was_not_measured_shows_no_figure() -> None:
    assert Goal("rate", 45, 30, math.nan, True, "{:.1f}×").row() == ("rate", "45.0×", "30.0×", "–", "not measured")
