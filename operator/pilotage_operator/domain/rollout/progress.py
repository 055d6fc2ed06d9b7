"""A canary on its way: the rules that take it from step to step, hold it, or give it up."""

from __future__ import annotations

from dataclasses import replace
from math import floor

from pilotage_operator.api.durations import seconds
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.rollout.decision import POLL, SOON, Decision, Happening, Situation, withdraw
from pilotage_operator.domain.rollout.state import Canary, Pause, Phase, Reason, Stable
from pilotage_operator.domain.rollout.traffic import (
    baking,
    by_gateway,
    canary_pods,
    desired,
    in_traffic,
    share_unconfirmed,
    step_weight,
    unconfirmed,
)

CONNECTION_SPREAD = 1.2  # connections live up to this much longer than they are meant to


def judged(s: Situation) -> bool:
    """Whether metrics decide now: not without checks, and not in a bake that has no control group."""
    return bool(s.spec.analysis.checks) and not (baking(s.spec, s.canary) and step_weight(s.spec, s.canary) >= 100)


def fail(s: Situation, reason: Reason, message: str, by: str = "") -> Decision:
    """Gives the canary up. Its traffic goes back by the rule for failed revisions, in this and the next passes."""
    told = Happening("RolledBack", message, warning=True, by=by)
    failed = s.failure(reason, message)
    return withdraw(s, Phase.ROLLED_BACK, reason, message, told, failed=failed, paused=None)


def pods_failed(s: Situation) -> Decision | None:
    """Pods are judged without Prometheus: the dead report no errors."""
    workload = s.seen.workloads.get(s.canary.revision)
    if workload is None or workload.ready >= canary_pods(s.spec, s.canary):
        return None
    trouble, since = workload.trouble, s.canary.waiting_since
    if trouble is not None and trouble.own:
        return fail(s, trouble.reason, f"{s.canary.version} rolled back: {trouble.message}")
    if since is None or s.now - since <= seconds(s.spec.rollout.ready_deadline):
        return None
    late = f"{workload.ready} of {canary_pods(s.spec, s.canary)} pods ready after {s.spec.rollout.ready_deadline}"
    if trouble is None:
        return fail(s, Reason.NOT_READY_IN_TIME, f"{s.canary.version} rolled back: {late}")
    return pause(s, Reason.CLUSTER_TROUBLE, f"{late}: {trouble.message}; that is not the version's fault")


def check_failed(s: Situation) -> Decision | None:
    if s.state.paused is not None and s.state.paused.reason is Reason.STATUS_LOST:
        return None
    for finding in s.seen.metrics.findings:
        if finding.verdict == "fail":
            action = _on_fail(s, finding)
            if action == "rollback":
                return fail(s, Reason.CHECK_FAILED, f"{s.canary.version} rolled back: {finding.message}")
            if action == "pause" and s.state.paused is None:
                return pause(s, Reason.CHECK_FAILED, finding.message)
    return None


def _on_fail(s: Situation, finding: Finding) -> str:
    return next((check.on_fail for check in s.spec.analysis.checks if check.name == finding.name), "observe")


def pause(s: Situation, reason: Reason, message: str, phase: Phase = Phase.PAUSED) -> Decision:
    """Waits for a person; nothing moves, and the clock stands still."""
    if s.state.paused is not None and s.state.paused.reason is reason:
        return s.now_is(phase, reason, message, again=POLL)
    told = Happening("Paused", message, warning=reason is not Reason.AWAITING_APPROVAL)
    return s.now_is(phase, reason, message, told, again=POLL, paused=Pause(reason, message, s.now))


def canary_lost(s: Situation) -> Decision | None:
    """A canary without a single ready pod gets no traffic, at once; its step goes on when pods are back."""
    canary = s.canary
    if canary.weight == 0 or s.seen.ready(canary.revision) or not s.seen.ready(s.stable.revision):
        return None
    message = f"{canary.version} has no ready pod left; its traffic goes back until it has"
    told = Happening("CanaryUnavailable", message, warning=True)
    changes = replace(canary, weight=0, weight_since=s.now, waiting_since=canary.waiting_since or s.now)
    return s.now_is(Phase.PROGRESSING, Reason.CANARY_UNAVAILABLE, message, told, again=SOON, canary=changes)


def frozen(s: Situation) -> Decision | None:
    """`spec.rollout.paused`: nothing moves but back to safety."""
    paused = s.state.paused
    if s.spec.rollout.paused:
        return pause(s, Reason.PAUSED_BY_SPEC, "spec.rollout.paused is set; remove it to go on")
    if paused is not None and paused.reason is Reason.PAUSED_BY_SPEC:
        idle = s.canary.idle_seconds + s.now - paused.at if s.state.canary else 0.0
        canary = replace(s.canary, idle_seconds=idle) if s.state.canary else None
        return s.now_is(Phase.PROGRESSING, Reason.MEASURING, "goes on", again=SOON, paused=None, canary=canary)
    return None


def held(s: Situation) -> Decision | None:
    """Waits for a person, an approval included."""
    paused = s.state.paused
    if paused is not None:
        return s.now_is(Phase.PAUSED, paused.reason, paused.message, again=POLL)
    if not baking(s.spec, s.canary) and s.spec.rollout.steps[s.canary.step].approval:
        message = f"step {s.canary.step + 1} of {len(s.spec.rollout.steps)} waits for an approval of {s.canary.version}"
        return pause(s, Reason.AWAITING_APPROVAL, message)
    return None


def too_late(s: Situation) -> Decision | None:
    if s.now - s.canary.started_at - s.canary.idle_seconds <= seconds(s.spec.rollout.progress_deadline):
        return None
    open_ = [f"{f.name} {f.message}" for f in s.seen.metrics.findings if f.verdict != "pass"]
    why = "; ".join(open_) or s.state.message
    return pause(s, Reason.DEADLINE_EXCEEDED, f"not done after {s.spec.rollout.progress_deadline}: {why}")


def _phase(s: Situation) -> Phase:
    return Phase.BAKING if baking(s.spec, s.canary) else Phase.PROGRESSING


def capacity_first(s: Situation) -> Decision | None:
    """The pods of the next weight are ready before it is written."""
    canary, need = s.canary, canary_pods(s.spec, s.canary)
    ready = s.seen.ready(canary.revision)
    if ready >= need:
        if canary.waiting_since is None:
            return None
        return s.now_is(
            _phase(s), Reason.STARTING_PODS, "pods are ready", again=SOON, canary=replace(canary, waiting_since=None)
        )
    message = f"{ready} of {need} pods of {canary.version} are ready"
    waiting = replace(canary, waiting_since=canary.waiting_since or s.now)
    return s.now_is(_phase(s), Reason.STARTING_PODS, message, again=POLL, canary=waiting)


def weight_due(s: Situation) -> Decision | None:
    """Writes the step's weight, once nothing but stable and this canary would get a share of it."""
    canary, weight = s.canary, step_weight(s.spec, s.canary)
    if canary.weight == weight:
        return None
    mine = (s.stable.revision, canary.revision)
    strangers = [w.version for r, w in s.seen.workloads.items() if r not in mine]
    if strangers and not by_gateway(s.spec):
        message = f"the pods of {strangers[0]} must be gone before the Service selects more than one version"
        return s.now_is(_phase(s), Reason.WAITING_FOR_TRAFFIC, message, again=POLL)
    changed = replace(canary, weight=weight, weight_since=s.now, measured_since=canary.measured_since or s.now)
    told = Happening("WeightChanged", f"{canary.version} is to get {weight} %")
    return s.now_is(_phase(s), Reason.WAITING_FOR_TRAFFIC, "the shares are changing", told, again=SOON, canary=changed)


def weight_unconfirmed(s: Situation) -> Decision | None:
    """The clock and every scale-down wait until the weight is seen to be in force."""
    want, gateway = desired(s.spec, s.state), by_gateway(s.spec)
    missing = unconfirmed(want, s.seen, gateway) if want else ""
    if not missing and judged(s) and s.seen.metrics.available:
        missing = share_unconfirmed(s.canary, s.seen.metrics, gateway, s.now)
    if not missing and not in_traffic(s.canary.revision, s.seen):
        missing = f"no endpoint of {s.canary.version} is behind the Service yet"
    return s.now_is(_phase(s), Reason.WAITING_FOR_TRAFFIC, missing, again=POLL) if missing else None


def unmeasured(s: Situation) -> Decision | None:
    """Metrics that fail hold; they never roll back, and time does not count."""
    if not judged(s) or s.seen.metrics.available:
        return None
    interval = seconds(s.spec.analysis.interval)
    still = replace(s.canary, measured_until=None)
    return s.now_is(
        _phase(s), Reason.METRICS_UNAVAILABLE, f"holding: {s.seen.metrics.message}", again=interval, canary=still
    )


def time_counted(s: Situation) -> Decision | None:
    """Adds the time since the last instant that was measured, up to the newest one."""
    canary, instant = s.canary, _instant(s)
    if canary.measured_until is None or instant < canary.measured_until:
        changed = replace(canary, measured_until=instant)
    elif instant > canary.measured_until:
        # Longer gaps were not watched: another operator took over, or this one slept.
        passed = min(instant - canary.measured_until, 3 * seconds(s.spec.analysis.interval))
        changed = replace(canary, measured_until=instant, measured_seconds=canary.measured_seconds + passed)
    else:
        return None
    return s.now_is(_phase(s), Reason.MEASURING, _measuring(s, changed), again=SOON, canary=changed)


def _instant(s: Situation) -> float:
    if judged(s) and s.seen.metrics.instant is not None:
        return s.seen.metrics.instant
    interval = min(seconds(s.spec.analysis.interval), 5.0)
    return floor(s.now / interval) * interval


def _measuring(s: Situation, canary: Canary) -> str:
    steps = s.spec.rollout.steps
    if baking(s.spec, canary):
        where, least = "bake", s.spec.rollout.bake.for_
        if step_weight(s.spec, canary) >= 100 and s.spec.analysis.checks:
            where = "bake without a control group, so that only the pods' health counts"
    else:
        where, least = f"step {canary.step + 1} of {len(steps)}", steps[canary.step].for_
    checks = ", ".join(
        f"{f.name} {f.verdict}" + (f" ({f.message})" if f.verdict == "unknown" else "") for f in s.seen.metrics.findings
    )
    return f"{where}, {canary.measured_seconds:.0f} s of {least} measured" + (
        f"; {checks}" if checks and judged(s) else ""
    )


def step_done(s: Situation) -> Decision | None:
    """A step ends when its least time is over and every check that can stop it passes."""
    canary, steps = s.canary, s.spec.rollout.steps
    if baking(s.spec, canary) or canary.measured_seconds < seconds(steps[canary.step].for_) or not _passed(s):
        return None
    ahead = replace(canary, step=canary.step + 1, measured_seconds=0.0, measured_until=None)
    evidence = "; ".join(f.message for f in s.seen.metrics.findings) or "no checks"
    told = Happening("StepDone", f"step {canary.step + 1} of {len(steps)} of {canary.version} is done: {evidence}")
    phase = Phase.BAKING if ahead.step >= len(steps) else Phase.PROGRESSING
    return s.now_is(phase, Reason.STARTING_PODS, "the next step begins", told, again=SOON, canary=ahead)


def _passed(s: Situation) -> bool:
    gating = [f for f in s.seen.metrics.findings if _on_fail(s, f) != "observe"]
    enough = len(s.seen.metrics.findings) == len(s.spec.analysis.checks)
    if s.spec.rollout.on_low_traffic == "advance":
        return enough and all(f.verdict != "fail" for f in gating)
    return enough and all(f.verdict == "pass" for f in gating)


def promoted(s: Situation) -> Decision | None:
    """The bake is over: the canary becomes stable; the old one's pods stay until its connections are waited out."""
    canary = s.canary
    if not baking(s.spec, canary) or canary.measured_seconds < seconds(s.spec.rollout.bake.for_):
        return None
    lifetime = s.connection_seconds * CONNECTION_SPREAD
    shifted = s.now if by_gateway(s.spec) or canary.weight_since is None else canary.weight_since
    told = Happening("Promoted", f"{canary.version} is stable now, in the place of {s.stable.version}")
    changes = {
        "stable": Stable(canary.revision, canary.version, s.now),
        "canary": None,
        "failed": None,
        "retire_at": max(s.now, shifted + lifetime),
    }
    return s.now_is(Phase.HEALTHY, Reason.PROMOTED, "promoted", told, again=SOON, **changes)


def measuring(s: Situation) -> Decision:
    """Nothing to do but wait for the next instant."""
    interval = seconds(s.spec.analysis.interval)
    return s.now_is(_phase(s), Reason.MEASURING, _measuring(s, s.canary), again=min(interval, POLL))
