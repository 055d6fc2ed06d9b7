"""One share of each side, canary against stable, interval by interval: of answers that are errors, of rows that are
invalid, of rows that get a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pilotage_operator.domain.analysis.confidence import share_between, wilson
from pilotage_operator.domain.analysis.dispersion import Counted, Dispersion
from pilotage_operator.domain.analysis.evidence import MEMORY, RECENT, requests_to_pass
from pilotage_operator.domain.analysis.finding import Verdict
from pilotage_operator.domain.analysis.sequential import Comparison, Edge, Trial, excesses

STABLE_AT_FIRST = (100.0, 0.5)
BETTER_SHARES = (0.0, 0.4, 0.7)  # what *pass* looks for: so much of what the limit allows
WIDEST_LIMIT = 0.99  # beyond it nothing is left to look for


class Limit(Protocol):
    """How far the canary may be from stable."""

    def expected(self, rate: float) -> float:
        """Stable's rate by its past, kept where a canary beyond the limit is still a possible rate."""

    def edge(self, expected: float) -> Edge | None:
        """The limit where stable is expected there; None where no rate at all is beyond it."""


@dataclass(frozen=True)
class Increase:
    """The canary's share may be so much above stable's; above 0, at most 1."""

    most: float

    def expected(self, rate: float) -> float:
        return min(max(rate, 1e-5), 0.9, 0.95 * (1 - self._rise))

    def edge(self, expected: float) -> Edge:
        return Edge(1.0, self._rise)

    @property
    def _rise(self) -> float:
        return min(self.most, WIDEST_LIMIT)


@dataclass(frozen=True)
class Rate:
    """Follows one share. The limit's edge is chosen before each interval, by stable's past alone."""

    limit: Limit
    comparison: Comparison
    dispersion: Dispersion = field(default_factory=Dispersion)
    past: Counted = STABLE_AT_FIRST  # stable's, discounted: what its rate is expected to be
    last: Counted = (0, 0)  # stable's interval before, where it has one pod only
    recent: tuple[Counted, Counted] = ((0, 0), (0, 0))  # stable and canary, discounted: what is shown
    compared: tuple[Counted, Counted] = ((0, 0), (0, 0))  # and all of it
    pods: Mapping[str, Counted] = field(default_factory=dict)  # the canary's by pod, discounted

    def after(self, of_stable: Sequence[Counted], of_canary: Mapping[str, Counted]) -> Rate:
        """With one more interval, of each pod; each interval exactly once. Without a canary it is stable's past."""
        stable, canary = total(of_stable), total(list(of_canary.values()))
        compared = self._compared(stable, canary, of_canary) if stable[0] and canary[0] else self
        alike = of_stable if sum(1 for n, _ in of_stable if n) > 1 else [self.last, stable]
        return replace(
            compared,
            dispersion=compared.dispersion.after_stable(alike),
            past=_discounted(self.past, stable, MEMORY),
            last=stable,
            pods={pod: _discounted(self.pods.get(pod, (0, 0)), new, RECENT) for pod, new in of_canary.items()},
        )

    def _compared(self, stable: Counted, canary: Counted, pods: Mapping[str, Counted]) -> Rate:
        """What one odd pod does is no evidence of a failure, from the interval after the one that showed it on."""
        a, odd = self.expected, self.odd_pod
        edge, comparison = self.limit.edge(a), self.comparison
        if edge is not None:
            at_edge = edge.at(a)
            others = total([counted for pod, counted in pods.items() if pod != odd])
            worse = Trial(stable, others, a, excesses(a, at_edge), edge)
            better = Trial(stable, canary, a, tuple(a + share * (at_edge - a) for share in BETTER_SHARES), edge)
            comparison = comparison.after(worse, better, self.dispersion.phi)
        return replace(
            self,
            comparison=comparison,
            dispersion=self.dispersion.after_both(stable, canary),
            recent=(_discounted(self.recent[0], stable, RECENT), _discounted(self.recent[1], canary, RECENT)),
            compared=(_discounted(self.compared[0], stable, 1), _discounted(self.compared[1], canary, 1)),
        )

    @property
    def expected(self) -> float:
        """Stable's rate, by its past."""
        return self.limit.expected(self.past[1] / self.past[0])

    @property
    def verdict(self) -> Verdict:
        """fail and pass beyond chance; where nothing can be beyond the limit, pass. One pod alone does not fail."""
        if self.limit.edge(self.expected) is None:
            return "pass"
        return "unknown" if self.comparison.verdict == "fail" and self.odd_pod else self.comparison.verdict

    @property
    def odd_pod(self) -> str:
        """The one pod of several by which the canary is beyond the limit, while the others are within it and differ
        from that pod beyond chance: a bad node, or a client that is tied to it, and not the version. "" if none."""
        seen = {pod: counted for pod, counted in self.pods.items() if counted[0]}
        expected = self.limit.expected(self.shares[0])
        edge = self.limit.edge(expected)
        if len(seen) < 2 or edge is None:
            return ""
        side = 1 if edge.at(expected) >= expected else -1
        odd = max(sorted(seen), key=lambda pod: side * seen[pod][1] / seen[pod][0])
        n, e = total([counted for pod, counted in seen.items() if pod != odd])
        if side * (e / n - edge.at(expected)) > 0:
            return ""
        alone, others = (wilson(*counted, self.dispersion.phi) for counted in (seen[odd], (n, e)))
        apart = alone[0] > others[1] if side > 0 else alone[1] < others[0]
        return odd if apart else ""

    def noted(self, seen: str, verdict: Verdict) -> str:
        """`seen` in words; where the verdict is unknown for an odd pod, with that."""
        odd = self.odd_pod
        if verdict != "unknown" or not odd:
            return seen
        n, e = total([counted for pod, counted in self.pods.items() if pod != odd])
        there, elsewhere = percent(self.pods[odd][1] / self.pods[odd][0]), percent(e / n)
        alone = f"by pod {odd} alone, {there} there and {elsewhere} on the others"
        return f"{seen}; {alone}: look at its node, or who is tied to it"

    @property
    def needed(self) -> float:
        """About how many of the canary's show that a good one is within the limit."""
        edge = self.limit.edge(self.expected)
        return 0.0 if edge is None else requests_to_pass(self.expected, edge.at(self.expected), self.dispersion.phi)

    @property
    def shares(self) -> tuple[float, float]:
        """Of stable and of the canary, of late."""
        (n_s, e_s), (n_c, e_c) = self.recent
        return (e_s / n_s if n_s else 0.0), (e_c / n_c if n_c else 0.0)

    @property
    def distance(self) -> float:
        """How far the canary is on the way from stable to the limit, of late; 1 is at it."""
        of_stable, of_canary = self.shares
        expected = self.limit.expected(of_stable)
        edge = self.limit.edge(expected)
        return 0.0 if edge is None else (of_canary - of_stable) / (edge.at(expected) - expected)

    @property
    def interval(self) -> str:
        """Between what the canary's share lies."""
        return share_between(*self.recent[1], self.dispersion.phi)


def percent(share: float) -> str:
    """At most three digits: 0.0123 is `1.23 %`."""
    return f"{100 * share:.3g} %"


def total(counted: Sequence[Counted]) -> Counted:
    return sum(n for n, _ in counted), sum(e for _, e in counted)


def _discounted(before: Counted, new: Counted, memory: float) -> Counted:
    return memory * before[0] + new[0], memory * before[1] + new[1]
