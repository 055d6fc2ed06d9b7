"""The bench's arithmetic: percentiles, medians over rounds, shares, slopes, and goals met or missed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Sample:
    """One server under one load, or the median over rounds. `nan` is what a load does not tell."""

    rate: float  # answers a second
    p50: float  # seconds
    p99: float  # seconds
    cpu: float  # seconds of its whole process tree, per answer


def median(rounds: Sequence[Sample]) -> Sample:
    """Field by field: a round that was disturbed in one figure is not the middle one in any.

    >>> median([Sample(1, 5, 9, 1), Sample(2, 4, 8, 1), Sample(9, 3, 7, 4)])
    Sample(rate=2, p50=4, p99=8, cpu=1)
    """
    return Sample(*(statistics.median(column) for column in zip(*map(astuple, rounds), strict=True)))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed (nearest rank); nan of nothing.

    >>> percentile([4, 1, 3, 2], 0.5), percentile([1, 2, 3], 0.99)
    (2, 3)
    """
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """By how much y grows with each x, by least squares.

    >>> slope([(0, 10), (1, 12), (2, 14)])
    2.0
    """
    x_mean = statistics.fmean(x for x, _ in points)
    y_mean = statistics.fmean(y for _, y in points)
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / spread


@dataclass(frozen=True)
class Goal:
    """What a figure should be, what it must at least be, and what was seen.

    `more` is whether a higher figure is better; `form` writes it, as `{:.1f}×`.
    """

    title: str
    goal: float
    least: float
    seen: float
    more: bool
    form: str

    @property
    def verdict(self) -> str:
        """Which of the two is met; else by how much the nearer one is missed.

        >>> Goal("", 45, 30, 24, True, "{}").verdict
        'missed by 20 %'
        """
        if math.isnan(self.seen):
            return "not measured"
        if self._reaches(self.goal):
            return "goal met"
        if self._reaches(self.least):
            return "at least met"
        return f"missed by {math.ceil(100 * abs(self.seen - self.least) / self.least)} %"

    def _reaches(self, wanted: float) -> bool:
        return self.seen >= wanted if self.more else self.seen <= wanted

    def row(self) -> tuple[str, ...]:
        """The goal's line in the table."""
        seen = "–" if math.isnan(self.seen) else self.form.format(self.seen)
        return self.title, self.form.format(self.goal), self.form.format(self.least), seen, self.verdict
