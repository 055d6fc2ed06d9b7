"""`spec.analysis`: the checks that the canary must pass against the version that serves."""

from typing import Annotated, Final, Literal

from pydantic import Field

from pilotage_operator.api.durations import Duration, is_duration, seconds
from pilotage_operator.api.schema import Rule, Schema

MAX_CHECKS: Final = 16

OnFail = Literal["rollback", "pause", "observe"]


class ErrorRate(Schema):
    """Compares the share of answers that are server errors (5xx)."""

    max_increase: Annotated[
        float,
        Rule(
            says="maxIncrease: 0 can never pass, since no finite number of requests proves it; "
            "write the increase you can bear, above 0 and at most 1, for instance 0.01",
            cel="self > 0.0 && self <= 1.0",
            holds=lambda increase: 0 < increase <= 1,
        ),
    ] = 0.01
    """By how much the canary's share of errors may be above stable's: 0.01 is one answer in a hundred."""


class Latency(Schema):
    """Compares a quantile of the time that requests take in the serving pods."""

    quantile: Annotated[
        float,
        Rule(
            says="quantile must lie between 0 and 1, for instance 0.95",
            cel="self > 0.0 && self < 1.0",
            holds=lambda quantile: 0 < quantile < 1,
        ),
    ] = 0.95
    """Which quantile: 0.95 is the time that 95 of 100 requests stay below."""
    max_ratio: Annotated[
        float,
        Rule(
            says="maxRatio must be 1 or more: 1.3 allows the canary 30 % more than stable",
            cel="self >= 1.0",
            holds=lambda ratio: ratio >= 1,
        ),
    ] = 1.3
    """How many times stable's quantile the canary's may be."""
    min_difference: Duration = "5ms"
    """A difference smaller than this never counts, whatever the ratio."""


class Check(Schema):
    """One comparison of the canary with stable, and what happens when it fails."""

    rules = (
        Rule(
            says="a check has exactly one kind: write either errorRate or latency",
            cel="has(self.errorRate) != has(self.latency)",
            holds=lambda check: (check.error_rate is None) != (check.latency is None),
        ),
    )

    error_rate: ErrorRate | None = None
    """Server errors."""
    latency: Latency | None = None
    """Time to answer."""
    on_fail: OnFail = "rollback"
    """What a proven failure does: rollback takes the canary's traffic away, pause waits for a person, observe only
    reports."""

    @property
    def name(self) -> str:
        """What the check is called in status and metrics: `errorRate`, `latency-p95`."""
        if self.latency is not None:
            return f"latency-p{self.latency.quantile * 100:g}"
        return "errorRate"


class Analysis(Schema):
    """How the canary is judged. What is absent is the platform's default, field by field."""

    defaults_on_server = False

    interval: Annotated[
        Duration,
        Rule(
            says="interval must be at least 1s",
            cel=f"!{is_duration('self')} || duration(self) >= duration('1s')",
            holds=lambda interval: seconds(interval) >= 1,
        ),
    ] = "15s"
    """How often the metrics are read; not more often than Prometheus scrapes. Default: the platform's, or 15s."""
    checks: Annotated[tuple[Check, ...], Field(max_length=MAX_CHECKS)] = (
        Check(error_rate=ErrorRate()),
        Check(latency=Latency()),
    )
    """What is compared. Default: the platform's, or errorRate and latency. An empty list leaves only the pods'
    health."""


BUILTIN_ANALYSIS: Final = Analysis()
"""What the analysis is where neither the user nor the platform says otherwise."""
