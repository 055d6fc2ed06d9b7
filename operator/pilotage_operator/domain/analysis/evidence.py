"""What every check says in the same words: on what its verdict rests, and how much is still missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log

from pilotage_operator.domain.analysis.counts import Interval
from pilotage_operator.domain.analysis.finding import Finding, Verdict, time_of_day

MIN_REQUESTS = 200  # of each side, before anything may pass
NATS_TO_PASS = 6.0
MOST_FORESEEN = 30 * 86400.0  # seconds; nobody waits longer for a number
MEMORY = 0.98  # what an interval still counts for, one interval later, in what stable is expected to do
RECENT = 0.9  # and in the figures that are shown


@dataclass(frozen=True)
class Evidence:
    """Requests (or rows) of both sides that were compared, in how many seconds the canary's came, and until when."""

    stable: int = 0
    canary: int = 0
    seconds: float = 0.0
    until: float = 0.0
    unit: str = "requests"

    def after(self, interval: Interval) -> Evidence:
        stable, canary = interval.sides
        seconds = self.seconds + interval.end - interval.begin
        return replace(
            self, stable=self.stable + stable, canary=self.canary + canary, seconds=seconds, until=interval.end
        )

    def allows(self, verdict: Verdict) -> Verdict:
        """The verdict; a pass only with enough requests of each side."""
        return "unknown" if verdict == "pass" and min(self.stable, self.canary) < MIN_REQUESTS else verdict

    def __str__(self) -> str:
        return f"{self.canary} canary, {self.stable} stable {self.unit}"

    def finding(self, name: str, verdict: Verdict, seen: str, figure: str, limit: str, needed: float) -> Finding:
        """A check's finding: `seen` is what was measured, in words; a good canary needs `needed` requests to pass."""
        said = {
            "fail": f"{seen}: beyond {limit}, and beyond chance",
            "pass": f"{seen}: within {limit}",
            "unknown": f"{seen}; limit {limit}; {self.missing(needed)}",
        }
        eta = self.eta(needed) if verdict == "unknown" else ""
        return Finding(name, verdict, figure, limit, str(self), said[verdict], eta=eta)

    def missing(self, needed: float) -> str:
        """What an unknown waits for, where a good canary needs about so many requests to pass."""
        if needed == inf:
            return "the limit is so near to stable that a good canary hardly ever passes; allow more"
        if self.canary == 0:
            return f"no {self.unit} of both sides were counted yet; a good canary passes after about {_about(needed)}"
        if self.canary < needed:
            return f"{self.canary} of about {_about(needed)} canary {self.unit}"
        if min(self.stable, self.canary) < MIN_REQUESTS:
            return f"both sides need {MIN_REQUESTS} {self.unit}"
        return "not beyond chance yet, either way"

    def eta(self, needed: float) -> str:
        """When there will be as many canary requests as needed, if they go on coming like this; "" if unknown."""
        if self.canary == 0 or self.canary >= needed:
            return ""
        wait = (needed - self.canary) * self.seconds / self.canary
        return time_of_day(self.until + wait, self.until) if wait < MOST_FORESEEN else ""


def requests_to_pass(rate: float, limit_rate: float, phi: float) -> float:
    """About how many canary requests show `rate` to be below `limit_rate`: 6 φ / KL(rate ‖ limit_rate).

    With φ = 1 and a limit of one more in a hundred: 784 at 0.1 %, 1,923 at 1 %, 6,404 at 5 %.
    """
    q, edge = min(max(rate, 1e-9), 1 - 1e-9), min(max(limit_rate, 1e-9), 1 - 1e-9)
    divergence = q * log(q / edge) + (1 - q) * log((1 - q) / (1 - edge))
    return max(MIN_REQUESTS, NATS_TO_PASS * phi / divergence) if divergence > 1e-7 else inf


def _about(requests: float) -> str:
    """Two digits of it: 1,923 is `1900`."""
    return f"{int(float(f'{requests:.2g}'))}"
