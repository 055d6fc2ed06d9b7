"""A status comes back from the API server as it was written, and conditions remember since when they hold."""

from datetime import UTC, datetime, timedelta

import pytest

from pilotage_operator.api.conditions import Condition, set_condition
from pilotage_operator.api.deploymentstatus import (
    CanaryRevision,
    CheckResult,
    HistoryEntry,
    ModelDeploymentStatus,
    Phase,
    StableRevision,
)
from pilotage_operator.api.modelversion import ModelVersionStatus, VersionPhase

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, UTC)
LATER = NOON + timedelta(minutes=5)


def _condition(kind: str, status: str, reason: str = "Because", at: datetime = NOON) -> Condition:
    return Condition.model_validate({"type": kind, "status": status, "reason": reason, "lastTransitionTime": at})


def test_a_status_survives_the_way_through_json() -> None:
    status = ModelDeploymentStatus(
        observed_generation=7,
        phase=Phase.PROGRESSING,
        reason="StepMeasured",
        weights="75/25",
        stable=StableRevision(revision="1a2b3c4d5e", model_version="fraud-v2", weight=75, observed_share=0.748),
        canary=CanaryRevision(
            revision="2a2b3c4d5e", model_version="fraud-v3", weight=25, step=1, started_at=NOON, measured_seconds=12.5
        ),
        checks=(CheckResult(name="errorRate", verdict="unknown", message="too few requests"),),
        actions=("promote-1",),
        history=(HistoryEntry(at=NOON, event="Promoted", by="ada"),),
        conditions=(_condition("Ready", "True"),),
    )
    assert ModelDeploymentStatus.parse(status.dump()) == status
    assert status.dump()["canary"]["startedAt"] == "2026-11-23T12:00:00.250000Z"


@pytest.mark.parametrize("absent", [None, {}])
def test_an_object_without_a_status_is_new(absent: dict[str, object] | None) -> None:
    assert ModelDeploymentStatus.parse(absent).phase is None
    assert ModelVersionStatus.parse(absent).phase is VersionPhase.PENDING


def test_a_field_of_a_newer_operator_is_passed_over() -> None:
    assert ModelDeploymentStatus.parse({"phase": "Healthy", "shadow": {"of": "doubt"}}).phase is Phase.HEALTHY


def test_the_first_condition_of_its_type_holds_since_now() -> None:
    (ready,) = set_condition((), _condition("Ready", "True"), LATER)
    assert ready.last_transition_time == LATER


def test_a_condition_that_changes_holds_since_now_and_keeps_its_place() -> None:
    before = (_condition("Ready", "True"), _condition("Degraded", "False"))
    ready, degraded = set_condition(before, _condition("Ready", "False"), LATER)
    assert (ready.status, ready.last_transition_time) == ("False", LATER)
    assert degraded == before[1]


def test_a_condition_with_only_a_new_reason_holds_since_before() -> None:
    (ready,) = set_condition((_condition("Ready", "True"),), _condition("Ready", "True", "Other"), LATER)
    assert (ready.reason, ready.last_transition_time) == ("Other", NOON)
