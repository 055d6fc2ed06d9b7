"""Which revision ought to be rolled out, if any: the rules that come before any progress of a canary."""

from __future__ import annotations

from dataclasses import replace

from pilotage_operator.domain.rollout.decision import POLL, SOON, Decision, Happening, Situation, withdraw
from pilotage_operator.domain.rollout.seen import Workload
from pilotage_operator.domain.rollout.state import Canary, Failure, Pause, Phase, Reason, Stable
from pilotage_operator.domain.rollout.traffic import baking, by_gateway, in_traffic, pods_for


def status_was_lost(s: Situation) -> Decision | None:
    """Children without a status: this is no first deployment. What serves goes on, and a person looks."""
    if s.state.phase is not None or not s.seen.workloads:
        return None
    stable = _found_stable(s)
    others = [w for w in s.seen.workloads.values() if w.revision != stable.revision and in_traffic(w.revision, s.seen)]
    canary = _found_canary(s, max(others, key=lambda w: w.order)) if others else None
    held = Stable(stable.revision, stable.version, s.now)
    told = Happening("StatusLost", f"status was lost; {stable.version} is taken for the stable version", warning=True)
    if canary is None and s.seen.target.revision == stable.revision:
        return s.now_is(Phase.HEALTHY, Reason.ALL_READY, "recovered from what serves", told, again=SOON, stable=held)
    message = "status was lost and is recovered from what serves; annotate resume to go on, or abort"
    pause = Pause(Reason.STATUS_LOST, message, s.now)
    return s.now_is(Phase.PAUSED, Reason.STATUS_LOST, message, told, stable=held, canary=canary, paused=pause)


def _found_stable(s: Situation) -> Workload:
    workloads = s.seen.workloads
    promoted = [w for w in workloads.values() if w.promoted]
    if promoted:
        return max(promoted, key=lambda w: (w.ready > 0, w.order))
    if s.seen.root is not None and s.seen.root.revision in workloads:
        return workloads[s.seen.root.revision]
    return min(workloads.values(), key=lambda w: w.order)


def _found_canary(s: Situation, found: Workload) -> Canary:
    """The canary with its weight frozen as it was found."""
    steps, gateway = s.spec.rollout.steps, by_gateway(s.spec)
    weighted = [(i, step.weight) for i, step in enumerate(steps) if step.weight]
    if gateway and s.seen.route is not None:
        weight = s.seen.route.weights.get(found.revision, 0)
        step = next((i for i, w in weighted if w >= weight), len(steps))
    elif s.seen.root is not None and s.seen.root.revision == found.revision:
        weight, step = 100, len(steps)
    else:
        fits = [(i, w) for i, w in weighted if pods_for(w, s.spec.replicas, gateway=False) >= found.wanted]
        step, weight = fits[0] if fits else weighted[-1] if weighted else (len(steps), 99)
    attempts = s.seen.target.attempts if s.seen.target.revision == found.revision else 1
    return Canary(found.revision, found.version, max(1, attempts), s.now, step=step, weight=weight, weight_since=s.now)


def spec_unusable(s: Situation) -> Decision | None:
    """What the spec asks for cannot be had, now or ever; what ran before runs on."""
    target = s.seen.target
    if target.reason is None:
        return None
    phase = Phase.PROGRESSING if target.waiting else Phase.INVALID
    told = (
        ()
        if s.state.reason is target.reason
        else (Happening(target.reason, target.message, warning=not target.waiting),)
    )
    if s.state.stable is None or s.state.stable.since is None:
        first = Phase.INITIALIZING if target.waiting else Phase.INVALID
        return s.now_is(first, target.reason, target.message, *told)
    if s.state.canary is not None:
        return withdraw(s, phase, target.reason, target.message, *told, paused=None)
    return s.now_is(phase, target.reason, target.message, *told)


def first_version(s: Situation) -> Decision | None:
    """Nothing has been ready yet: no canary and no analysis, and any change of the spec replaces it."""
    target, stable = s.seen.target, s.state.stable
    if stable is not None and stable.since is not None:
        return None
    if stable is None or stable.revision != target.revision:
        told = Happening("Installing", f"{target.version} is the first version")
        chosen = Stable(target.revision, target.version)
        changes = {"stable": chosen, "retire_at": s.now, "canary": None, "failed": None}
        return s.now_is(Phase.INITIALIZING, Reason.STARTING_PODS, "its pods start", told, again=SOON, **changes)
    workload = s.seen.workloads.get(stable.revision)
    ready = workload.ready if workload else 0
    if ready >= s.spec.replicas:
        told = Happening("Installed", f"{stable.version} is ready and serves all")
        proven = replace(stable, since=s.now)
        return s.now_is(Phase.HEALTHY, Reason.ALL_READY, "all pods are ready", told, again=SOON, stable=proven)
    if workload is not None and workload.trouble is not None:
        return s.now_is(Phase.INITIALIZING, workload.trouble.reason, workload.trouble.message, again=POLL)
    return s.now_is(
        Phase.INITIALIZING, Reason.STARTING_PODS, f"{ready} of {s.spec.replicas} pods are ready", again=POLL
    )


def at_rest(s: Situation) -> Decision | None:
    """The spec asks for what is stable already."""
    if s.seen.target.revision != s.stable.revision:
        return None
    if s.state.canary is not None:
        told = () if s.state.reason is Reason.RETURNED_TO_STABLE else (_returned(s),)
        message = f"the spec asks for {s.stable.version} again"
        return withdraw(s, Phase.PROGRESSING, Reason.RETURNED_TO_STABLE, message, *told, paused=None, failed=None)
    ready = s.seen.ready(s.stable.revision)
    changes = {"paused": None, "failed": None}
    if ready >= s.spec.replicas:
        return s.now_is(Phase.HEALTHY, Reason.ALL_READY, "all pods are ready", **changes)
    return s.now_is(
        Phase.HEALTHY, Reason.SCALING, f"{ready} of {s.spec.replicas} pods are ready", again=POLL, **changes
    )


def _returned(s: Situation) -> Happening:
    return Happening("ReturnedToStable", f"the spec asks for {s.stable.version} again: {s.canary.version} is withdrawn")


def rolled_back(s: Situation) -> Decision | None:
    """The spec still asks for the revision that failed: nothing happens until it changes, or a person retries."""
    failed, target = s.state.failed, s.seen.target
    lost = s.state.paused is not None and s.state.paused.reason is Reason.STATUS_LOST
    if failed is None and lost and target.failed and s.state.canary is None:
        failed = Failure(
            target.revision,
            target.version,
            target.attempts,
            Reason.CHECK_FAILED,
            target.failed,
            s.now,
            s.spec.rollout.retry,
        )
    if failed is None or failed.revision != target.revision or s.spec.rollout.retry > failed.retry:
        return None
    if s.state.canary is not None:
        return withdraw(s, Phase.ROLLED_BACK, failed.reason, failed.message, failed=failed, paused=None)
    return s.now_is(Phase.ROLLED_BACK, failed.reason, failed.message, failed=failed, paused=None)


def superseded(s: Situation) -> Decision | None:
    """A third version: the second one's traffic goes to zero before it starts."""
    canary, target = s.state.canary, s.seen.target
    if canary is None or canary.revision == target.revision:
        return None
    if s.state.paused is not None and s.state.paused.reason is Reason.STATUS_LOST:
        return None
    told = Happening("Superseded", f"{target.version} is asked for: {canary.version} is withdrawn")
    first = s.state.reason is not Reason.SUPERSEDED
    message = f"{canary.version} gives way to {target.version}"
    return withdraw(
        s, Phase.PROGRESSING, Reason.SUPERSEDED, message, *((told,) if first else ()), paused=None, failed=None
    )


def held_without_canary(s: Situation) -> Decision | None:
    """Paused before any canary is there: the status was lost, or the spec freezes rollouts."""
    if s.state.canary is not None:
        return None
    paused = s.state.paused
    if paused is not None:
        return s.now_is(Phase.PAUSED, paused.reason, paused.message)
    if s.spec.rollout.paused:
        message = f"{s.seen.target.version} does not start while spec.rollout.paused is set"
        return s.now_is(Phase.PAUSED, Reason.PAUSED_BY_SPEC, message)
    return None


def started(s: Situation) -> Decision | None:
    """A new canary at weight 0; a version that is still warm, having been stable, goes straight to the bake."""
    if s.state.canary is not None:
        return None
    target = s.seen.target
    leaving = [
        w.version
        for w in s.seen.workloads.values()
        if w.revision not in (s.stable.revision, target.revision) and in_traffic(w.revision, s.seen)
    ]
    if leaving:
        return s.now_is(
            Phase.PROGRESSING,
            Reason.SUPERSEDED,
            f"waiting until nothing reaches {leaving[0]} any more",
            again=POLL,
            failed=None,
        )
    workload = s.seen.workloads.get(target.revision)
    warm = workload is not None and workload.promoted and workload.ready >= s.spec.replicas
    canary = Canary(
        target.revision, target.version, target.attempts + 1, s.now, step=len(s.spec.rollout.steps) if warm else 0
    )
    told = Happening(
        "Started",
        f"{s.stable.version} -> {target.version}, attempt {canary.attempt}" + (", still warm" if warm else ""),
    )
    phase = Phase.BAKING if baking(s.spec, canary) else Phase.PROGRESSING
    return s.now_is(
        phase, Reason.STARTING_PODS, f"{target.version} starts", told, again=SOON, canary=canary, failed=None
    )
