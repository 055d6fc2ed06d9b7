"""`spec.analysis`: the checks that the canary must pass against the version that serves."""

from math import inf, isfinite
from typing import Annotated, Final, Literal

from pydantic import Field

from pilotage_operator.api.durations import Duration, is_duration, seconds
from pilotage_operator.api.schema import Rule, Schema

MAX_CHECKS: Final = 16

OnFail = Literal["rollback", "pause", "observe"]


Increase = Annotated[
    float,
    Rule(
        says="maxIncrease: 0 can never pass, since no finite number of requests proves it; "
        "write the increase you can bear, above 0 and at most 1, for instance 0.01",
        cel="self > 0.0 && self <= 1.0",
        holds=lambda increase: 0 < increase <= 1,
    ),
]


class ErrorRate(Schema):
    """Compares the share of answers that are server errors (5xx)."""

    max_increase: Increase = 0.01
    """By how much the canary's share of errors may be above stable's: 0.01 is one answer in a hundred."""


class InputQuality(Schema):
    """Compares how many rows have a value that the contract does not allow: an unknown category, a number out of
    range, a gap."""

    max_increase: Increase = 0.01
    """By how much the canary's share of such rows may be above stable's: 0.01 is one row in a hundred."""


class PredictionShare(Schema):
    """Compares how often each class is answered, in both directions."""

    max_ratio: Annotated[
        float,
        Rule(
            says="maxRatio must be above 1 and at most 100: 1.5 allows a class half more than stable gives it, "
            "or a third less",
            cel="self > 1.0 && self <= 100.0",
            holds=lambda ratio: 1 < ratio <= 100,
        ),
    ] = 1.5
    """How many times stable's share of a class the canary's may be, or stable's the canary's."""
    min_difference: Annotated[
        float,
        Rule(
            says="minDifference must be at least 0 and below 1: 0.01 is one row in a hundred",
            cel="self >= 0.0 && self < 1.0",
            holds=lambda difference: 0 <= difference < 1,
        ),
    ] = 0.01
    """A difference of shares smaller than this never counts, whatever the ratio."""
    output: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Name of the output whose classes are compared. Absent: all outputs of labels."""
    class_: Annotated[str | None, Field(alias="class", max_length=128)] = None
    """The one class that is compared, as text. Absent: every class."""


class PredictionDrift(Schema):
    """Compares how the answers are distributed: the population stability index (PSI) of classes, and of the bins of
    numbers."""

    max_psi: Annotated[
        float,
        Field(alias="maxPSI"),
        Rule(
            says="maxPSI must be above 0 and at most 10: 0.1 is a small shift, 0.2 a large one",
            cel="self > 0.0 && self <= 10.0",
            holds=lambda psi: 0 < psi <= 10,
        ),
    ] = 0.2
    """How far the canary's distribution may be from stable's."""
    output: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Name of the output that is compared. Absent: all of them."""


class Query(Schema):
    """A figure of your own by PromQL. It is one number at a time: no test guards it against chance. Only where the
    platform team allows it."""

    rules = (
        Rule(
            says="a query needs a limit: write min, max, or both with min below max",
            cel="(has(self.min) || has(self.max)) && (!has(self.min) || !has(self.max) || self.min < self.max)",
            holds=lambda query: (
                (query.min is not None or query.max is not None)
                and (query.min is None or query.max is None or query.min < query.max)
                and all(limit is None or isfinite(limit) for limit in (query.min, query.max))
            ),
        ),
    )

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
    """What it is called in status: small letters, digits and dashes."""
    promql: Annotated[str, Field(min_length=1, max_length=2048)]
    """The query. $namespace, $deployment, and $stable and $canary, the revisions, stand for what is judged. It must
    give one number."""
    min: float | None = None
    """The least that is well."""
    max: float | None = None
    """The most that is well."""


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
            holds=lambda ratio: 1 <= ratio < inf,
        ),
    ] = 1.3
    """How many times stable's quantile the canary's may be."""
    min_difference: Duration = "5ms"
    """A difference smaller than this never counts, whatever the ratio."""


KINDS: Final = ("errorRate", "latency", "predictionShare", "predictionDrift", "inputQuality", "query")


class Check(Schema):
    """One comparison of the canary with stable, and what happens when it fails."""

    rules = (
        Rule(
            says=f"a check has exactly one kind: write one of {', '.join(KINDS[:-1])} and {KINDS[-1]}",
            cel=f"[{', '.join(f'has(self.{kind})' for kind in KINDS)}].filter(kind, kind).size() == 1",
            holds=lambda check: sum(kind is not None for kind in check.kinds) == 1,
        ),
    )

    error_rate: ErrorRate | None = None
    """Server errors."""
    latency: Latency | None = None
    """Time to answer."""
    prediction_share: PredictionShare | None = None
    """How often each class is answered."""
    prediction_drift: PredictionDrift | None = None
    """How the answers are distributed."""
    input_quality: InputQuality | None = None
    """Inputs that the contract does not allow."""
    query: Query | None = None
    """A figure of your own."""
    on_fail: OnFail = "rollback"
    """What a failure does: rollback takes the canary's traffic away, pause waits for a person, observe only reports."""

    @property
    def kinds(self) -> tuple[Schema | None, ...]:
        """What each kind says, in the order of KINDS."""
        return (
            self.error_rate,
            self.latency,
            self.prediction_share,
            self.prediction_drift,
            self.input_quality,
            self.query,
        )

    @property
    def name(self) -> str:
        """What the check is called in status and metrics: `errorRate`, `latency-p95`, `predictionShare-fraud`."""
        if self.latency is not None:
            return f"latency-p{self.latency.quantile * 100:g}"
        if self.query is not None:
            return f"query-{self.query.name}"
        kind = next(name for name, said in zip(KINDS, self.kinds, strict=True) if said is not None)
        share, drift = self.prediction_share, self.prediction_drift
        of = (share.output, share.class_) if share else (drift.output,) if drift else ()
        return "-".join([kind, *(part for part in of if part)])


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


def queries_refused(analysis: Analysis, platform: Analysis) -> str:
    """Why the queries of an analysis may not run where only the platform's own may; "" where none is there."""
    foreign = [check.name for check in analysis.checks if check.query is not None and check not in platform.checks]
    if not foreign:
        return ""
    return (
        f"spec.analysis.checks: {foreign[0]}: queries of one's own are not allowed here, since PromQL reads every "
        "team's metrics; remove it, or ask the platform team to set prometheus.tenantQueries or to have it in their "
        "defaults"
    )
