"""The share of answers that are server errors, canary against stable."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pilotage_operator.domain.analysis.counts import Interval, PodCount
from pilotage_operator.domain.analysis.dispersion import Counted, Dispersion
from pilotage_operator.domain.analysis.evidence import MEMORY, RECENT, Evidence, requests_to_pass
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.sequential import Comparison, Trial, excesses

STABLE_AT_FIRST = (100.0, 0.5)
BETTER_SHARES = (0.0, 0.4, 0.7)  # what *pass* looks for: an excess of so much of the limit
WIDEST_LIMIT = 0.99  # beyond it nothing is left to look for


@dataclass(frozen=True)
class ErrorRate:
    """Follows one check. `max_increase`: by how much the canary's share may be above stable's; above 0, at most 1."""

    name: str
    max_increase: float
    comparison: Comparison
    dispersion: Dispersion = field(default_factory=Dispersion)
    past: Counted = STABLE_AT_FIRST  # stable's, discounted: what its rate is expected to be
    last: Counted = (0, 0)  # stable's interval before, where it has one pod only
    recent: tuple[Counted, Counted] = ((0, 0), (0, 0))  # stable and canary, discounted: what is shown
    evidence: Evidence = field(default_factory=Evidence)

    def after(self, interval: Interval) -> ErrorRate:
        """With one more interval; each exactly once."""
        pods = [_counted(p) for p in interval.stable]
        stable, canary = _sum(pods), _sum([_counted(p) for p in interval.canary])
        compared = self._compared(interval, stable, canary) if stable[0] and canary[0] else self
        alike = pods if sum(1 for n, _ in pods if n) > 1 else [self.last, stable]
        return replace(
            compared,
            dispersion=compared.dispersion.after_stable(alike),
            past=_discounted(self.past, stable, MEMORY),
            last=stable,
        )

    def _compared(self, interval: Interval, stable: Counted, canary: Counted) -> ErrorRate:
        a, limit = self._expected, min(self.max_increase, WIDEST_LIMIT)
        worse = Trial(stable, canary, a, excesses(a, limit))
        better = Trial(stable, canary, a, tuple(a + share * limit for share in BETTER_SHARES))
        return replace(
            self,
            comparison=self.comparison.after(worse, better, limit, self.dispersion.phi),
            dispersion=self.dispersion.after_both(stable, canary),
            recent=(_discounted(self.recent[0], stable, RECENT), _discounted(self.recent[1], canary, RECENT)),
            evidence=self.evidence.after(interval),
        )

    @property
    def _expected(self) -> float:
        """Stable's rate by its past, kept where a canary beyond the limit is still a possible rate."""
        limit = min(self.max_increase, WIDEST_LIMIT)
        return min(max(self.past[1] / self.past[0], 1e-5), 0.9, 0.95 * (1 - limit))

    def finding(self) -> Finding:
        verdict = self.evidence.allows(self.comparison.verdict)
        expected, limit = self._expected, f"stable + {percent(self.max_increase)}"
        needed = requests_to_pass(expected, expected + self.max_increase, self.dispersion.phi)
        if self.evidence.canary == 0:
            figure, seen = "", "server errors"
        else:
            (n_s, e_s), (n_c, e_c) = self.recent
            figure = f"{percent(e_c / n_c)} (stable {percent(e_s / n_s)})"
            seen = f"{percent(e_c / n_c)} of the canary's answers are server errors, {percent(e_s / n_s)} of stable's"
        return self.evidence.finding(self.name, verdict, seen, figure, limit, needed)


def percent(share: float) -> str:
    """At most three digits: 0.0123 is `1.23 %`."""
    return f"{100 * share:.3g} %"


def _counted(pod: PodCount) -> Counted:
    return pod.requests, sum(n for code, n in pod.counts.items() if code.startswith("5"))


def _sum(counted: list[Counted]) -> Counted:
    return sum(n for n, _ in counted), sum(e for _, e in counted)


def _discounted(before: Counted, new: Counted, memory: float) -> Counted:
    return memory * before[0] + new[0], memory * before[1] + new[1]
