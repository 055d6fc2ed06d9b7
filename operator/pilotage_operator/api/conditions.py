"""Conditions: what holds of a resource now, in Kubernetes' own form."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from pilotage_operator.api.schema import StatusSchema

ConditionStatus = Literal["True", "False", "Unknown"]


class ConditionType(StrEnum):
    """The conditions that the operator sets."""

    READY = "Ready"
    PROGRESSING = "Progressing"
    METRICS_AVAILABLE = "MetricsAvailable"
    ROLLBACK_AVAILABLE = "RollbackAvailable"
    WEIGHT_CONFIRMED = "WeightConfirmed"
    WEIGHT_APPROXIMATE = "WeightApproximate"
    DEGRADED = "Degraded"


class ConditionReason(StrEnum):
    """Why a condition is as it is, where that is not the reason of the phase."""

    SAMPLED = "Sampled"
    NO_SAMPLES = "NoSamples"
    IN_FORCE = "InForce"
    CHANGING = "Changing"
    REPLICA_SHARES = "ReplicaShares"
    WARM = "Warm"
    NOT_READY = "NotReady"


class Condition(StatusSchema):
    """One thing that is true, false or unknown of the resource, why, and since when."""

    type: Annotated[str, Field(max_length=316)]
    """What the condition is about."""
    status: ConditionStatus
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """Why, in one CamelCase word."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, for a person."""
    last_transition_time: AwareDatetime
    """When `status` last changed."""
    observed_generation: int | None = None
    """The generation of the spec that it was judged for."""


def set_condition(conditions: Iterable[Condition], new: Condition, now: datetime) -> tuple[Condition, ...]:
    """The conditions with `new` in the place of the one of its type, or at the end.

    `now` becomes its last transition only if its status changes; otherwise the time that stood there is kept.
    """
    before = tuple(conditions)
    old = next((condition for condition in before if condition.type == new.type), None)
    since = old.last_transition_time if old is not None and old.status == new.status else now
    placed = new.model_copy(update={"last_transition_time": since})
    if old is None:
        return (*before, placed)
    return tuple(placed if condition is old else condition for condition in before)
