"""A state that went into a status comes out of it as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pilotage_operator.api.deploymentstatus import ModelDeploymentStatus, Phase
from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.domain.rollout.decision import Decision, Situation
from pilotage_operator.domain.rollout.memory import epoch, instant, recall
from pilotage_operator.domain.rollout.report import report
from pilotage_operator.domain.rollout.seen import Seen, Target
from pilotage_operator.domain.rollout.state import Canary, Failure, Pause, Reason, Returned, Stable, State

times = st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000)
maybe = st.none() | times
names = st.text("0123456789abcdef", min_size=10, max_size=10)
versions = st.sampled_from(["fraud-v1", "fraud-v2"])
texts = st.text(max_size=20)
reasons = st.sampled_from(Reason)
canaries = st.builds(
    Canary,
    revision=names,
    version=versions,
    attempt=st.integers(1, 9),
    started_at=times,
    step=st.integers(0, 20),
    weight=st.integers(0, 100),
    weight_since=maybe,
    weight_at=maybe,
    measured_since=maybe,
    measured_seconds=times,
    measured_until=maybe,
    waiting_since=maybe,
    idle_seconds=times,
    no_return=st.booleans(),
    returning=st.booleans(),
)
states = st.builds(
    State,
    phase=st.sampled_from(Phase),
    reason=reasons,
    message=texts,
    stable=st.none() | st.builds(Stable, names, versions, maybe, st.integers(1, 9), st.integers(0, 9), names),
    canary=st.none() | canaries,
    failed=st.none()
    | st.builds(Failure, names, versions, st.integers(1, 9), reasons, texts, times, retry=st.integers(0, 9)),
    paused=st.none() | st.builds(Pause, reasons, texts, times, texts),
    returned=st.none() | st.builds(Returned, versions, names, versions, texts, times, texts, st.integers(0, 9)),
    retire_at=maybe,
    actions=st.lists(texts, max_size=26).map(tuple),
)


@given(state=states)
def test_a_state_survives_the_status(state: State) -> None:
    spec = ModelDeploymentSpec.model_validate({"modelVersion": "fraud-v2"})
    situation = Situation(spec, state, Seen(Target("0" * 10, "fraud-v2")), 1_000_000.0)
    status = report(ModelDeploymentStatus(), situation, Decision(state), {}, 3, "http://fraud")
    written = json.dumps(status.dump(), allow_nan=False)
    assert recall(ModelDeploymentStatus.parse(json.loads(written))) == state


def test_a_status_without_a_phase_remembers_nothing() -> None:
    assert recall(ModelDeploymentStatus.parse(None)) == State()


def test_a_reason_of_a_newer_operator_is_borne() -> None:
    status = {
        "phase": "Paused",
        "reason": "Eclipse",
        "failed": {"revision": "r2", "reason": "Eclipse", "at": "2026-11-23T12:00:00Z"},
        "paused": {"at": "2026-11-23T12:00:00Z", "reason": "Eclipse"},
    }
    state = recall(ModelDeploymentStatus.parse(status))
    assert state.failed
    assert state.paused
    assert (state.failed.reason, state.paused.reason) == (Reason.CHECK_FAILED, Reason.PAUSED_BY_PERSON)


def test_times_are_kept_to_the_millisecond() -> None:
    assert instant(1.23456) == datetime(1970, 1, 1, 0, 0, 1, 235000, UTC)
    assert epoch(instant(1.23456)) == 1.235
    assert epoch(None) is None
