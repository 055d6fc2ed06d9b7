"""A canary in trouble: the rules that give it up, take its traffic back, or hold it for a person."""

from __future__ import annotations

from dataclasses import replace

from pilotage_operator.api.deploymentstatus import Phase
from pilotage_operator.api.durations import seconds
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.rollout.decision import POLL, SOON, Decision, Happening, Situation, withdraw
from pilotage_operator.domain.rollout.state import CLUSTERS, Pause, Reason
from pilotage_operator.domain.rollout.traffic import baking, by_gateway, canary_pods


def phase(s: Situation) -> Phase:
    """Where a canary is that nothing ends."""
    if s.canary.returning:
        return Phase.ROLLED_BACK
    if s.state.paused is not None:
        return Phase.PAUSED
    return Phase.BAKING if baking(s.spec, s.canary) else Phase.PROGRESSING


def fail(s: Situation, reason: Reason, message: str) -> Decision:
    """Gives the canary up. Its traffic goes back by the rule for failed revisions, in this and the next passes."""
    told = Happening("RolledBack", message, warning=True)
    failed = s.failure(reason, message)
    return withdraw(s, Phase.ROLLED_BACK, reason, message, told, failed=failed, paused=None)


def pause(s: Situation, reason: Reason, message: str) -> Decision:
    """Waits for a person; nothing moves, and the clock stands still."""
    if s.state.paused is not None and s.state.paused.reason is reason:
        return s.now_is(Phase.PAUSED, reason, message, again=POLL)
    told = Happening("Paused", message, warning=reason is not Reason.AWAITING_APPROVAL)
    canary, paused = replace(s.canary, idle_seconds=s.rested()), Pause(reason, message, s.now)
    return s.now_is(Phase.PAUSED, reason, message, told, again=POLL, canary=canary, paused=paused)


def peak_noted(s: Situation) -> Decision | None:
    """Stable is held at the most pods that its autoscaler gave it, so that the way back is always wide enough."""
    most = s.full if s.spec.autoscaling is not None else 0
    if most == s.stable.peak:
        return None
    return Decision(replace(s.state, stable=replace(s.stable, peak=most)), again=SOON)


def pods_awaited(s: Situation) -> Decision | None:
    """Notes since when pods are missing. What the cluster's own trouble took does not count against the version."""
    canary, workload = s.canary, s.seen.workloads.get(s.canary.revision)
    if s.seen.ready(canary.revision) >= canary_pods(s.spec, s.state, canary, s.seen):
        since, reason = None, s.state.reason
    elif workload is not None and workload.trouble is None and s.state.paused is None and s.state.reason in CLUSTERS:
        since, reason = s.now, Reason.STARTING_PODS
    else:
        since, reason = s.now if canary.waiting_since is None else canary.waiting_since, s.state.reason
    if since == canary.waiting_since:
        return None
    return Decision(replace(s.state, reason=reason, canary=replace(canary, waiting_since=since)), again=SOON)


def pods_failed(s: Situation) -> Decision | None:
    """Pods are judged without Prometheus: the dead report no errors."""
    workload, need = s.seen.workloads.get(s.canary.revision), canary_pods(s.spec, s.state, s.canary, s.seen)
    if workload is None or workload.ready >= need:
        return None
    trouble, since = workload.trouble, s.canary.waiting_since
    if trouble is not None and trouble.own:
        return fail(s, trouble.reason, f"{s.canary.version} rolled back: {trouble.message}")
    if since is None or s.now - since <= seconds(s.spec.rollout.ready_deadline):
        return None
    late = f"{workload.ready} of {need} pods ready after {s.spec.rollout.ready_deadline}"
    if s.state.paused is not None and s.state.paused.reason in CLUSTERS:
        return None  # its time begins when a person resumes
    if trouble is not None and s.canary.returning:
        return None  # a person has decided already: it waits for the cluster, and the other one serves on
    if trouble is not None:
        return pause(s, trouble.reason, f"{late}: {trouble.message}; that is not the version's fault")
    return fail(s, Reason.NOT_READY_IN_TIME, f"{s.canary.version} rolled back: {late}")


def check_failed(s: Situation) -> Decision | None:
    """A check that is proven to fail does what its onFail says; observing says it in the status alone."""
    if s.state.lost or s.canary.returning:
        return None
    for finding in s.seen.metrics.findings:
        if finding.verdict == "fail":
            action, said = on_fail(s, finding), f"{finding.name}: {finding.message}"
            if action == "rollback":
                return fail(s, Reason.CHECK_FAILED, f"{s.canary.version} rolled back: {said}")
            if action == "pause" and s.state.paused is None:
                return pause(s, Reason.CHECK_FAILED, said)
    return None


def on_fail(s: Situation, finding: Finding) -> str:
    """What the failure of a check does; one that the spec does not ask for any more is only observed."""
    return next((check.on_fail for check in s.spec.analysis.checks if check.name == finding.name), "observe")


def canary_lost(s: Situation) -> Decision | None:
    """A canary without a single ready pod gets no traffic, at once; its step goes on when pods are back."""
    canary = s.canary
    if canary.weight == 0 or s.seen.ready(canary.revision) or not s.seen.ready(s.stable.revision):
        return None
    message = f"{canary.version} has no ready pod left; its traffic goes back until it has"
    told = Happening("CanaryUnavailable", message, warning=True)
    back = replace(canary, weight=0, weight_since=s.now, weight_at=None)
    return s.now_is(phase(s), Reason.CANARY_UNAVAILABLE, message, told, again=SOON, canary=back)


def traffic_switched(s: Situation) -> Decision | None:
    """`spec.traffic` came or went (or the route was deleted): stable has all the traffic while the mode changes.

    After that the step takes its weight again, in the new mode. A stable version without pods cannot take it.
    """
    canary = s.canary
    if canary.weight == 0 or (s.seen.route is not None) == by_gateway(s.spec) or not s.seen.ready(s.stable.revision):
        return None
    way = "the HTTPRoute" if by_gateway(s.spec) else "the Service"
    message = f"traffic is to come through {way} now; {canary.version} waits until {s.stable.version} has it all"
    told = Happening("TrafficSwitched", message)
    back = replace(canary, weight=0, weight_since=s.now, weight_at=None)
    return s.now_is(phase(s), Reason.WAITING_FOR_TRAFFIC, message, told, again=SOON, canary=back)


def unpaused(s: Situation) -> Decision | None:
    """A pause that the spec asked for ends when the spec asks for it no more."""
    paused = s.state.paused
    if paused is None:
        return None
    thawed = paused.reason is Reason.PAUSED_BY_SPEC and not s.spec.rollout.paused
    approved = paused.reason is Reason.AWAITING_APPROVAL and not _at_approval(s)
    safe_again = paused.reason is Reason.NO_WAY_BACK and not _without_return(s)
    if thawed or approved or safe_again:
        canary = replace(s.canary, idle_seconds=s.rested())
        moving = phase(replace(s, state=replace(s.state, paused=None)))
        return s.now_is(moving, Reason.MEASURING, "goes on", again=SOON, paused=None, canary=canary)
    return None


def frozen(s: Situation) -> Decision | None:
    """`spec.rollout.paused`: nothing moves but back to safety."""
    if s.spec.rollout.paused and s.state.paused is None and not s.canary.returning:
        return pause(s, Reason.PAUSED_BY_SPEC, "spec.rollout.paused is set; remove it to go on")
    return None


def _at_approval(s: Situation) -> bool:
    return not baking(s.spec, s.canary) and s.spec.rollout.steps[s.canary.step].approval is not None


def held(s: Situation) -> Decision | None:
    """Waits for a person, an approval included."""
    paused = s.state.paused
    if paused is not None:
        return s.now_is(Phase.PAUSED, paused.reason, paused.message, again=POLL)
    if _at_approval(s):
        message = f"step {s.canary.step + 1} of {len(s.spec.rollout.steps)} waits for an approval of {s.canary.version}"
        return pause(s, Reason.AWAITING_APPROVAL, message)
    return None


def no_way_back(s: Situation) -> Decision | None:
    """No version starts that could not be taken back, unless the spec allows it or a person approves."""
    if not _without_return(s):
        return None
    message = (
        f"{s.canary.version} does not start, since {s.stable.version} has no ready pod to go back to; "
        "annotate approve, or set spec.rollout.allow.noRollback"
    )
    return pause(s, Reason.NO_WAY_BACK, message)


def _without_return(s: Situation) -> bool:
    """Not yet started, nothing to go back to, and nobody said that it may; what was trusted before may always."""
    canary, known = s.canary, s.seen.revisions.get(s.canary.revision)
    allowed = s.spec.rollout.allow.no_rollback or canary.no_return or canary.returning
    begun = canary.weight > 0 or canary.measured_since is not None or (known is not None and known.promoted)
    return not allowed and not begun and not s.seen.ready(s.stable.revision)


def too_late(s: Situation) -> Decision | None:
    """After the deadline a person decides; the time that people took does not count."""
    if s.canary.returning or s.now - s.canary.started_at - s.canary.idle_seconds <= seconds(
        s.spec.rollout.progress_deadline
    ):
        return None
    missing = [f"{f.name} {f.message}" for f in s.seen.metrics.findings if f.verdict != "pass"]
    why = "; ".join(missing) or s.state.message.partition(": ")[2]
    return pause(s, Reason.DEADLINE_EXCEEDED, f"not done after {s.spec.rollout.progress_deadline}: {why}")
