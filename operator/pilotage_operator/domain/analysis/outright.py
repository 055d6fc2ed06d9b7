"""The fast path: a version that fails outright, told in two intervals beside the sequential test's four.

The samples of the two sides are never simultaneous, so that an outage of both can show in the canary's interval k while
stable shows it in the one before or after. So the canary's interval k is judged at the end of k + 1, against the most
that stable could have shown under any skew of up to one interval. Both k and k + 1 must be bad; and every one of
several canary pods, or, with one pod, the good answers must be missing too: a client in trouble that is tied to one pod
adds errors, but takes no good answers away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log, sqrt
from typing import ClassVar

from pilotage_operator.domain.analysis.dispersion import Counted
from pilotage_operator.domain.analysis.rate import total
from pilotage_operator.domain.analysis.sequential import Edge, log_e, log_sum, log_weight

LEAST_EXCESS = 0.1  # beyond stable's worst; a version that fails outright is far beyond it
LEAST_ERRORS = (8, 5, 3)  # times φ: in the first interval, in the second, of each pod in the first
TOWARDS_ALL = (0.1, 0.25, 0.5, 0.9)  # what is looked for: so far from the limit to nothing but errors
DEVIATIONS = 3.0


@dataclass(frozen=True)
class Look:
    """One interval: stable's counts, each canary pod's; φ and stable's rate by the past. `index` counts from 1.

    `share` is the canary's of the traffic, as it was meant to be in the whole interval; 0 where that changed in it.
    """

    index: int
    stable: Counted
    canary: tuple[Counted, ...]
    share: float
    phi: float
    expected: float


@dataclass(frozen=True)
class Outright:
    """Follows one share; `limit` is by how much the canary's may be above stable's."""

    PART: ClassVar[float] = 0.05
    """How much of a check's chance of a false fail is its own."""

    limit: float
    alpha: float
    looks: int = 0
    seen: tuple[Look, ...] = ()  # the last three, without a gap
    failed: bool = False

    def after(
        self, stable: Counted, canary: Sequence[Counted], share: float | None, phi: float, expected: float
    ) -> Outright:
        """With one more interval. `share`: see Look; None where the samples at its ends were not fresh, so that more
        than an interval may lie between the two sides. `phi` and `expected` are of before it."""
        if share is None:
            return replace(self, seen=())
        look = Look(self.looks + 1, stable, tuple(canary), share, phi, expected)
        seen = (*self.seen, look)[-3:]
        return replace(self, looks=look.index, seen=seen, failed=self.failed or self._failed(seen))

    def _failed(self, seen: tuple[Look, ...]) -> bool:
        if len(seen) < 3 or not all(look.stable[0] and look.share < 1 for look in seen):
            return False
        one, two = seen[1], seen[2]
        if not (one.share and two.share and total(one.canary)[0]):
            return False
        (n, e), (m, f) = total(one.canary), total(two.canary)
        least = worst(seen) + max(3 * self.limit, LEAST_EXCESS)
        first, second, each = (times * one.phi for times in LEAST_ERRORS)
        if e < max(first, least * n) or f < max(second, least * m):
            return False
        # Σ 2 w_t over t = 2, 3, … is 1: so much of alpha is spent on this look.
        if evidence(seen, self.limit) < -log(2 * self.alpha) - log_weight(one.index + 1):
            return False
        if len(one.canary) > 1:
            return len(two.canary) == len(one.canary) and all(
                was >= each and was + bad >= least * (asked + more)
                for (asked, was), (more, bad) in zip(one.canary, two.canary, strict=True)
            )
        good = good_answers(seen)
        return good - (n - e + m - f) >= DEVIATIONS * sqrt(one.phi * good)


def worst(seen: Sequence[Look]) -> float:
    """The most of stable's errors that the canary's middle interval could have had for its share, under any skew."""
    before, one, after = seen
    shares = sum(look.stable[1] / look.stable[0] for look in seen)
    errors = sum(look.stable[1] for look in (before, one, after))
    return max(shares, errors * one.share / (1 - one.share) / total(one.canary)[0])


def evidence(seen: Sequence[Look], limit: float) -> float:
    """ln of the middle interval's e-value, mean over alternatives, where stable showed its worst; with no cap."""
    one, most = seen[1], min(worst(seen), 1.0)
    a = min(3 * one.expected, 0.5)
    n_s, edge = sum(look.stable[0] for look in seen) / 3, a + limit
    stable = n_s, n_s * most
    rates = (min(edge + d * (1 - edge), 1 - (1 - edge) * 0.05) for d in TOWARDS_ALL)
    found = [log_e(stable, total(one.canary), one.phi, (a, b), Edge(1.0, limit)) for b in rates]
    return log_sum(found) - log(len(found))


def good_answers(seen: Sequence[Look]) -> float:
    """How many good answers the canary had to give in its last two intervals by stable's, at the least."""
    good = [(look.stable[0] - look.stable[1]) / (1 - look.share) for look in seen]
    return min(look.share for look in seen[1:]) * min(a + b for a, b in pairwise(good))
