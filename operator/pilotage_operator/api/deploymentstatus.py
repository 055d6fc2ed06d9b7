"""The status of a ModelDeployment: what a person reads, and all that the rollout needs to know of its past."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from pilotage_operator.api.analysis import OnFail
from pilotage_operator.api.conditions import Condition
from pilotage_operator.api.schema import StatusSchema


class Phase(StrEnum):
    """Where a ModelDeployment stands."""

    INITIALIZING = "Initializing"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    BAKING = "Baking"
    HEALTHY = "Healthy"
    ROLLED_BACK = "RolledBack"
    INVALID = "Invalid"


class ServedRevision(StatusSchema):
    """A revision that has pods."""

    revision: str
    """Its hash, 10 hex digits; names its Deployment and Service."""
    model_version: str
    """Name of its ModelVersion."""
    version: str = ""
    """Version of the model."""
    digest: str = ""
    """Digest of its bundle."""
    weight: int = 0
    """Its share of the traffic as it was asked for, in percent."""
    observed_share: float | None = None
    """Its share of the traffic as it was seen, 0 to 1. Absent: not measured."""
    ready: int = 0
    """Pods that are ready."""
    replicas: int = 0
    """Pods that there should be."""


class StableRevision(ServedRevision):
    """The revision that is trusted."""

    since: AwareDatetime | None = None
    """When it became stable. Absent: it is the first version, and was not ready yet."""
    attempt: int = 1
    """The attempt that made it stable."""
    peak: int = 0
    """The most pods that its autoscaler gave it since the rollout began; so many it keeps until the end of it."""
    previous: str = ""
    """The revision that was stable before, which a rollback goes back to where it names none."""


class CanaryRevision(ServedRevision):
    """The revision that is being rolled out."""

    attempt: int = 1
    """Which attempt at this revision, counted from 1; a retry adds one."""
    step: int = 0
    """The step it is at, counted from 1; 0 before the first."""
    steps: int = 0
    """How many steps there are."""
    started_at: AwareDatetime | None = None
    """When this attempt began."""
    weight_since: AwareDatetime | None = None
    """When its present weight was first written."""
    weight_at: AwareDatetime | None = None
    """When its next weight is to be written: so that it has settled as an interval of the analysis begins."""
    measured_since: AwareDatetime | None = None
    """From when on its requests are evidence."""
    measured_at: AwareDatetime | None = None
    """The last instant that was measured."""
    measured_seconds: float = 0.0
    """How long the present step was under measurement; only this time counts for the step's `for`."""
    waiting_since: AwareDatetime | None = None
    """Since when its pods are not as many as the step needs."""
    idle_seconds: float = 0.0
    """How long it waited for people; the progress deadline does not count this time."""
    shadow: bool = False
    """It gets a copy of all the traffic, and nobody gets its answers."""
    no_return: bool = False
    """A person approved that it starts although the stable version could not be brought back."""
    returning: bool = False
    """A person goes back to it: it takes all the traffic as soon as it can, and nothing judges it."""


class FailedRevision(StatusSchema):
    """The revision that was taken back. It is not tried again until the spec asks for another, or a person retries."""

    revision: str
    """Its hash."""
    model_version: str = ""
    """Name of its ModelVersion."""
    version: str = ""
    """Version of the model."""
    attempt: int = 1
    """The attempt that failed."""
    reason: str
    """Why, in one CamelCase word."""
    message: str = ""
    """Why, for a person."""
    at: AwareDatetime
    """When."""
    retry: int = 0
    """`spec.rollout.retry` as it stood then: a higher number tries again."""


class ReturnedRevision(StatusSchema):
    """The revision that a person went back to. It stands in for `spec.modelVersion` until that changes."""

    asked: str
    """What `spec.modelVersion` asked for then."""
    revision: str
    """Its hash."""
    model_version: str = ""
    """Name of its ModelVersion."""
    message: str = ""
    """What was done, for a person."""
    by: str = ""
    """Who asked for it."""
    at: AwareDatetime
    """When."""
    retry: int = 0
    """`spec.rollout.retry` as it stood then: a higher number tries again."""


class Pause(StatusSchema):
    """A rollout that waits for a person."""

    by: str = ""
    """Who paused it."""
    at: AwareDatetime
    """When."""
    reason: str = ""
    """Why, in one CamelCase word."""
    message: str = ""
    """Why, for a person."""


class CheckResult(StatusSchema):
    """What one check says now."""

    name: str
    """Which check."""
    verdict: Literal["pass", "fail", "unknown"]
    """pass and fail are proven; unknown is everything else."""
    figure: str = ""
    """What was measured."""
    interval: str = ""
    """Between what the canary's figure lies, with 95 % confidence at this look."""
    limit: str = ""
    """What is allowed."""
    evidence: str = ""
    """On how many requests (or rows) of each side the verdict rests."""
    message: str = ""
    """What it means, for a person; of an unknown, what is missing."""
    cause: str = ""
    """Where a failure comes from: the feature, category, class or bin, and both versions' counts."""
    eta: str = ""
    """When there will be enough evidence, if traffic goes on like this."""
    on_fail: OnFail = "rollback"
    """What a failure does."""


class HistoryEntry(StatusSchema):
    """Something that happened."""

    at: AwareDatetime
    """When."""
    event: str
    """What, in one CamelCase word."""
    message: str = ""
    """What, for a person."""
    by: str = ""
    """Who asked for it."""


class ModelDeploymentStatus(StatusSchema):
    """What is served now, what is on its way, and why."""

    observed_generation: int | None = None
    """The generation of the spec that this status is about."""
    phase: Phase | None = None
    """Initializing: first version. Progressing: a canary at a step. Paused: waits for a person or for data. Baking: the
    canary has the traffic, the old version is warm. Healthy: one version, all ready. RolledBack: the spec asks for a
    revision that failed. Invalid: the spec cannot be used; what ran before still runs."""
    reason: str = ""
    """Why it is in this phase, in one CamelCase word."""
    message: str = ""
    """Who is served now, and why it is in this phase."""
    url: str = ""
    """Where the model answers."""
    weights: str = ""
    """The shares of stable and canary in percent: 75/25."""
    stable: StableRevision | None = None
    """The version that is trusted."""
    canary: CanaryRevision | None = None
    """The version that is being rolled out."""
    failed: FailedRevision | None = None
    """The revision that was taken back."""
    paused: Pause | None = None
    """Who paused the rollout, and when."""
    returned: ReturnedRevision | None = None
    """The revision that a person went back to, while this holds."""
    retire_at: AwareDatetime | None = None
    """Until when a version that serves no more keeps its pods, for the connections that are still open."""
    checks: Annotated[tuple[CheckResult, ...], Field(max_length=32)] = ()
    """What each check says now."""
    actions: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """The actions that were done or refused, as `<action>/<id>/<revision>/<attempt>`: each is done once."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=50)] = ()
    """What happened, oldest first; the oldest is dropped when there are more than 50."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()
    """What holds now."""

    @classmethod
    def parse(cls, status: dict[str, Any] | None) -> "ModelDeploymentStatus":
        """The status of an object, or an empty one where it has none yet."""
        return cls.model_validate(status or {})
