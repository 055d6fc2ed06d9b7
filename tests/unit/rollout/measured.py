"""What a simulated Prometheus says of a canary: requests by who answered them, and the checks' verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor

from pilotage_operator.api.durations import seconds
from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.domain.analysis.finding import Finding, Verdict
from pilotage_operator.domain.rollout.seen import Metrics
from pilotage_operator.domain.rollout.state import Canary

PER_SECOND = 100  # requests
PROVEN_AFTER = 1500  # requests of both sides


@dataclass
class Measured:
    """`up`: Prometheus answers; `fresh`: it learns something new; `traffic`: somebody sends requests."""

    up: bool = True
    fresh: bool = True
    seen: float = 0.0  # the newest instant that it knows
    traffic: bool = True
    answered: list[tuple[float, int, int]] = field(default_factory=list)  # when, by the canary, by others
    canary: str = ""
    last: float = 0.0

    def answer(self, now: float, shares: dict[str, float], canary: str) -> None:
        """The requests since the last time were answered by these shares."""
        if canary != self.canary:
            self.canary, self.answered = canary, []
        requests = PER_SECOND * (now - self.last) if self.traffic and self.last else 0
        mine = shares.get(canary, 0.0)
        self.answered.append((now, round(requests * mine), round(requests * (sum(shares.values()) - mine))))
        self.last = now

    def reset(self) -> None:
        """It forgets everything, as after the loss of its disk."""
        self.answered = []

    def _since(self, time: float) -> tuple[int, int]:
        counted = [(mine, other) for at, mine, other in self.answered if time < at <= self.seen]
        return sum(mine for mine, _ in counted), sum(other for _, other in counted)

    def metrics(self, spec: ModelDeploymentSpec, canary: Canary, nature: str, now: float) -> Metrics:
        if not self.up:
            return Metrics(available=False, message="Prometheus does not answer")
        interval = seconds(spec.analysis.interval)
        self.seen = max(self.seen, now if self.fresh else 0.0)
        instant = floor(self.seen / interval) * interval
        if canary.measured_since is None:
            return Metrics(available=True, instant=instant)
        mine, other = self._since(canary.measured_since)
        verdict: Verdict = "unknown"
        if mine and other and mine + other >= PROVEN_AFTER:
            verdict = "fail" if nature == "errors" else "pass"
        slow: Verdict = "pass" if verdict == "fail" else verdict
        by_check = [(check.name, slow if check.error_rate is None else verdict) for check in spec.analysis.checks]
        findings = tuple(Finding(name, says, message=f"{name} is {says}") for name, says in by_check)
        share = self._since(canary.measured_since if canary.weight_since is None else canary.weight_since)
        return Metrics(True, instant=instant, canary_requests=share[0], stable_requests=share[1], findings=findings)
