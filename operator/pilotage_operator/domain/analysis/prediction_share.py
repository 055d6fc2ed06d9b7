"""How often each class is answered, canary against stable, in both directions.

A class that goes from 1 % to 9 % is hardly a drift to PSI, and is the commonest harm that a new model does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pilotage_operator.domain.analysis.counts import Counts, Interval, PodCount, Source, labels_of
from pilotage_operator.domain.analysis.dispersion import Counted
from pilotage_operator.domain.analysis.evidence import Evidence
from pilotage_operator.domain.analysis.finding import Finding, listed, together
from pilotage_operator.domain.analysis.rate import Rate, percent
from pilotage_operator.domain.analysis.ratio import Ratio
from pilotage_operator.domain.analysis.sequential import Comparison

CLASS = "class"
Label = tuple[str, str]
"""An output, and one of its classes."""


@dataclass(frozen=True)
class PredictionShare:
    """Follows one check. `limits`: how many times stable's share the canary's may be, or stable's the canary's, and the
    least difference that counts. `output` and `label` choose one of several; else every class is compared."""

    source: ClassVar[Source] = "classes"

    name: str
    limits: tuple[float, float]
    output: str | None
    label: str | None
    alpha: float
    rates: Mapping[tuple[Label, bool], Rate] = field(default_factory=dict)  # True: the canary's is the larger share
    known: frozenset[Label] = frozenset()  # what was seen to be counted
    compared: bool = False  # whether the canary answered yet: from then on the classes are those that they are
    evidence: Evidence = field(default_factory=lambda: Evidence(unit="rows"))

    def after(self, interval: Interval) -> PredictionShare:
        """With one more interval; each exactly once."""
        stable, canary = sum(p.requests for p in interval.stable), sum(p.requests for p in interval.canary)
        both = bool(stable and canary)
        known = self.known | _labels(interval)
        following = self if self.compared else self._with(known, both)
        rates = {
            (label, up): rate.after(
                [_counted(p, label) for p in interval.stable], {p.pod: _counted(p, label) for p in interval.canary}
            )
            for (label, up), rate in following.rates.items()
        }
        evidence = self.evidence.after(interval) if both else self.evidence
        return replace(following, rates=rates, known=known, compared=following.compared or both, evidence=evidence)

    def _with(self, known: frozenset[Label], begin: bool) -> PredictionShare:
        """Follows all that it is to follow. Every class is counted from a process' first moment on, if by 0: so their
        number says nothing of what is answered, and the chance of a false alarm can be split by it."""
        chosen = sorted(label for label in known if self._chosen(label))
        alpha = self.alpha / max(1, 2 * len(chosen))
        rates = dict(self.rates)
        for label in chosen:
            for up in (True, False):
                rate = rates.get((label, up)) or Rate(Ratio(*self.limits, up), Comparison(alpha))
                rates[label, up] = replace(rate, comparison=Comparison(alpha)) if begin else rate
        return replace(self, rates=rates)

    def _chosen(self, label: Label) -> bool:
        output, name = label
        return self.output in (None, output) and self.label in (None, name)

    def finding(self) -> Finding:
        ratio, difference = self.limits
        limit = f"stable × {ratio:g} or ÷ {ratio:g}, from {percent(difference)} on"
        if not self.rates:
            return Finding(self.name, "unknown", "", limit, str(self.evidence), self._nothing())
        verdicts = {key: rate.verdict for key, rate in self.rates.items()}
        needed = max(rate.needed for rate in self.rates.values())
        if self.evidence.canary == 0:
            return self.evidence.finding(self.name, "unknown", "shares of the classes", "", limit, needed)
        worst = max(self.rates, key=lambda key: (verdicts[key] == "fail", self.rates[key].distance))
        rate, (output, name) = self.rates[worst], worst[0]
        of_stable, of_canary = map(percent, rate.shares)
        figure = f"{name}: {of_canary} (stable {of_stable})"
        seen = f"output {output}, class {name}: {of_canary} of the canary's rows, {of_stable} of stable's"
        verdict = self.evidence.allows(together(verdicts.values()))
        if verdict == "fail":
            seen = f"{seen} (since the beginning {_of(rate.compared[1])}, stable {_of(rate.compared[0])})"
        seen = rate.noted(seen, verdict)
        finding = self.evidence.finding(self.name, verdict, seen, figure, limit, needed)
        cause = f"output {output}, class {name}, {_of(rate.compared[1])}; stable {_of(rate.compared[0])}"
        return replace(finding, interval=rate.interval, cause=cause if verdict == "fail" else "")

    def _nothing(self) -> str:
        outputs = {output for output, _ in self.known}
        if not self.known:
            return "no class was counted yet; only outputs of labels that are in the bundle's reference are"
        if self.output is not None and self.output not in outputs:
            return f"the model counts no classes of an output {self.output}; it has {', '.join(sorted(outputs))}"
        classes = sorted(name for output, name in self.known if self.output in (None, output))
        return f"the model has no class {self.label}; it has {listed(classes)}"


def _labels(interval: Interval) -> frozenset[Label]:
    keys = {key for p in (*interval.stable, *interval.canary) for key in p.counts}
    found = (labels_of(key) for key in keys)
    return frozenset((labels[1], labels[2]) for labels in found if labels[0] == CLASS)


def _counted(pod: PodCount, label: Label) -> Counted:
    """All rows of the output, and those that got the class."""
    output, name = label
    of_output: Counts = {key: n for key, n in pod.counts.items() if labels_of(key)[:2] == (CLASS, output)}
    return sum(of_output.values()), sum(n for key, n in of_output.items() if labels_of(key)[2] == name)


def _of(counted: Counted) -> str:
    return f"{counted[1]:g} of {counted[0]:g} rows"
