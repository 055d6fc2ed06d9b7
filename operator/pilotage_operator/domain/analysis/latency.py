"""A quantile of the time that requests take, canary against stable, from histograms and without interpolation.

Two neighbouring edges of the histogram have stable's quantile between them, by its past: above the lower one more than
1 - quantile of its requests were, above the upper one fewer. Where stable takes e, the canary may take up to
max(maxRatio · e, e + minDifference). *fail*: of the canary more is above the smallest edge not below that than of
stable above the upper edge. *pass*: of the canary less is above the largest edge not beyond that than of stable above
the lower edge. Both are the sequential comparison with a limit of 0. With one edge for both, requests that all take
nearly the same time would make one of the verdicts impossible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import ClassVar

from pilotage_operator.domain.analysis.confidence import wilson
from pilotage_operator.domain.analysis.counts import Interval, PodCount, Source
from pilotage_operator.domain.analysis.dispersion import Counted, Dispersion
from pilotage_operator.domain.analysis.evidence import RECENT, Evidence, requests_to_pass
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.sequential import Comparison, Trial, excesses

PRIOR_REQUESTS, PRIOR_TAIL = 50.0, 0.5
# What an interval still counts for one interval later, where stable's quantile is looked for. Errors are rare, and want
# a long memory; how long requests take follows the load of the hour, and edges that lie where the quantile was tell
# little. No guarantee rests on it: an alternative may be any guess that was made before the interval.
MEMORY = 0.9
BETTER_SHARES = (0.15, 0.4, 0.7)  # what *pass* looks for: a tail of so much of stable's
ROUNDING = 0.001  # edges are written with six digits

Histogram = Mapping[float, float]
"""Requests not above each edge, in seconds; above all of them is infinity."""


@dataclass(frozen=True)
class Bound:
    """`stable`: an edge beside its quantile; `tail`: its share above that, by the past; `canary`: the edge for it."""

    stable: float
    tail: float
    canary: float


@dataclass(frozen=True)
class Edges:
    """Where both sides' requests are counted as slow."""

    worse: Bound
    better: Bound


@dataclass(frozen=True)
class Latency:
    """Follows one check. `quantile` above 0 and below 1, `max_ratio` at least 1, `min_difference` in seconds."""

    source: ClassVar[Source] = "durations"

    name: str
    quantile: float
    max_ratio: float
    min_difference: float
    comparison: Comparison
    dispersion: Dispersion = field(default_factory=Dispersion)
    past: Histogram = field(default_factory=dict)  # stable's, discounted
    last: Histogram = field(default_factory=dict)  # stable's interval before, where it has one pod only
    recent: tuple[Histogram, Histogram] = ({}, {})  # stable and canary, discounted: what is shown
    evidence: Evidence = field(default_factory=Evidence)

    def after(self, interval: Interval) -> Latency:
        """With one more interval; each exactly once."""
        pods = [_histogram(p) for p in interval.stable if p.requests]
        stable = _sum(pods)
        canary = _sum([_histogram(p) for p in interval.canary if p.requests])
        edges = self._edges(stable, canary)
        learnt = replace(self, past=_discounted(self.past, stable, MEMORY), last=stable)
        if edges is None or not stable:
            return learnt
        dispersion = self.dispersion
        if canary:
            learnt = learnt._compared(interval, stable, canary, edges)
            dispersion = learnt.dispersion
        alike = pods if len(pods) > 1 else [self.last, stable]
        seen = [above(histogram, edges.worse.stable) for histogram in alike if edges.worse.stable in histogram]
        return replace(learnt, dispersion=dispersion.after_stable(seen))

    def _compared(self, interval: Interval, stable: Histogram, canary: Histogram, edges: Edges) -> Latency:
        slow, slow_canary = above(stable, edges.worse.stable), above(canary, edges.worse.canary)
        worse = Trial(slow, slow_canary, edges.worse.tail, excesses(edges.worse.tail, edges.worse.tail))
        better = Trial(
            above(stable, edges.better.stable),
            above(canary, edges.better.canary),
            edges.better.tail,
            tuple(edges.better.tail * share for share in BETTER_SHARES),
        )
        return replace(
            self,
            comparison=self.comparison.after(worse, better, self.dispersion.phi),
            dispersion=self.dispersion.after_both(slow, slow_canary),
            recent=(_discounted(self.recent[0], stable, RECENT), _discounted(self.recent[1], canary, RECENT)),
            evidence=self.evidence.after(interval),
        )

    def _edges(self, *needed_in: Histogram) -> Edges | None:
        """By the past alone, among the edges that everything has; None where the past has too few requests."""
        rare, total = 1 - self.quantile, self.past.get(inf, 0.0)
        if total * rare < 1:
            return None
        shared = sorted(
            edge for edge in self.past if edge < inf and all(edge in histogram for histogram in needed_in if histogram)
        )
        if not shared:
            return None
        tails = {edge: (total - self.past[edge] + PRIOR_TAIL) / (total + PRIOR_REQUESTS) for edge in shared}
        upper = next((edge for edge in shared if tails[edge] <= rare), shared[-1])
        lower = max((edge for edge in shared if tails[edge] >= rare), default=shared[0])
        slowest, fastest = self._allowed(upper) * (1 - ROUNDING), self._allowed(lower) * (1 + ROUNDING)
        return Edges(
            worse=Bound(upper, _inside(tails[upper]), next((edge for edge in shared if edge >= slowest), inf)),
            better=Bound(lower, _inside(tails[lower]), max(edge for edge in shared if edge <= fastest)),
        )

    def _allowed(self, stable: float) -> float:
        return max(self.max_ratio * stable, stable + self.min_difference)

    def finding(self) -> Finding:
        verdict, edges = self.evidence.allows(self.comparison.verdict), self._edges()
        if edges is None:
            limit = f"{self.max_ratio:g} × stable"
            message = f"stable has answered too few requests to know its p{100 * self.quantile:g}"
            return Finding(self.name, "unknown", "", limit, str(self.evidence), message)
        better, total = edges.better, self.past[inf]
        expected = (total - self.past[better.canary] + PRIOR_TAIL) / (total + PRIOR_REQUESTS)
        needed = requests_to_pass(expected, better.tail, self.dispersion.phi)
        limit = milliseconds(self._allowed(edges.worse.stable))
        figure, seen = "", f"p{100 * self.quantile:g}"
        if self.evidence.canary:
            of_stable, of_canary = (milliseconds(quantile(h, self.quantile)) for h in self.recent)
            figure = f"{of_canary} (stable {of_stable})"
            seen = f"p{100 * self.quantile:g} of the canary is about {of_canary}, of stable {of_stable}"
        finding = self.evidence.finding(self.name, verdict, seen, figure, limit, needed)
        return replace(finding, interval=self._interval())

    def _interval(self) -> str:
        """Between which edges the canary's quantile lies: where shares are that Wilson's interval has."""
        of_canary = self.recent[1]
        if not of_canary.get(inf):
            return ""
        shares = wilson(of_canary[inf], self.quantile * of_canary[inf], self.dispersion.phi)
        low, high = (milliseconds(quantile(of_canary, share)) for share in shares)
        return f"{low} to {high}"


def above(histogram: Histogram, edge: float) -> Counted:
    """All requests, and those that took longer than an edge."""
    return histogram[inf], histogram[inf] - histogram[edge]


def _inside(share: float) -> float:
    return min(max(share, 1e-5), 0.9)


def quantile(histogram: Histogram, share: float) -> float:
    """The smallest edge that at least `share` of the requests are not above; infinity beyond the last."""
    return min(edge for edge, count in histogram.items() if count >= share * histogram[inf])


def milliseconds(seconds: float) -> str:
    """At most three digits: 0.0123 is `12.3ms`; beyond the last edge there is no figure."""
    return "beyond the last bucket" if seconds == inf else f"{1000 * seconds:.3g}ms"


def _histogram(pod: PodCount) -> Histogram:
    return {float(edge): count for edge, count in pod.counts.items()}


def _sum(histograms: list[Histogram]) -> Histogram:
    """Of several processes, at the edges that all of them have."""
    if not histograms:
        return {}
    shared = set(histograms[0]).intersection(*histograms[1:])
    return {edge: sum(h[edge] for h in histograms) for edge in sorted(shared)}


def _discounted(before: Histogram, new: Histogram, memory: float) -> Histogram:
    """At the edges that both have. Where none is left, as with another build of the server, it begins anew."""
    if not new:
        return {edge: memory * count for edge, count in before.items()}
    shared = before.keys() & new.keys()
    if shared <= {inf}:
        return new
    return {edge: memory * before[edge] + new[edge] for edge in sorted(shared)}
