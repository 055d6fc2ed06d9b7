"""What a ModelVersion's status becomes, and what is to be done about its Job.

One Job at a time, named by its attempt and pinned by its UID. An attempt that ended without a verdict is tried again
with a back-off, and its Job stays to be read until then; `retryAt` goes only when the next Job has been seen, so that
an operator killed between any two lines finds its way.

Ready and Rejected are final for a source. When the limits change, the version is checked again; one that is Ready stays
so until the new verdict, since what serves must not be taken for unusable on no evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pilotage_operator.api.conditions import Condition, ConditionStatus, ConditionType, set_condition
from pilotage_operator.api.modelversion import (
    CheckingJob,
    GateCheck,
    ModelVersionSpec,
    ModelVersionStatus,
    VersionPhase,
)
from pilotage_operator.domain.checking import JobSeen, Passed, Refused, Running, Unfinished, conclude, failures

POLL_SECONDS = 5.0
FIRST_RETRY_SECONDS = 5.0
LAST_RETRY_SECONDS = 300.0
BELIEVED_AFTER = 3
"""So many attempts in a row with the same fault of the model's own process reject it."""
MAX_REPORT = 32


@dataclass(frozen=True)
class Event:
    """Becomes a Kubernetes Event once the status is written."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The next status, and what to do after it is written, in this order: delete Jobs, create attempt number `create`,
    tell. `requeue` is in seconds; None waits for an event."""

    status: ModelVersionStatus
    delete: tuple[JobSeen, ...] = ()
    create: int | None = None
    events: tuple[Event, ...] = ()
    requeue: float | None = None


def decide_version(
    spec: ModelVersionSpec, generation: int, status: ModelVersionStatus, jobs: Sequence[JobSeen], now: datetime
) -> Decision:
    """The next step for a ModelVersion. `jobs` are those that it controls, newest first."""
    if settled(status, generation):
        return Decision(status=status)
    status = _for_generation(status, generation, jobs)
    current = [job for job in jobs if job.generation == generation]
    pinned = next((job for job in current if status.job is not None and job.uid == status.job.uid), None)
    newer = next((job for job in current if job is not pinned), None)
    if newer is not None:
        pin = CheckingJob(name=newer.name, uid=newer.uid)
        status = status.model_copy(update={"job": pin, "retry_at": None})
        return _judge(spec, generation, status, newer, jobs, now)
    if status.retry_at is not None:
        return _retry(status, status.retry_at, jobs, now)
    if pinned is not None:
        return _judge(spec, generation, status, pinned, jobs, now)
    if status.job is not None:
        gone = Unfinished("JobDeleted", f"Job {status.job.name} was deleted before it ended")
        return unfinished(generation, status, gone, now)
    return _begin(generation, status, jobs, now)


def settled(status: ModelVersionStatus, generation: int) -> bool:
    """Whether there is a verdict on these limits, so that nothing is left to do or to look at."""
    return status.phase in (VersionPhase.READY, VersionPhase.REJECTED) and status.observed_generation == generation


def unreadable(generation: int, status: ModelVersionStatus, message: str, now: datetime) -> ModelVersionStatus:
    """For a spec that an older schema let in and this operator cannot read: says so, and nothing is done."""
    conditions = _with(status.conditions, generation, ConditionType.READY, "False", "InvalidSpec", message, now)
    return status.model_copy(update={"message": message, "conditions": conditions})


def unfinished(generation: int, status: ModelVersionStatus, outcome: Unfinished, now: datetime) -> Decision:
    """An attempt that ended without a verdict: when the next one is due, or the end of our patience with the model.

    The back-off is 5 s, 10 s, … 5 min over attempts in a row that ended for the same reason.
    """
    again = _reason(status) == outcome.reason
    attempts = status.attempts + 1 if again else 1
    if outcome.blame is not None and attempts >= BELIEVED_AFTER:
        message = f"{outcome.blame.message}, {attempts} times in a row"
        return _rejected(generation, status, (outcome.blame.model_copy(update={"message": message}),), now)
    delay = min(FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 16), LAST_RETRY_SECONDS)
    at = now + timedelta(seconds=delay)
    message = f"{outcome.message}; attempt {attempts + 1} begins at {at:%H:%M:%S} UTC"
    changed = status.model_copy(update={"attempts": attempts, "retry_at": at})
    return Decision(
        status=_checking(changed, generation, outcome.reason, message, now),
        events=() if again else (Event("Warning", outcome.reason, outcome.message),),
        requeue=delay,
    )


def _for_generation(status: ModelVersionStatus, generation: int, jobs: Sequence[JobSeen]) -> ModelVersionStatus:
    """The status to go on from. What is known of other limits is forgotten, but for a verdict that is Ready."""
    if status.phase is VersionPhase.READY:
        stale = {job.uid for job in jobs if job.generation != generation}
        if status.job is not None and status.job.uid in stale:
            return status.model_copy(update={"job": None, "attempts": 0, "retry_at": None})
        return status
    if status.observed_generation == generation:
        return status
    return ModelVersionStatus(conditions=status.conditions)


def _begin(generation: int, status: ModelVersionStatus, jobs: Sequence[JobSeen], now: datetime) -> Decision:
    begun = _checking(status, generation, "Checking", "the check is starting", now)
    event = Event("Normal", "Checking", "the bundle is fetched, loaded and asked its golden requests")
    return Decision(status=begun, delete=tuple(jobs), create=1, events=(event,), requeue=POLL_SECONDS)


def _retry(status: ModelVersionStatus, at: datetime, jobs: Sequence[JobSeen], now: datetime) -> Decision:
    if now < at:
        return Decision(status=status, requeue=(at - now).total_seconds())
    return Decision(status=status, delete=tuple(jobs), create=status.attempts + 1, requeue=POLL_SECONDS)


def _judge(
    spec: ModelVersionSpec,
    generation: int,
    status: ModelVersionStatus,
    job: JobSeen,
    jobs: Sequence[JobSeen],
    now: datetime,
) -> Decision:
    others = tuple(other for other in jobs if other is not job)
    match conclude(job, spec, now):
        case Running(message):
            running = _checking(status, generation, _reason(status) if status.attempts else "Checking", message, now)
            return Decision(status=running, delete=others, requeue=POLL_SECONDS)
        case Unfinished() as outcome:
            if outcome.reason == "DeadlineExceeded":  # its pod is gone, and with it the reason: say what was last seen
                outcome = replace(outcome, message=f"{outcome.message}; last seen: {status.message}")
            decision = unfinished(generation, status, outcome, now)
            return replace(decision, delete=(job,) if outcome.stop else ())
        case Refused(report):
            return _rejected(generation, status, report, now)
        case Passed() as passed:
            return _ready(generation, status, passed, now)


def _ready(generation: int, status: ModelVersionStatus, passed: Passed, now: datetime) -> Decision:
    message = f"all {len(passed.report)} checks passed"
    final = _final(status, generation, VersionPhase.READY, message, now, ready="True", reason="Passed")
    final = final.model_copy(update={"report": passed.report[:MAX_REPORT], "contract": passed.contract})
    return Decision(status=final, events=(Event("Normal", "Ready", message),))


def _rejected(generation: int, status: ModelVersionStatus, report: tuple[GateCheck, ...], now: datetime) -> Decision:
    message = failures(report) or "the check refused the bundle and gave no reason"
    final = _final(status, generation, VersionPhase.REJECTED, message, now, ready="False", reason="Rejected")
    final = final.model_copy(update={"report": report[:MAX_REPORT], "contract": None})
    return Decision(status=final, events=(Event("Warning", "Rejected", message),))


def _checking(
    status: ModelVersionStatus, generation: int, reason: str, message: str, now: datetime
) -> ModelVersionStatus:
    """Without a verdict on this generation. A version that is Ready stays so, and says that it is looked at again."""
    conditions = _with(status.conditions, generation, ConditionType.PROGRESSING, "True", reason, message, now)
    if status.phase is VersionPhase.READY:
        again = f"ready; its limits changed and are checked again: {message}"
        return status.model_copy(update={"message": again, "conditions": conditions})
    conditions = _with(conditions, generation, ConditionType.READY, "Unknown", reason, message, now)
    changes = {"observed_generation": generation, "phase": VersionPhase.CHECKING, "message": message}
    return status.model_copy(update={**changes, "conditions": conditions})


def _final(
    status: ModelVersionStatus,
    generation: int,
    phase: VersionPhase,
    message: str,
    now: datetime,
    *,
    ready: ConditionStatus,
    reason: str,
) -> ModelVersionStatus:
    conditions = _with(status.conditions, generation, ConditionType.READY, ready, reason, message, now)
    conditions = _with(conditions, generation, ConditionType.PROGRESSING, "False", reason, message, now)
    changes: dict[str, Any] = {"observed_generation": generation, "phase": phase, "message": message}
    done: dict[str, Any] = {"job": None, "attempts": 0, "retry_at": None, "conditions": conditions}
    return status.model_copy(update=changes | done)


def _with(
    conditions: tuple[Condition, ...],
    generation: int,
    type_: ConditionType,
    status: ConditionStatus,
    reason: str,
    message: str,
    now: datetime,
) -> tuple[Condition, ...]:
    new = Condition(
        type=type_, status=status, reason=reason, message=message, last_transition_time=now,
        observed_generation=generation,
    )  # fmt: skip
    return set_condition(conditions, new, now)


def _reason(status: ModelVersionStatus) -> str:
    """Why the last attempt ended; while attempts are counted, it is kept over the next one's run."""
    found = (condition.reason for condition in status.conditions if condition.type == ConditionType.PROGRESSING)
    return next(found, "")
