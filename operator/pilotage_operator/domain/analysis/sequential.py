"""A sequential comparison of two rates, anytime-valid: it may be looked at after every interval.

One e-process on each side of the limit, a line p_canary = slope · p_stable + rise. For *fail* the null is the side of
it on which stable lies: an interval's e-value is the likelihood ratio of an alternative (a, b) against its
Kullback-Leibler projection on that line (Turner and Grünwald, "Exact anytime-valid confidence intervals for contingency
tables"), whose expectation is at most 1 for every pair of rates under the null, whatever the rates do from one interval
to the next. For *pass* the sides are swapped.

Evidence starts anew all the time, R_t = (R_{t-1} + w_t) · e_t (an e-detector: Shin, Ramdas and Rinaldo), so that a
canary that turns bad late is found as fast as one that was bad from the start. Since Σ w_t = 1, R_t exceeds 1/α with a
chance of at most α, ever (Ville's inequality).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp, inf, log

from pilotage_operator.domain.analysis.dispersion import Counted
from pilotage_operator.domain.analysis.finding import Verdict

EXCESSES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""What *fail* looks for: how far the canary is beyond the limit, in units of what the limit allows, at least 0.004."""
LEAST_UNIT = 0.004
INTERVALS_TO_FAIL = 3
"""One interval adds at most ln(1/α) / 3. Since weights are below 1, no rollback rests on fewer than four: the scrapes
of the two sides are never simultaneous, so a short outage of both shows in one before it shows in the other."""
PASS_CEILING = 6.0  # so that a pass is lost again soon after the canary turned bad
RESTARTS = 500


def log_weight(t: int) -> float:
    """ln w_t of interval t = 1, 2, …: w_1 = 1/2, then w_t = 250 / ((t + 498)(t + 499)), which sum to 1/2 for ever.

    Since 1/((t + 498)(t + 499)) = 1/(t + 498) - 1/(t + 499), the sum from 2 to T is 250 (1/500 - 1/(T + 499)).
    w_2 is 1/1002, w_500 is 1/3988, w_5000 is 1/120934.
    """
    if t == 1:
        return log(0.5)
    return log(0.5 * RESTARTS) - log((t + RESTARTS - 2) * (t + RESTARTS - 1))


@dataclass(frozen=True)
class Edge:
    """The limit: where the canary's rate is `slope` times stable's and `rise` more."""

    slope: float = 1.0
    rise: float = 0.0

    def at(self, rate: float) -> float:
        """The canary's rate on the edge, where stable's is `rate`."""
        return self.slope * rate + self.rise


@dataclass(frozen=True)
class Trial:
    """One interval seen from one side of the edge: counts, and the rates to test them with, fixed before it."""

    stable: Counted
    canary: Counted
    a: float  # stable's
    rates: Sequence[float]  # the canary's, all on the same side of the edge
    edge: Edge = Edge()


def excesses(a: float, at_edge: float) -> tuple[float, ...]:
    """The canary's rates that *fail* looks for, where stable's is `a` and the edge is above or below it."""
    unit = max(abs(at_edge - a), LEAST_UNIT)
    if at_edge < a:
        return tuple(max(at_edge - d * unit, 0.1 * at_edge) for d in EXCESSES)
    return tuple(min(at_edge + d * unit, 1 - 0.1 * (1 - at_edge)) for d in EXCESSES)


@dataclass(frozen=True)
class Comparison:
    """The evidence so far. `alpha`: chance of a false fail, over all looks; `alpha_pass`: of a false pass."""

    alpha: float
    alpha_pass: float = 0.05
    intervals: int = 0
    worse: tuple[float, ...] = field(default=(-inf,))  # ln R, one for each alternative
    better: tuple[float, ...] = field(default=(-inf,))

    def after(self, worse: Trial, better: Trial, phi: float) -> Comparison:
        """With one more interval, in which both sides answered; its counts scatter `phi` times as much as chance."""
        was_worse = self.worse if self.intervals else self.worse * len(worse.rates)
        was_better = self.better if self.intervals else self.better * len(better.rates)
        grown = replace(self, intervals=self.intervals + 1)
        return replace(
            grown,
            worse=tuple(grown._evidence(r, worse, b, phi) for r, b in zip(was_worse, worse.rates, strict=True)),
            better=tuple(
                min(PASS_CEILING, grown._evidence(r, better, b, phi))
                for r, b in zip(was_better, better.rates, strict=True)
            ),
        )

    def _evidence(self, before: float, trial: Trial, b: float, phi: float) -> float:
        """ln R after a trial of one alternative."""
        added = log_e(trial.stable, trial.canary, phi, (trial.a, b), trial.edge)
        return log_sum((before, log_weight(self.intervals))) + min(log(1 / self.alpha) / INTERVALS_TO_FAIL, added)

    @property
    def verdict(self) -> Verdict:
        """fail at mean R >= 1/alpha; else pass at mean R' >= 1/alpha_pass; else unknown."""
        if log_sum(self.worse) - log(len(self.worse)) >= log(1 / self.alpha):
            return "fail"
        if log_sum(self.better) - log(len(self.better)) >= log(1 / self.alpha_pass):
            return "pass"
        return "unknown"


def log_e(stable: Counted, canary: Counted, phi: float, rates: tuple[float, float], edge: Edge) -> float:
    """ln of one interval's e-value: rates (a, b) against the nearest on the edge, on counts divided by `phi`."""
    (n_s, e_s), (n_c, e_c), (a, b) = stable, canary, rates
    x = project(n_s, n_c, rates, edge)
    y = edge.at(x)
    ratio = e_s * log(a / x) + (n_s - e_s) * log((1 - a) / (1 - x))
    return (ratio + e_c * log(b / y) + (n_c - e_c) * log((1 - b) / (1 - y))) / phi


def project(n_s: float, n_c: float, rates: tuple[float, float], edge: Edge) -> float:
    """x such that (x, y) with y = slope · x + rise is the Kullback-Leibler projection of `rates` on the edge.

    The one root of n_s (a/x - (1-a)/(1-x)) + slope · n_c (b/y - (1-b)/(1-y)), which falls in x: Newton's steps, halving
    where one would leave the bracket between a and the place of b on the edge.
    """
    a, b = rates
    slope, rise = edge.slope, edge.rise
    below = (b - rise) / slope
    low = max(min(a, below), -rise / slope + 1e-12, 1e-12)
    high = min(max(a, below), (1 - rise) / slope - 1e-12, 1 - 1e-12)
    x = min(max((n_s * a + n_c * below) / (n_s + n_c), low), high)
    for _ in range(100):
        y = slope * x + rise
        value = n_s * (a / x - (1 - a) / (1 - x)) + slope * n_c * (b / y - (1 - b) / (1 - y))
        low, high = (x, high) if value > 0 else (low, x)
        fall = n_s * (a / x**2 + (1 - a) / (1 - x) ** 2) + slope**2 * n_c * (b / y**2 + (1 - b) / (1 - y) ** 2)
        nearer = x + value / fall
        if not low <= nearer <= high:
            nearer = (low + high) / 2
        if abs(nearer - x) <= 1e-14 * x:
            return nearer
        x = nearer
    return x


def log_sum(logs: Sequence[float]) -> float:
    """ln of the sum of what the logarithms stand for."""
    most = max(logs)
    return most if most == -inf else most + log(sum(exp(x - most) for x in logs))
