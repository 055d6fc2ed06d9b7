"""How the answers are distributed, canary against stable: PSI of the classes and of the bins of each output's columns.

Only bins that both versions have can be compared: the edges of two bundles are the same where they were made so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pilotage_operator.domain.analysis.counts import Interval, Source, labels_of
from pilotage_operator.domain.analysis.evidence import Evidence
from pilotage_operator.domain.analysis.finding import Finding, Verdict, together
from pilotage_operator.domain.analysis.rate import percent
from pilotage_operator.domain.analysis.stability import Stability

Distribution = tuple[str, ...]
"""What is distributed: `class` and an output, or `bin`, an output and a column of it."""


@dataclass(frozen=True)
class Drift:
    """Follows one check. `alpha` is of the present weight: at another one it begins anew."""

    source: ClassVar[Source] = "predictions"

    name: str
    max_psi: float
    output: str | None
    alpha: float
    since: float = 0.0  # intervals that begin before are of another weight
    of: Mapping[Distribution, Stability] = field(default_factory=dict)
    apart: frozenset[Distribution] = frozenset()  # those whose bins differ, so that they cannot be compared
    outputs: frozenset[str] = frozenset()
    evidence: Evidence = field(default_factory=lambda: Evidence(unit="rows"))

    def since_weight(self, since: float) -> Drift:
        """Begins anew; how much the counts scatter is not forgotten."""
        anew = {name: stability.anew() for name, stability in self.of.items()}
        return replace(self, since=since, of=anew, evidence=Evidence(unit="rows"))

    def after(self, interval: Interval) -> Drift:
        """With one more interval; each exactly once."""
        stable = [_distributions(p.counts) for p in interval.stable]
        canary = [_distributions(p.counts) for p in interval.canary]
        both = interval.begin >= self.since and min(interval.sides) > 0
        of, apart = dict(self.of), self.apart
        for name in sorted({name for counts in stable for name in counts}):
            if self.output not in (None, name[1]):
                continue
            of_stable, of_canary = ([counts[name] for counts in side if name in counts] for side in (stable, canary))
            if of_canary and not _alike(name, of_stable + of_canary):
                apart |= {name}
                of.pop(name, None)
            if name not in apart:
                of[name] = of.get(name, Stability()).after(of_stable, of_canary if both else [])
        return replace(
            self,
            of=of,
            apart=apart,
            outputs=self.outputs | {name[1] for counts in stable for name in counts},
            evidence=self.evidence.after(interval) if both else self.evidence,
        )

    def finding(self) -> Finding:
        limit = f"PSI {self.max_psi:g}"
        if not self.of:
            return Finding(self.name, "unknown", "", limit, str(self.evidence), self._nothing())
        if self.evidence.canary == 0:
            return self.evidence.finding(self.name, "unknown", "distribution of the answers", "", limit, self._needed)
        verdicts = {name: self._verdict(stability) for name, stability in self.of.items()}
        worst = max(self.of, key=lambda name: (verdicts[name] == "fail", self.of[name].psi))
        stability, what = self.of[worst], _called(worst)
        verdict = self.evidence.allows(together(verdicts.values()))
        figure, cause = f"{max(stability.psi, 0):.3g}", f"{what}, {self._moved(worst)}"
        seen = f"PSI of {what} is {figure}"
        if verdict != "pass":
            seen = f"{seen}, most of it {self._moved(worst)}"
        finding = self.evidence.finding(self.name, verdict, seen, figure, limit, self._needed)
        low, high = stability.between()
        left_out = f"; not compared, since their bins differ: {', '.join(map(_called, sorted(self.apart)))}"
        return replace(
            finding,
            interval=f"{low:.3g} to {high:.3g}",
            cause=cause if verdict == "fail" else "",
            message=finding.message + (left_out if self.apart else ""),
        )

    def _verdict(self, stability: Stability) -> Verdict:
        return stability.verdict(self.max_psi, self.alpha / max(1, len(self.of)))

    @property
    def _needed(self) -> float:
        return max(stability.needed(self.max_psi) for stability in self.of.values())

    def _moved(self, name: Distribution) -> str:
        at, (e_c, n_c), (e_s, n_s) = self.of[name].moved()
        kind = "class" if name[0] == "class" else "bin"
        return f"{kind} {at}: {e_c} of {n_c} rows ({percent(e_c / n_c)}), stable {e_s} of {n_s} ({percent(e_s / n_s)})"

    def _nothing(self) -> str:
        if self.apart:
            names = ", ".join(map(_called, sorted(self.apart)))
            return f"the two versions' bins differ ({names}); give both bundles the same edges to compare them"
        if self.output is not None and self.outputs:
            return f"the model counts no output {self.output}; it has {', '.join(sorted(self.outputs))}"
        return "no answer was counted in bins yet; only outputs that are in the bundle's reference are"


def _distributions(counts: Mapping[str, int]) -> dict[Distribution, dict[str, int]]:
    found: dict[Distribution, dict[str, int]] = {}
    for key, count in counts.items():
        *name, at = labels_of(key)
        found.setdefault(tuple(name), {})[at] = count
    return found


def _alike(name: Distribution, counts: list[dict[str, int]]) -> bool:
    """Bins must be the same; of classes the one may know some that the other does not."""
    return name[0] == "class" or all(bins.keys() == counts[0].keys() for bins in counts)


def _called(name: Distribution) -> str:
    return f"output {name[1]}" + (f" column {name[2]}" if len(name) > 2 else "")
