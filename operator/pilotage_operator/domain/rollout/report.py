"""The status that people read: from the state that was decided and what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from pilotage_operator.api.conditions import Condition, ConditionReason, ConditionType, set_condition
from pilotage_operator.api.deploymentstatus import (
    CanaryRevision,
    CheckResult,
    HistoryEntry,
    ModelDeploymentStatus,
    Phase,
    StableRevision,
)
from pilotage_operator.domain.manifests.revision import Revision
from pilotage_operator.domain.rollout.decision import Decision, Situation
from pilotage_operator.domain.rollout.memory import failed_status, instant, pause_status, returned_status
from pilotage_operator.domain.rollout.progress import judged
from pilotage_operator.domain.rollout.state import Reason, State
from pilotage_operator.domain.rollout.traffic import by_gateway, canary_pods, full, step_pods

HISTORY = 50
WAITING = (Reason.WAITING_FOR_VERSION, Reason.STARTING_PODS, Reason.SCALING)


def report(
    before: ModelDeploymentStatus,
    s: Situation,
    decision: Decision,
    revisions: Mapping[str, Revision],
    generation: int,
    url: str,
) -> ModelDeploymentStatus:
    """The whole next status. It differs from `before` only if something that it says differs."""
    state, now = decision.state, datetime.fromtimestamp(s.now, UTC)
    added = [HistoryEntry(at=now, event=h.reason, message=h.message, by=h.by) for h in decision.happenings]
    told = tuple(_conditions(s, state, generation, now))
    conditions = tuple(c for c in before.conditions if c.type in {t.type for t in told})
    for condition in told:
        conditions = set_condition(conditions, condition, now)
    canary_weight = state.canary.weight if state.canary else 0
    return ModelDeploymentStatus(
        observed_generation=generation,
        phase=state.phase,
        reason=state.reason,
        message=state.message,
        url=url,
        weights=f"{100 - canary_weight}/{canary_weight}" if state.stable else "",
        stable=_stable(s, state, revisions),
        canary=_canary(s, state, revisions),
        failed=failed_status(state.failed),
        paused=pause_status(state.paused),
        returned=returned_status(state.returned),
        retire_at=instant(state.retire_at),
        checks=_checks(s, state, before),
        actions=state.actions,
        history=(*before.history, *added)[-HISTORY:],
        conditions=conditions,
    )


def unreadable(before: ModelDeploymentStatus, why: str, generation: int, at: float) -> ModelDeploymentStatus:
    """The status of a spec that cannot be read: what was known stands, and the conditions say why nothing moves."""
    served = f"{before.stable.model_version} serves" if before.stable and before.stable.since else "nothing is served"
    message, now, conditions = f"{served}: {why}", datetime.fromtimestamp(at, UTC), before.conditions
    for type_, holds in (
        (ConditionType.READY, "False"),
        (ConditionType.PROGRESSING, "False"),
        (ConditionType.DEGRADED, "True"),
    ):
        condition = Condition(
            type=type_,
            status=holds,
            reason=Reason.BAD_SPEC,
            message=message,
            last_transition_time=now,
            observed_generation=generation,
        )
        conditions = set_condition(conditions, condition, now)
    changes = {"phase": Phase.INVALID, "reason": Reason.BAD_SPEC.value, "message": message, "conditions": conditions}
    return before.model_copy(update={**changes, "observed_generation": generation})


def _observed_share(s: Situation, state: State) -> float | None:
    """The canary's share of the requests that were seen at its present weight."""
    metrics = s.seen.metrics
    total = metrics.canary_requests + metrics.stable_requests
    if state.canary is None or state.canary.weight == 0 or total == 0:
        return None
    return round(metrics.canary_requests / total, 3)


def _stable(s: Situation, state: State, revisions: Mapping[str, Revision]) -> StableRevision | None:
    stable, revision = state.stable, revisions.get(state.stable.revision) if state.stable else None
    if stable is None:
        return None
    share = _observed_share(s, state)
    return StableRevision(
        revision=stable.revision,
        model_version=stable.version,
        version=revision.version if revision else "",
        digest=revision.digest if revision else "",
        weight=100 - (state.canary.weight if state.canary else 0),
        observed_share=None if share is None else round(1 - share, 3),
        ready=s.seen.ready(stable.revision),
        replicas=full(s.spec, state, s.seen),
        since=instant(stable.since),
        attempt=stable.attempt,
        peak=stable.peak,
        previous=stable.previous,
    )


def _canary(s: Situation, state: State, revisions: Mapping[str, Revision]) -> CanaryRevision | None:
    canary, revision = state.canary, revisions.get(state.canary.revision) if state.canary else None
    if canary is None:
        return None
    return CanaryRevision(
        revision=canary.revision,
        model_version=canary.version,
        version=revision.version if revision else "",
        digest=revision.digest if revision else "",
        weight=canary.weight,
        observed_share=_observed_share(s, state),
        ready=s.seen.ready(canary.revision),
        replicas=canary_pods(s.spec, state, canary, s.seen),
        attempt=canary.attempt,
        step=canary.step + 1,
        steps=len(s.spec.rollout.steps),
        started_at=instant(canary.started_at),
        weight_since=instant(canary.weight_since),
        weight_at=instant(canary.weight_at),
        measured_since=instant(canary.measured_since),
        measured_at=instant(canary.measured_until),
        measured_seconds=canary.measured_seconds,
        waiting_since=instant(canary.waiting_since),
        idle_seconds=round(canary.idle_seconds, 3),
        shadow=canary.shadow,
        no_return=canary.no_return,
        returning=canary.returning,
    )


def _checks(s: Situation, state: State, before: ModelDeploymentStatus) -> tuple[CheckResult, ...]:
    """What the checks say of the canary; after a rollback what they last said stays until the next canary."""
    on_fail = {check.name: check.on_fail for check in s.spec.analysis.checks}
    if state.failed is not None and s.state.failed is not None:
        return before.checks
    if state.canary is None and state.failed is None:
        return ()
    return tuple(
        CheckResult(
            name=f.name,
            verdict=f.verdict,
            figure=f.figure,
            interval=f.interval,
            limit=f.limit,
            evidence=f.evidence,
            message=f.message,
            cause=f.cause,
            eta=f.eta,
            on_fail=on_fail.get(f.name, "observe"),
        )
        for f in s.seen.metrics.findings
    )


def _conditions(s: Situation, state: State, generation: int, now: datetime) -> Iterable[Condition]:
    def holds(type_: ConditionType, status: bool, reason: str, message: str) -> Condition:
        return Condition(
            type=type_,
            status="True" if status else "False",
            reason=reason,
            message=message,
            last_transition_time=now,
            observed_generation=generation,
        )

    ready = s.seen.ready(state.stable.revision) if state.stable else 0
    canary = state.canary
    if canary is not None and canary.weight >= 100:
        ready = max(ready, s.seen.ready(canary.revision))
    at_rest, all_pods = state.phase is Phase.HEALTHY, full(s.spec, state, s.seen)
    yield holds(ConditionType.READY, at_rest and ready >= all_pods, state.reason, state.message)
    moving = state.phase in (Phase.INITIALIZING, Phase.PROGRESSING, Phase.BAKING)
    yield holds(ConditionType.PROGRESSING, moving, state.reason, state.message)
    failing = state.phase in (Phase.ROLLED_BACK, Phase.INVALID)
    stuck = state.phase is Phase.INITIALIZING and state.reason not in WAITING
    down = ready == 0 and state.phase is not Phase.INITIALIZING
    yield holds(ConditionType.DEGRADED, failing or stuck or down, state.reason, state.message)
    if canary is None:
        return
    if s.state.canary is not None and judged(s):
        metrics = s.seen.metrics
        reason = ConditionReason.SAMPLED if metrics.available else ConditionReason.NO_SAMPLES
        yield holds(ConditionType.METRICS_AVAILABLE, metrics.available, reason, metrics.message)
    missing = replace(s, state=state).unconfirmed()
    reason = ConditionReason.CHANGING if missing else ConditionReason.IN_FORCE
    yield holds(ConditionType.WEIGHT_CONFIRMED, not missing, reason, missing)
    if not by_gateway(s.spec) and 0 < canary.weight < 100:
        pods = step_pods(s.spec, state, canary, s.seen)
        share = 100 * pods / (pods + all_pods)
        text = f"{canary.weight} % is asked for; {pods} of {pods + all_pods} pods give {share:.0f} %"
        exact = round(share) == canary.weight
        yield holds(ConditionType.WEIGHT_APPROXIMATE, not exact, ConditionReason.REPLICA_SHARES, text)
    back = state.stable is not None and s.seen.ready(state.stable.revision) > 0
    name = state.stable.version if state.stable else "nothing"
    text = f"{name} is warm" if back else f"{name} has no ready pods to go back to"
    reason = ConditionReason.WARM if back else ConditionReason.NOT_READY
    yield holds(ConditionType.ROLLBACK_AVAILABLE, back, reason, text)
