"""The share of answers that are server errors, canary against stable."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from pilotage_operator.domain.analysis.counts import Interval, PodCount, Source
from pilotage_operator.domain.analysis.dispersion import Counted
from pilotage_operator.domain.analysis.evidence import Evidence
from pilotage_operator.domain.analysis.finding import Finding, Verdict
from pilotage_operator.domain.analysis.outright import Outright
from pilotage_operator.domain.analysis.rate import Increase, Rate, percent, total
from pilotage_operator.domain.analysis.sequential import Comparison


@dataclass(frozen=True)
class ErrorRate:
    """Follows one check. `max_increase`: by how much the canary's share may be above stable's; above 0, at most 1."""

    source: ClassVar[Source] = "answers"

    name: str
    max_increase: float
    rate: Rate
    outright: Outright
    evidence: Evidence = field(default_factory=Evidence)

    @classmethod
    def begin(cls, name: str, max_increase: float, alpha: float) -> ErrorRate:
        """A twentieth of `alpha` goes to the fast path, for a version that fails outright."""
        slow = Comparison(alpha * (1 - Outright.PART))
        return cls(
            name, max_increase, Rate(Increase(max_increase), slow), Outright(max_increase, alpha * Outright.PART)
        )

    def after(self, interval: Interval, share: float | None = None) -> ErrorRate:
        """With one more interval; each exactly once. `share`: see Outright, which without it does nothing."""
        stable, pods = [_counted(p) for p in interval.stable], {p.pod: _counted(p) for p in interval.canary}
        canary = list(pods.values())
        rate = self.rate
        return replace(
            self,
            rate=rate.after(stable, pods),
            outright=self.outright.after(total(stable), canary, share, rate.dispersion.phi, rate.expected),
            evidence=self.evidence.after(interval) if total(stable)[0] and total(canary)[0] else self.evidence,
        )

    @property
    def verdict(self) -> Verdict:
        return "fail" if self.outright.failed else self.evidence.allows(self.rate.verdict)

    def finding(self) -> Finding:
        limit, needed = f"stable + {percent(self.max_increase)}", self.rate.needed
        if self.evidence.canary == 0:
            return self.evidence.finding(self.name, self.verdict, "server errors", "", limit, needed)
        of_stable, of_canary = map(percent, self.rate.shares)
        figure = f"{of_canary} (stable {of_stable})"
        seen = f"{of_canary} of the canary's answers are server errors, {of_stable} of stable's"
        seen = self.rate.noted(seen, self.verdict)
        finding = self.evidence.finding(self.name, self.verdict, seen, figure, limit, needed)
        return replace(finding, interval=self.rate.interval)


def _counted(pod: PodCount) -> Counted:
    return pod.requests, sum(n for code, n in pod.counts.items() if code.startswith("5"))
