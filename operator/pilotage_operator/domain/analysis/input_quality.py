"""How much of what comes in breaks the contract, canary against stable.

Both get the same traffic, so what only the canary finds invalid is its contract's doing: a category that it does not
know any more, a limit that is too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pilotage_operator.domain.analysis.counts import Counts, Interval, PodCount, Source, entered, labels_of, summed
from pilotage_operator.domain.analysis.dispersion import Counted
from pilotage_operator.domain.analysis.evidence import Evidence
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.rate import Increase, Rate, percent, total
from pilotage_operator.domain.analysis.sequential import Comparison

INVALID, VALUE = "invalid", "value"
UNKNOWN_CATEGORY, UNKNOWN = "unknown_category", "unknown"
OWN_WORDS = {"unknown", "missing", "other"}  # bins that are no categories
BLIND = 0.5  # where stable itself has an invalid value in every second row, more can hardly be told apart


@dataclass(frozen=True)
class InputQuality:
    """Follows one check: invalid values per row, of all features together, by how much more than stable's."""

    source: ClassVar[Source] = "inputs"

    name: str
    max_increase: float
    canary: str  # what people call it
    rate: Rate
    evidence: Evidence = field(default_factory=lambda: Evidence(unit="rows"))
    of_stable: Counts = field(default_factory=dict)  # all that was compared, by key
    of_canary: Counts = field(default_factory=dict)

    @classmethod
    def begin(cls, name: str, max_increase: float, alpha: float, canary: str) -> InputQuality:
        return cls(name, max_increase, canary, Rate(Increase(max_increase), Comparison(alpha)))

    def after(self, interval: Interval) -> InputQuality:
        """With one more interval; each exactly once."""
        stable, canary = [_counted(p) for p in interval.stable], {p.pod: _counted(p) for p in interval.canary}
        following = replace(self, rate=self.rate.after(stable, canary))
        if not (total(stable)[0] and total(list(canary.values()))[0]):
            return following
        return replace(
            following,
            evidence=self.evidence.after(interval),
            of_stable=summed([self.of_stable, *(p.counts for p in interval.stable)]),
            of_canary=summed([self.of_canary, *(p.counts for p in interval.canary)]),
        )

    def finding(self) -> Finding:
        limit, verdict = f"stable + {percent(self.max_increase)}", self.evidence.allows(self.rate.verdict)
        if self.evidence.canary == 0:
            return self.evidence.finding(self.name, verdict, "invalid values", "", limit, self.rate.needed)
        shares = self.rate.shares
        of_stable, of_canary = map(percent, shares)
        figure, cause = f"{of_canary} (stable {of_stable})", self.cause()
        seen = f"{of_canary} of the canary's rows have an invalid value, {of_stable} of stable's"
        if verdict == "unknown" and shares[0] >= BLIND:
            message = (
                f"{seen}; a difference cannot be told beside so many: mend the contract of the version that serves"
            )
            return Finding(self.name, "unknown", figure, limit, str(self.evidence), message, self.rate.interval)
        seen = self.rate.noted(seen, verdict)
        if verdict != "pass" and cause:
            seen = f"{seen}; {cause}"
        finding = self.evidence.finding(self.name, verdict, seen, figure, limit, self.rate.needed)
        return replace(finding, interval=self.rate.interval, cause=cause if verdict == "fail" else "")

    def cause(self) -> str:
        """The feature and the kind that make the difference: `10 of 11 invalid values: feature country, category XK,
        unknown to fraud-v3; stable 0 of 33`."""
        rows_s, rows_c = entered(self.of_stable), entered(self.of_canary)
        of_canary = {key: n for key, n in self.of_canary.items() if labels_of(key)[0] == INVALID and n}
        if not of_canary:
            return ""
        excess = {key: n / rows_c - self.of_stable.get(key, 0) / rows_s for key, n in of_canary.items()}
        most = max(sorted(of_canary), key=lambda key: excess[key])
        _, feature, kind = labels_of(most)
        in_stable = sum(n for key, n in self.of_stable.items() if labels_of(key)[0] == INVALID)
        count, all_of_it = of_canary[most], sum(of_canary.values())
        return (
            f"{count} of {all_of_it} invalid values: feature {feature}, {self._what(feature, kind)}; "
            f"stable {self.of_stable.get(most, 0)} of {in_stable}"
        )

    def _what(self, feature: str, kind: str) -> str:
        """Which category it is, where stable counts one that the canary has no bin for."""
        if kind != UNKNOWN_CATEGORY:
            return kind.replace("_", " ")
        known, counted = (_categories(counts, feature) for counts in (self.of_canary, self.of_stable))
        lost = sorted((name for name, n in counted.items() if n and name not in known), key=lambda name: -counted[name])
        if not known or not lost:
            return f"a category unknown to {self.canary}"
        named = f"category {lost[0]}" if len(lost) == 1 else f"categories {', '.join(lost[:3])}"
        return f"{named}{f' and {len(lost) - 3} more' if len(lost) > 3 else ''}, unknown to {self.canary}"


def _categories(counts: Counts, feature: str) -> Mapping[str, int]:
    keys = ((key, labels_of(key)) for key in counts)
    return {
        labels[2]: counts[key]
        for key, labels in keys
        if labels[0] == VALUE and labels[1] == feature and labels[2] not in OWN_WORDS
    }


def _counted(pod: PodCount) -> Counted:
    """A row may have more than one invalid value, but counts once at the most."""
    invalid = sum(n for key, n in pod.counts.items() if labels_of(key)[0] == INVALID)
    return pod.requests, min(invalid, pod.requests)
