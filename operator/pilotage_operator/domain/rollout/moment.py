"""When a canary's weight is written: in step with the intervals that it will be judged by."""

from __future__ import annotations

from datetime import UTC, datetime

from pilotage_operator.api.durations import seconds
from pilotage_operator.domain.rollout.decision import Situation

EARLY, EARLIEST = 0.2, 3.0  # of an interval, and seconds: by so much a pass may come too late and still be in time


def moment(s: Situation, weight: int, shadow: bool) -> float | None:
    """From when on a weight is to be written; None where nothing is gained by waiting.

    What fails outright is told by intervals that begin once the weight has settled. Written in the middle of one, a bad
    canary would serve the rest of it to no purpose: the next one would be the first to count all the same.

    A moment that was chosen stands, and a pass that comes too late for it writes at once: passes that always come too
    late would else wait for the next one for ever.
    """
    canary, metrics = s.canary, s.seen.metrics
    raised = (weight, shadow) > (canary.weight, canary.shadow)
    if not raised or not metrics.available or metrics.write_at is None or not s.seen.ready(s.stable.revision):
        return None
    if canary.weight_at is not None:
        return canary.weight_at
    return metrics.write_at - min(EARLY * seconds(s.spec.analysis.interval), EARLIEST)


def clock(at: float) -> str:
    """To the second, as a message says it: 14:13:20 UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
