"""How much more than chance the counts scatter, learnt from the past only.

Requests come in clumps, pods have their own weather, scrapes are not simultaneous. All of it makes counts scatter more
than independent requests would, by a factor φ; a test that divides its counts by φ is right again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

Counted = tuple[float, float]
"""Requests, and those of them that went badly."""

SAFETY = 1.25
PRIOR = 10.0  # χ² and degrees of freedom before anything was seen: φ begins at SAFETY
WINSOR = 30.0  # the most that one degree of freedom may add


@dataclass(frozen=True)
class Dispersion:
    """φ = 1.25 · max(1, A, B): A Pearson's χ² per degree of freedom among stable's own pods in one interval, B that of
    the difference between canary and stable around its mean; each (10 + Σχ²) / (10 + Σdf)."""

    among_pods: tuple[float, float] = (PRIOR, PRIOR)
    around_mean: tuple[float, float] = (PRIOR, PRIOR)
    mean: tuple[float, float] = (0.0, 0.0)  # Σ weight · difference, Σ weight

    @property
    def phi(self) -> float:
        """By what the counts are to be divided; at least 1.25."""
        return SAFETY * max(1.0, self.among_pods[0] / self.among_pods[1], self.around_mean[0] / self.around_mean[1])

    def after_stable(self, alike: Sequence[Counted]) -> Dispersion:
        """With what groups that ought to be alike showed: stable's pods, or its one pod in two intervals."""
        chi_square, freedom = spread(alike)
        return replace(self, among_pods=(self.among_pods[0] + chi_square, self.among_pods[1] + freedom))

    def after_both(self, stable: Counted, canary: Counted) -> Dispersion:
        """With one interval in which both answered."""
        (n_s, e_s), (n_c, e_c) = stable, canary
        difference, weight = e_c / n_c - e_s / n_s, n_s * n_c / (n_s + n_c)
        mean = self.mean[0] + weight * difference, self.mean[1] + weight
        middle = mean[0] / mean[1]
        p = min(max((e_c + e_s - n_c * middle) / (n_s + n_c), 0.0, -middle), 1 - max(0.0, middle))
        variance = p * (1 - p) / n_s + (p + middle) * (1 - p - middle) / n_c
        around = self.around_mean
        if variance > 1e-12:
            around = around[0] + min((difference - middle) ** 2 / variance, WINSOR), around[1] + 1
        return replace(self, mean=mean, around_mean=around)


def spread(groups: Sequence[Counted]) -> tuple[float, int]:
    """Pearson's χ² of the bad ones between groups, and its degrees of freedom; (0, 0) where nothing can be told.

    Two pods with 100 requests each, 10 and 20 of them bad: p = 0.15, χ² = 2 · 5² / (100 · 0.15 · 0.85) = 3.92, df 1.
    """
    seen = [(n, e) for n, e in groups if n > 0]
    requests, bad = sum(n for n, _ in seen), sum(e for _, e in seen)
    if len(seen) < 2 or not 0 < bad < requests:
        return 0.0, 0
    p, freedom = bad / requests, len(seen) - 1
    return min(sum((e - n * p) ** 2 / (n * p * (1 - p)) for n, e in seen), WINSOR * freedom), freedom
