"""Which revision ought to be rolled out, if any: the rules that come before any progress of a canary."""

from __future__ import annotations

from dataclasses import replace

from pilotage_operator.api.deploymentstatus import Phase
from pilotage_operator.domain.rollout.decision import POLL, SOON, Decision, Happening, Situation, withdraw
from pilotage_operator.domain.rollout.state import Canary, Failure, Reason, Stable
from pilotage_operator.domain.rollout.traffic import baking, in_traffic


def spec_unusable(s: Situation) -> Decision | None:
    """What the spec asks for cannot be had, now or ever; what ran before runs on."""
    target = s.seen.target
    if target.reason is None or (s.state.lost and s.state.canary is not None):
        return None
    phase = Phase.PROGRESSING if target.waiting else Phase.INVALID
    told = (
        ()
        if s.state.reason is target.reason
        else (Happening(target.reason, target.message, warning=not target.waiting),)
    )
    # What heals these is not ours, so that nothing wakes us when it does.
    not_ours = (Reason.NAME_TAKEN, Reason.GATEWAY_MISSING, Reason.SHADOW_UNAVAILABLE)
    again = POLL if target.reason in not_ours else None
    if s.state.stable is None or s.state.stable.since is None:
        first = Phase.INITIALIZING if target.waiting else Phase.INVALID
        return s.now_is(first, target.reason, target.message, *told, again=again)
    hands_off = target.reason is Reason.NAME_TAKEN  # nothing can be changed now, so that nothing is said to have been
    if s.state.canary is not None and not hands_off:
        gone = (_gives_way(s),) if told and s.canary.version != target.version else ()
        return withdraw(s, phase, target.reason, target.message, *told, *gone, paused=None)
    return s.now_is(phase, target.reason, target.message, *told, again=again)


def first_version(s: Situation) -> Decision | None:
    """Nothing has been ready yet: no canary and no analysis, and any change of the spec replaces it."""
    target, stable = s.seen.target, s.state.stable
    if stable is not None and stable.since is not None:
        return None
    if stable is not None and stable.revision != target.revision and s.seen.ready(stable.revision):
        proven = replace(stable, since=s.now)  # it serves already, so that its successor has to prove itself
        return s.now_is(Phase.HEALTHY, Reason.SCALING, "its first pods are ready", again=SOON, stable=proven)
    if stable is None or stable.revision != target.revision:
        told = Happening("Installing", f"{target.version} is the first version")
        chosen = Stable(target.revision, target.version)
        changes = {"stable": chosen, "retire_at": s.now, "canary": None, "failed": None}
        return s.now_is(Phase.INITIALIZING, Reason.STARTING_PODS, "its pods start", told, again=SOON, **changes)
    workload = s.seen.workloads.get(stable.revision)
    ready = workload.ready if workload else 0
    missing = s.unconfirmed()
    if ready >= s.full and missing:
        return s.now_is(Phase.INITIALIZING, Reason.WAITING_FOR_TRAFFIC, missing, again=POLL)
    if ready >= s.full:
        told = Happening("Installed", f"{stable.version} is ready and serves all")
        proven = replace(stable, since=s.now)
        return s.now_is(Phase.HEALTHY, Reason.ALL_READY, "all pods are ready", told, again=SOON, stable=proven)
    if workload is not None and workload.trouble is not None:
        return s.now_is(Phase.INITIALIZING, workload.trouble.reason, workload.trouble.message, again=POLL)
    return s.now_is(Phase.INITIALIZING, Reason.STARTING_PODS, f"{ready} of {s.full} pods are ready", again=POLL)


def at_rest(s: Situation) -> Decision | None:
    """The spec asks for what is stable already."""
    if s.seen.target.revision != s.stable.revision or (s.state.lost and s.state.canary is not None):
        return None
    returned = s.state.returned
    if s.state.canary is not None and returned is not None:
        return withdraw(s, Phase.ROLLED_BACK, Reason.ROLLED_BACK_BY_PERSON, returned.message, paused=None)
    if s.state.canary is not None:
        told = () if s.state.reason is Reason.RETURNED_TO_STABLE else (_returned(s),)
        message = f"the spec asks for {s.stable.version} again"
        return withdraw(s, Phase.PROGRESSING, Reason.RETURNED_TO_STABLE, message, *told, paused=None, failed=None)
    workload, missing = s.seen.workloads.get(s.stable.revision), s.unconfirmed()
    ready = workload.ready if workload else 0
    if returned is not None:
        short = f"; {ready} of {s.full} pods are ready" if ready < s.full else ""
        message = returned.message + (f"; {missing}" if missing else short)
        again = POLL if missing or short else None
        return s.now_is(Phase.ROLLED_BACK, Reason.ROLLED_BACK_BY_PERSON, message, again=again, paused=None)
    changes = {"paused": None, "failed": None}
    if ready < s.full:
        trouble = workload.trouble if workload else None
        reason, message = (trouble.reason, f": {trouble.message}") if trouble else (Reason.SCALING, "")
        scaling = f"{ready} of {s.full} pods are ready{message}"
        return s.now_is(Phase.HEALTHY, reason, scaling, again=POLL, **changes)
    if missing:
        return s.now_is(Phase.HEALTHY, Reason.WAITING_FOR_TRAFFIC, missing, again=POLL, **changes)
    return s.now_is(Phase.HEALTHY, Reason.ALL_READY, "all pods are ready", **changes)


def _returned(s: Situation) -> Happening:
    return Happening("ReturnedToStable", f"the spec asks for {s.stable.version} again: {s.canary.version} is withdrawn")


def rolled_back(s: Situation) -> Decision | None:
    """The spec still asks for the revision that failed: nothing happens until it changes, or a person retries.

    A retry begins anew, so that the canary that failed is taken back first.
    """
    failed, target = s.state.failed, s.seen.target
    if failed is None and s.state.lost and target.failed and s.state.canary is None:
        failed = Failure(
            target.revision,
            target.version,
            target.attempts,
            Reason.CHECK_FAILED,
            target.failed,
            s.now,
            s.spec.rollout.retry,
        )
    if failed is None or failed.revision != target.revision:
        return None
    if s.state.canary is not None:
        return withdraw(s, Phase.ROLLED_BACK, failed.reason, failed.message, failed=failed, paused=None)
    if s.spec.rollout.retry > failed.retry:
        return None
    return s.now_is(Phase.ROLLED_BACK, failed.reason, failed.message, failed=failed, paused=None)


def superseded(s: Situation) -> Decision | None:
    """A third version: the second one's traffic goes to zero before it starts."""
    canary, target = s.state.canary, s.seen.target
    if canary is None or canary.revision == target.revision or s.state.lost:
        return None
    returned = s.state.returned
    if returned is not None:
        return withdraw(s, Phase.ROLLED_BACK, Reason.ROLLED_BACK_BY_PERSON, returned.message, paused=None)
    told = () if s.state.reason is Reason.SUPERSEDED else (_gives_way(s),)
    message = f"{canary.version} gives way to {target.version}"
    return withdraw(s, Phase.PROGRESSING, Reason.SUPERSEDED, message, *told, paused=None, failed=None)


def _gives_way(s: Situation) -> Happening:
    return Happening("Superseded", f"{s.seen.target.version} is asked for: {s.canary.version} is withdrawn")


def held_without_canary(s: Situation) -> Decision | None:
    """Paused before any canary is there: the status was lost, or the spec freezes rollouts."""
    if s.state.canary is not None or s.state.returned is not None:
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
    target, returned = s.seen.target, s.state.returned
    failed = s.state.failed if returned is not None else None
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
            failed=failed,
        )
    workload = s.seen.workloads.get(target.revision)
    warm = workload is not None and workload.promoted and workload.ready >= s.full
    step, attempt = len(s.spec.rollout.steps) if warm else 0, target.attempts + 1
    canary = Canary(target.revision, target.version, attempt, s.now, step=step, returning=returned is not None)
    told = Happening(
        "Started",
        f"{s.stable.version} -> {target.version}, attempt {canary.attempt}" + (", still warm" if warm else ""),
    )
    phase = Phase.BAKING if baking(s.spec, canary) else Phase.PROGRESSING
    if returned is not None:
        phase = Phase.ROLLED_BACK
    return s.now_is(
        phase, Reason.STARTING_PODS, f"{target.version} starts", told, again=SOON, canary=canary, failed=failed
    )
