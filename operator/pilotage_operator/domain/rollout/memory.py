"""The rollout's state as it stands in the status, and back: a round trip that loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from pilotage_operator.api.deploymentstatus import FailedRevision, ModelDeploymentStatus, ReturnedRevision
from pilotage_operator.api.deploymentstatus import Pause as PauseStatus
from pilotage_operator.domain.rollout.state import Canary, Failure, Pause, Reason, Returned, Stable, State


def instant(seconds: float | None) -> datetime | None:
    """Seconds since the epoch as a time, to the millisecond, as it is written."""
    return None if seconds is None else _instant(seconds)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def epoch(time: datetime | None) -> float | None:
    return None if time is None else round(time.timestamp(), 3)


def _reason(word: str, otherwise: Reason) -> Reason:
    """The reason that a word stands for; one that a newer operator wrote is not known."""
    try:
        return Reason(word)
    except ValueError:
        return otherwise


def recall(status: ModelDeploymentStatus) -> State:
    """The state that a status holds; that of a status without a phase is empty."""
    if status.phase is None:
        return State()
    stable, canary, failed, paused = status.stable, status.canary, status.failed, status.paused
    return State(
        phase=status.phase,
        reason=_reason(status.reason, Reason.MEASURING),
        message=status.message,
        stable=None
        if stable is None
        else Stable(
            stable.revision,
            stable.model_version,
            epoch(stable.since),
            stable.attempt,
            stable.peak,
            stable.previous,
        ),
        canary=None
        if canary is None
        else Canary(
            revision=canary.revision,
            version=canary.model_version,
            attempt=canary.attempt,
            started_at=epoch(canary.started_at) or 0.0,
            step=canary.step - 1,
            weight=canary.weight,
            weight_since=epoch(canary.weight_since),
            weight_at=epoch(canary.weight_at),
            measured_since=epoch(canary.measured_since),
            measured_seconds=canary.measured_seconds,
            measured_until=epoch(canary.measured_at),
            waiting_since=epoch(canary.waiting_since),
            idle_seconds=canary.idle_seconds,
            shadow=canary.shadow,
            no_return=canary.no_return,
            returning=canary.returning,
        ),
        failed=None
        if failed is None
        else Failure(
            failed.revision,
            failed.model_version,
            failed.attempt,
            _reason(failed.reason, Reason.CHECK_FAILED),
            failed.message,
            epoch(failed.at) or 0.0,
            failed.retry,
        ),
        paused=None
        if paused is None
        else Pause(
            _reason(paused.reason, Reason.PAUSED_BY_PERSON),
            paused.message,
            epoch(paused.at) or 0.0,
            paused.by,
        ),
        returned=_returned(status.returned),
        retire_at=epoch(status.retire_at),
        actions=status.actions,
    )


def _returned(back: ReturnedRevision | None) -> Returned | None:
    if back is None:
        return None
    at = epoch(back.at) or 0.0
    return Returned(back.asked, back.revision, back.model_version, back.message, at, back.by, back.retry)


def returned_status(back: Returned | None) -> ReturnedRevision | None:
    if back is None:
        return None
    return ReturnedRevision(
        asked=back.asked,
        revision=back.revision,
        model_version=back.version,
        message=back.message,
        by=back.by,
        at=_instant(back.at),
        retry=back.retry,
    )


def failed_status(failed: Failure | None) -> FailedRevision | None:
    if failed is None:
        return None
    return FailedRevision(
        revision=failed.revision,
        model_version=failed.version,
        attempt=failed.attempt,
        reason=failed.reason,
        message=failed.message,
        at=_instant(failed.at),
        retry=failed.retry,
    )


def pause_status(paused: Pause | None) -> PauseStatus | None:
    if paused is None:
        return None
    return PauseStatus(by=paused.by, at=_instant(paused.at), reason=paused.reason, message=paused.message)
