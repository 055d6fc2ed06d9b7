"""What a rollout remembers between two passes; all of it stands in the resource's status."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pilotage_operator.api.deploymentstatus import Phase


class Reason(StrEnum):
    """Why the phase is what it is: one word a machine may match on."""

    WAITING_FOR_VERSION = "WaitingForVersion"
    STARTING_PODS = "StartingPods"
    ALL_READY = "AllReady"
    SCALING = "Scaling"
    WAITING_FOR_TRAFFIC = "WaitingForTraffic"
    MEASURING = "Measuring"
    METRICS_UNAVAILABLE = "MetricsUnavailable"
    CANARY_UNAVAILABLE = "CanaryUnavailable"
    STABLE_UNAVAILABLE = "StableUnavailable"
    AWAITING_APPROVAL = "AwaitingApproval"
    PAUSED_BY_PERSON = "PausedByPerson"
    PAUSED_BY_SPEC = "PausedBySpec"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    STATUS_LOST = "StatusLost"
    CHECK_FAILED = "CheckFailed"
    NO_WAY_BACK = "NoWayBack"
    # what is the cluster's, and not the version's
    CLUSTER_TROUBLE = "ClusterTrouble"
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_MISSING = "ImageMissing"
    REGISTRY_AWAY = "RegistryUnavailable"
    NODE_GONE = "NodeGone"
    # how a rollout ended
    PROMOTED = "Promoted"
    ABORTED = "Aborted"
    ROLLED_BACK_BY_PERSON = "RolledBackByPerson"
    NOT_READY_IN_TIME = "NotReadyInTime"
    CRASH_LOOP = "CrashLoop"
    OUT_OF_MEMORY = "OutOfMemory"
    SUPERSEDED = "Superseded"
    RETURNED_TO_STABLE = "ReturnedToStable"
    # the spec cannot be used
    VERSION_REJECTED = "VersionRejected"
    CONTRACT_CHANGED = "ContractChanged"
    NAME_TAKEN = "NameTaken"
    BAD_SPEC = "BadSpec"
    GATEWAY_MISSING = "GatewayMissing"
    SHADOW_UNAVAILABLE = "ShadowUnavailable"


CLUSTERS = (
    Reason.CLUSTER_TROUBLE,
    Reason.UNSCHEDULABLE,
    Reason.IMAGE_MISSING,
    Reason.REGISTRY_AWAY,
    Reason.NODE_GONE,
)
"""Troubles of the cluster: they hold a version, and never take it back."""


@dataclass(frozen=True)
class Canary:
    """The revision that is being rolled out. Times are seconds since the epoch."""

    revision: str
    version: str
    attempt: int
    started_at: float
    step: int = 0  # index into the steps; their number means the bake
    weight: int = 0  # percent of the traffic asked for
    weight_since: float | None = None  # since when the weight is asked for; None while stable has no pods to share with
    weight_at: float | None = None  # from when on the next weight is to be written, where it waits for its moment
    measured_since: float | None = None  # evidence counts from here
    measured_seconds: float = 0.0  # of this step, as far as it was measured
    measured_until: float | None = None  # the last instant that was counted
    waiting_since: float | None = None  # pods of this step are asked for, and not ready
    idle_seconds: float = 0.0  # spent waiting for people; the deadline does not count it
    shadow: bool = False  # it gets a copy of all the traffic, and nobody gets its answers
    no_return: bool = False  # a person approved that it starts although stable could not be gone back to
    returning: bool = False  # a person goes back to it: all the traffic at once, and nothing judges it


@dataclass(frozen=True)
class Failure:
    """The revision that the spec asks for and does not get."""

    revision: str
    version: str
    attempt: int
    reason: Reason
    message: str
    at: float
    retry: int = 0  # spec.rollout.retry as it stood then: a higher number tries again


@dataclass(frozen=True)
class Pause:
    reason: Reason
    message: str
    at: float
    by: str = ""


@dataclass(frozen=True)
class Stable:
    revision: str
    version: str
    since: float | None = None  # when it became stable; None while the first version has yet to become ready
    attempt: int = 1  # the attempt that made it stable
    peak: int = 0  # the most pods that its autoscaler gave it since the rollout began
    previous: str = ""  # the revision that was stable before; "" where none is to be gone back to


@dataclass(frozen=True)
class Returned:
    """A person's word to go back: it stands in for the spec until `spec.modelVersion` changes, or somebody retries."""

    asked: str  # what spec.modelVersion asked for then
    revision: str  # what was gone back to
    version: str
    message: str
    at: float
    by: str = ""
    retry: int = 0  # spec.rollout.retry as it stood then: a higher number tries again


@dataclass(frozen=True)
class State:
    phase: Phase | None = None  # None: nothing was decided yet, or the status was lost
    reason: Reason = Reason.WAITING_FOR_VERSION
    message: str = ""
    stable: Stable | None = None
    canary: Canary | None = None
    failed: Failure | None = None
    paused: Pause | None = None
    returned: Returned | None = None
    retire_at: float | None = None  # a version that serves no more keeps its pods until then
    actions: tuple[str, ...] = ()  # what people asked for and was done or refused, newest last

    @property
    def lost(self) -> bool:
        """Whether it was lost, and nobody has looked yet at what was recovered."""
        return self.paused is not None and self.paused.reason is Reason.STATUS_LOST
