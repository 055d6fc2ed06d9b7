"""How many times one share may be the other, from a least difference on."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage_operator.domain.analysis.sequential import Edge

NEAR_ALL = 0.999


@dataclass(frozen=True)
class Ratio:
    """The canary's share may be up to `most` times stable's (`up`), or stable's up to `most` times the canary's; or
    `difference` apart, where that is more. As to which it is, stable's past decides before each interval."""

    most: float  # above 1
    difference: float
    up: bool

    def expected(self, rate: float) -> float:
        return min(max(rate, 1e-5), 1 - 1e-5)

    def edge(self, expected: float) -> Edge | None:
        """With 1.5 and 0.01: stable at 10 % allows 15 % or 6.7 %; at 1 % it allows 2 %, and any less; at 80 % any more,
        or 53 %."""
        slope = self.most if self.up else 1 / self.most
        if abs(slope - 1) * expected >= self.difference:
            edge = Edge(slope, 0.0)
        else:
            edge = Edge(1.0, self.difference if self.up else -self.difference)
        return edge if max(self.difference, 1e-5) / 20 <= edge.at(expected) <= NEAR_ALL else None
