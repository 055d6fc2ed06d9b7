"""What a ModelVersion's status becomes, row by row."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pilotage_operator.api.modelversion import CheckingJob, ModelVersionStatus, VersionPhase
from pilotage_operator.domain.checking import PROBE_SECONDS, ContainerSeen, JobSeen, Unfinished
from pilotage_operator.domain.version import BELIEVED_AFTER, Decision, decide_version, settled, unfinished, unreadable
from tests.unit.version.given import (
    AWAY,
    BAD,
    CONTRACT,
    CRASHED,
    FETCHED,
    GOOD,
    NOW,
    OOM_KILLED,
    PASSED,
    REFUSED,
    job,
    spec,
)  # fmt: skip

NEW = ModelVersionStatus()
RUNNING = ContainerSeen(started_at=NOW)
HUNG = ContainerSeen(started_at=NOW - timedelta(seconds=PROBE_SECONDS + 1))


def decide(
    status: ModelVersionStatus, jobs: Sequence[JobSeen] = (), *, generation: int = 1, now: datetime = NOW
) -> Decision:
    return decide_version(spec(), generation, status, jobs, now)


def begun() -> ModelVersionStatus:
    return decide(NEW).status


def pinned(uid: str = "uid-1") -> ModelVersionStatus:
    return decide(begun(), [job(uid=uid, fetch=RUNNING)]).status


def ready() -> ModelVersionStatus:
    return decide(pinned(), [job(probe=PASSED)]).status


def rejected() -> ModelVersionStatus:
    return decide(pinned(), [job(probe=REFUSED)]).status


def waiting() -> ModelVersionStatus:
    """The registry was away once; the next attempt is due 5 s after NOW."""
    return decide(pinned(), [job(fetch=AWAY)]).status


def reason(status: ModelVersionStatus, condition: str = "Ready") -> tuple[str, str]:
    found = next(c for c in status.conditions if c.type == condition)
    return found.status, found.reason


def test_a_new_version_gets_its_job_after_its_status() -> None:
    decision = decide(NEW)
    assert decision.create == 1
    assert decision.status.phase is VersionPhase.CHECKING
    assert decision.status.observed_generation == 1
    assert decision.status.job is None
    assert reason(decision.status) == ("Unknown", "Checking")
    assert [event.reason for event in decision.events] == ["Checking"]


def test_a_job_of_ours_is_pinned_by_its_uid_when_it_is_seen() -> None:
    decision = decide(begun(), [job(fetch=RUNNING)])
    assert decision.status.job == CheckingJob(name="fraud-v3-check-1", uid="uid-1")
    assert (decision.create, decision.delete, decision.requeue) == (None, (), 5.0)


def test_a_running_job_says_what_it_waits_for() -> None:
    decision = decide(pinned(), [job(fetch=ContainerSeen(reason="ErrImagePull", message="no such image"))])
    assert decision.status.phase is VersionPhase.CHECKING
    assert "ErrImagePull: no such image" in decision.status.message


def test_a_pass_over_a_running_job_changes_nothing() -> None:
    assert decide(pinned(), [job(fetch=RUNNING)], now=NOW + timedelta(seconds=5)).status == pinned()


def test_a_pass_is_ready_with_contract_and_report() -> None:
    decision = decide(pinned(), [job(probe=PASSED)])
    assert decision.status.phase is VersionPhase.READY
    assert decision.status.contract == CONTRACT
    assert decision.status.report[-1] == GOOD
    assert decision.status.job is None
    assert reason(decision.status) == ("True", "Passed")
    assert decision.requeue is None
    assert [event.type for event in decision.events] == ["Normal"]


def test_a_refusal_is_rejected_and_names_check_figure_and_limit() -> None:
    decision = decide(pinned(), [job(probe=REFUSED)])
    assert decision.status.phase is VersionPhase.REJECTED
    assert decision.status.report[-1] == BAD
    assert decision.status.message == "golden 0.2 (limit rtol 0.0001): the answers differ"
    assert reason(decision.status) == ("False", "Rejected")
    assert [event.type for event in decision.events] == ["Warning"]


def test_an_out_of_memory_is_rejected_by_memory() -> None:
    status = decide(pinned(), [job(probe=OOM_KILLED)]).status
    assert status.phase is VersionPhase.REJECTED
    assert "memory over 512Mi (limit 512Mi)" in status.message


def test_a_registry_that_is_away_is_checking_with_a_reason_and_a_time() -> None:
    decision = decide(pinned(), [job(fetch=AWAY)])
    status = decision.status
    assert status.phase is VersionPhase.CHECKING
    assert reason(status) == ("Unknown", "RegistryUnavailable")
    assert status.retry_at == NOW + timedelta(seconds=5)
    assert "attempt 2 begins at 12:00:05 UTC" in status.message
    assert (decision.create, decision.requeue) == (None, 5.0)
    assert [event.reason for event in decision.events] == ["RegistryUnavailable"]


def test_before_its_time_a_retry_waits_and_keeps_the_old_job_to_be_read() -> None:
    decision = decide(waiting(), [job(fetch=AWAY)], now=NOW + timedelta(seconds=2))
    assert (decision.status, decision.create, decision.delete) == (waiting(), None, ())
    assert decision.requeue == pytest.approx(3.0)


def test_at_its_time_a_retry_replaces_the_old_job() -> None:
    old = job(fetch=AWAY)
    decision = decide(waiting(), [old], now=NOW + timedelta(seconds=5))
    assert (decision.create, decision.delete) == (2, (old,))


def test_a_retry_that_was_killed_after_its_delete_creates() -> None:
    assert decide(waiting(), [], now=NOW + timedelta(seconds=9)).create == 2


def test_a_retry_that_was_killed_after_its_create_finds_the_new_job() -> None:
    decision = decide(waiting(), [job(uid="uid-2", fetch=RUNNING)], now=NOW + timedelta(seconds=9))
    assert decision.create is None
    assert decision.status.job is not None
    assert decision.status.job.uid == "uid-2"
    assert decision.status.retry_at is None
    assert reason(decision.status) == ("Unknown", "RegistryUnavailable"), "why the attempt before ended"


def test_the_back_off_doubles_to_five_minutes() -> None:
    status, delays = pinned(), []
    for _ in range(9):
        decision = unfinished(1, status, Unfinished("RegistryUnavailable", "away"), NOW)
        status = decision.status
        delays.append(decision.requeue)
    assert delays == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_long_outage_never_rejects_and_tells_once() -> None:
    status, told = pinned(), 0
    for _ in range(2000):
        decision = unfinished(1, status, Unfinished("RegistryUnavailable", "away"), NOW)
        status, told = decision.status, told + len(decision.events)
    assert status.phase is VersionPhase.CHECKING
    assert told == 1


def test_a_crash_is_tried_again_and_believed_the_third_time_in_a_row() -> None:
    status, phases = pinned(), []
    for attempt in range(1, BELIEVED_AFTER + 1):
        status = decide(status, [job(uid=f"uid-{attempt}", probe=CRASHED)]).status
        phases.append(status.phase)
    assert phases == [VersionPhase.CHECKING, VersionPhase.CHECKING, VersionPhase.REJECTED]
    assert "ended with exit code 139 without a report, 3 times in a row" in status.message


def test_another_cause_in_between_begins_the_count_anew() -> None:
    status = pinned("uid-0")
    for number, seen in enumerate((CRASHED, CRASHED, None, CRASHED, CRASHED)):
        uid = f"uid-{number}"
        status = decide(status, [job(uid=uid, probe=seen) if seen else job(uid=uid, fetch=AWAY)]).status
    assert status.phase is VersionPhase.CHECKING
    assert status.attempts == 2


def test_a_model_that_hangs_is_stopped_at_once() -> None:
    hung = job(probe=HUNG)
    decision = decide(pinned(), [hung])
    assert decision.delete == (hung,)
    assert reason(decision.status) == ("Unknown", "ProbeTimedOut")


def test_a_deadline_says_what_was_last_waited_for() -> None:
    waits = decide(pinned(), [job(fetch=ContainerSeen(), unschedulable="no node is large enough")]).status
    over = decide(waits, [replace(job(finished="DeadlineExceeded"), pod=None)]).status
    assert reason(over) == ("Unknown", "DeadlineExceeded")
    assert "no node is large enough" in over.message


def test_a_job_deleted_by_hand_is_replaced_after_a_back_off() -> None:
    decision = decide(pinned(), [])
    assert reason(decision.status) == ("Unknown", "JobDeleted")
    assert decide(decision.status, [], now=NOW + timedelta(seconds=5)).create == 2


def test_another_job_of_ours_is_believed_instead_of_one_that_is_gone() -> None:
    status = decide(pinned("uid-1"), [job(uid="uid-2", fetch=RUNNING)]).status
    assert status.job is not None
    assert status.job.uid == "uid-2"


def test_a_lost_status_adopts_the_running_job() -> None:
    decision = decide(NEW, [job(fetch=RUNNING)])
    assert decision.create is None
    assert decision.status.job is not None


def test_a_lost_status_finds_the_verdict_of_the_job_that_is_still_there() -> None:
    assert decide(NEW, [job(probe=PASSED, finished="Complete")]).status.phase is VersionPhase.READY


@pytest.mark.parametrize("final", [ready(), rejected()], ids=["ready is final", "rejected is final"])
def test_a_verdict_is_final_for_its_limits(final: ModelVersionStatus) -> None:
    decision = decide(final, [])
    assert settled(final, 1)
    assert decision == Decision(status=final)


def test_a_rejected_version_is_checked_again_when_its_limits_change() -> None:
    old = job(probe=REFUSED, finished="Failed")
    decision = decide(rejected(), [old], generation=2)
    assert (decision.create, decision.delete) == (1, (old,))
    assert decision.status.phase is VersionPhase.CHECKING
    assert decision.status.observed_generation == 2
    assert decision.status.report == ()


def test_a_ready_version_stays_ready_while_its_new_limits_are_checked() -> None:
    decision = decide(ready(), [job(probe=PASSED, finished="Complete")], generation=2)
    assert decision.create == 1
    assert decision.status.phase is VersionPhase.READY
    assert decision.status.observed_generation == 1, "the verdict is about the limits before"
    assert decision.status.contract == CONTRACT
    assert reason(decision.status) == ("True", "Passed")
    assert reason(decision.status, "Progressing") == ("True", "Checking")


def test_a_ready_version_stays_ready_while_its_registry_is_away() -> None:
    again = decide(ready(), [], generation=2).status
    status = decide(again, [job(generation=2, fetch=AWAY)], generation=2).status
    assert status.phase is VersionPhase.READY
    assert reason(status, "Progressing") == ("True", "RegistryUnavailable")
    assert status.retry_at is not None


def test_a_ready_version_that_fails_its_new_limits_is_rejected() -> None:
    again = decide(ready(), [], generation=2).status
    status = decide(again, [job(generation=2, probe=REFUSED)], generation=2).status
    assert status.phase is VersionPhase.REJECTED
    assert status.observed_generation == 2
    assert status.contract is None


def test_a_job_of_earlier_limits_is_not_believed() -> None:
    old = job(fetch=FETCHED, probe=PASSED)
    decision = decide(pinned(), [old], generation=2)
    assert (decision.create, decision.delete) == (1, (old,))
    assert decision.status.phase is VersionPhase.CHECKING


def test_a_spec_that_cannot_be_read_says_so_and_keeps_the_rest() -> None:
    status = unreadable(2, ready(), "spec.gate: unknown", NOW)
    assert reason(status) == ("False", "InvalidSpec")
    assert status.phase is VersionPhase.READY
    assert unreadable(2, status, "spec.gate: unknown", NOW + timedelta(hours=1)) == status


@pytest.mark.parametrize(
    "status", [pinned(), waiting(), ready(), rejected()], ids=["pinned", "waiting", "ready", "rejected"]
)
def test_a_status_survives_the_api_server(status: ModelVersionStatus) -> None:
    assert ModelVersionStatus.parse(status.dump()) == status
