"""A canary on its way: the rules that take it from step to step, one act at a time."""

from __future__ import annotations

from dataclasses import replace
from math import floor

from pilotage_operator.api.deploymentstatus import Phase
from pilotage_operator.api.durations import seconds
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.rollout.decision import POLL, SOON, Decision, Happening, Situation
from pilotage_operator.domain.rollout.moment import clock, moment
from pilotage_operator.domain.rollout.safety import on_fail, phase
from pilotage_operator.domain.rollout.state import Canary, Reason, Stable
from pilotage_operator.domain.rollout.traffic import (
    baking,
    by_gateway,
    canary_pods,
    shadowing,
    share_unconfirmed,
    step_weight,
)

LEAST_WAIT = 0.2  # seconds
CONNECTION_SPREAD = 1.2  # connections live up to this much longer than they are meant to


def judged(s: Situation) -> bool:
    """Whether metrics decide now: not without checks, and not where the canary has all, so that nothing is left to
    compare it with."""
    return bool(s.spec.analysis.checks) and step_weight(s.spec, s.canary) < 100


def capacity_first(s: Situation) -> Decision | None:
    """The pods of the next weight are ready before it is written."""
    workload, need = s.seen.workloads.get(s.canary.revision), canary_pods(s.spec, s.state, s.canary, s.seen)
    ready = workload.ready if workload else 0
    if ready >= need:
        return None
    message = f"{ready} of {need} pods of {s.canary.version} are ready"
    if workload is not None and workload.trouble is not None:
        return s.now_is(phase(s), workload.trouble.reason, f"{message}: {workload.trouble.message}", again=POLL)
    return s.now_is(phase(s), Reason.STARTING_PODS, message, again=POLL)


def samples_first(s: Situation) -> Decision | None:
    """No user is sent to a canary that is not measured yet: first Prometheus is seen to scrape its pods.

    Where stable is down there is nobody to compare it with, and nobody else to answer.
    """
    if s.canary.weight or not judged(s) or s.seen.metrics.available or not s.seen.ready(s.stable.revision):
        return None
    message = f"{s.canary.version} gets no traffic before it is measured: {s.seen.metrics.message}"
    return s.now_is(phase(s), Reason.METRICS_UNAVAILABLE, message, again=POLL)


def weight_due(s: Situation) -> Decision | None:
    """Writes the step's weight, once the one before is in force and nobody else would get a share of it.

    One that is judged waits for its moment, too. Time counts at one weight alone, so that no time at a step is taken
    for the bake's where steps are edited away.
    """
    canary, weight, shadow = s.canary, step_weight(s.spec, s.canary), shadowing(s.spec, s.canary)
    if (canary.weight, canary.shadow) == (weight, shadow):
        return None
    missing = s.unconfirmed()
    if missing:
        return s.now_is(phase(s), Reason.WAITING_FOR_TRAFFIC, missing, again=POLL)
    mine = (s.stable.revision, canary.revision)
    strangers = [w.version for r, w in s.seen.workloads.items() if r not in mine]
    if strangers and not by_gateway(s.spec):
        message = f"the pods of {strangers[0]} must be gone before the Service selects more than one version"
        return s.now_is(phase(s), Reason.WAITING_FOR_TRAFFIC, message, again=POLL)
    share = "a copy of all requests" if shadow else f"{weight} %"
    at = moment(s, weight, shadow) if judged(s) else None
    if at is not None and s.now < at:
        message = f"{canary.version} is to get {share} at {clock(at)}, so that its first interval is measured whole"
        again, waits = min(at - s.now, _next_look(s)), replace(canary, weight_at=at)
        return s.now_is(phase(s), Reason.WAITING_FOR_TRAFFIC, message, again=again, canary=waits)
    changed = replace(
        canary,
        weight=weight,
        weight_at=None,
        shadow=shadow,
        weight_since=s.now,
        measured_since=s.now if canary.measured_since is None else canary.measured_since,
        measured_seconds=0.0,
    )
    told = Happening("WeightChanged", f"{canary.version} is to get {share}")
    return s.now_is(phase(s), Reason.WAITING_FOR_TRAFFIC, "the shares are changing", told, again=SOON, canary=changed)


def weight_unconfirmed(s: Situation) -> Decision | None:
    """The clock and every scale-down wait until the weight is seen to be in force."""
    canary, gateway = s.canary, by_gateway(s.spec)
    if canary.weight < 100 and not s.seen.ready(s.stable.revision):
        message = f"{s.stable.version} has no ready pod, so that {canary.version} answers all until it has"
        alone = replace(canary, weight_since=None)
        return s.now_is(phase(s), Reason.STABLE_UNAVAILABLE, message, again=POLL, canary=alone)
    if canary.weight_since is None:  # requests are counted from here, since those before went by another share
        again = replace(canary, weight_since=s.now)
        return s.now_is(phase(s), Reason.WAITING_FOR_TRAFFIC, "the shares are changing", again=SOON, canary=again)
    missing = s.unconfirmed()
    if not missing and judged(s) and s.seen.metrics.available:
        missing = share_unconfirmed(canary, s.seen.metrics, gateway and not canary.shadow, s.now)
    if not missing and not gateway and s.seen.root is not None and not s.seen.root.endpoints.get(canary.revision):
        missing = f"no endpoint of {canary.version} is behind the Service yet"
    return s.now_is(phase(s), Reason.WAITING_FOR_TRAFFIC, missing, again=_next_look(s)) if missing else None


def unmeasured(s: Situation) -> Decision | None:
    """Metrics that fail hold; they never roll back, and time does not count."""
    if not judged(s) or s.seen.metrics.available:
        return None
    interval = seconds(s.spec.analysis.interval)
    return s.now_is(phase(s), Reason.METRICS_UNAVAILABLE, f"holding: {s.seen.metrics.message}", again=interval)


def time_counted(s: Situation) -> Decision | None:
    """Adds the time since the last instant that was measured, up to the newest one."""
    canary, instant = s.canary, _instant(s)
    if canary.measured_until is None or instant < canary.measured_until:
        changed = replace(canary, measured_until=instant)
    elif instant > canary.measured_until:
        # Longer gaps were not watched: another operator took over, or this one slept.
        passed = min(instant - canary.measured_until, 3 * seconds(s.spec.analysis.interval))
        changed = replace(canary, measured_until=instant, measured_seconds=round(canary.measured_seconds + passed, 3))
    else:
        return None
    return s.now_is(phase(s), Reason.MEASURING, _measuring(s, changed), again=SOON, canary=changed)


def _instant(s: Situation) -> float:
    if judged(s) and s.seen.metrics.instant is not None:
        return s.seen.metrics.instant
    interval = min(seconds(s.spec.analysis.interval), 5.0)
    return floor(s.now / interval) * interval


def _measuring(s: Situation, canary: Canary) -> str:
    steps = s.spec.rollout.steps
    if baking(s.spec, canary):
        where, least = "bake", s.spec.rollout.bake.for_
    else:
        where, least = f"step {canary.step + 1} of {len(steps)}", steps[canary.step].for_
    if s.spec.analysis.checks and not judged(s):
        absolute = " and queries count" if any(check.query for check in s.spec.analysis.checks) else " counts"
        where = f"{where} without a control group, so that only the pods' health{absolute}"
    checks = ", ".join(f"{f.name} {f.verdict}{_missing(f)}" for f in s.seen.metrics.findings)
    return f"{where}, {canary.measured_seconds:.0f} s of {least} measured" + (
        f"; {checks}" if checks and judged(s) else ""
    )


def _missing(finding: Finding) -> str:
    """What an unknown waits for, and when that will be there if traffic goes on like this."""
    if finding.verdict != "unknown":
        return ""
    return f" ({finding.message}{f', enough at about {finding.eta}' if finding.eta else ''})"


def step_done(s: Situation) -> Decision | None:
    """A step ends when its least time is over and every check that can stop it passes."""
    canary, steps = s.canary, s.spec.rollout.steps
    if baking(s.spec, canary) or canary.measured_seconds < seconds(steps[canary.step].for_) or not _passed(s):
        return None
    ahead = replace(canary, step=canary.step + 1, measured_seconds=0.0, measured_until=None)
    evidence = "; ".join(f.message for f in s.seen.metrics.findings) or "no checks"
    told = Happening("StepDone", f"step {canary.step + 1} of {len(steps)} of {canary.version} is done: {evidence}")
    then = Phase.BAKING if baking(s.spec, ahead) else Phase.PROGRESSING
    return s.now_is(then, Reason.STARTING_PODS, "the next step begins", told, again=SOON, canary=ahead)


def _passed(s: Situation) -> bool:
    if not judged(s):
        return True
    gating = [f for f in s.seen.metrics.findings if on_fail(s, f) != "observe"]
    enough = len(s.seen.metrics.findings) == len(s.spec.analysis.checks)
    if s.spec.rollout.on_low_traffic == "advance":
        return enough and all(f.verdict != "fail" for f in gating)
    return enough and all(f.verdict == "pass" for f in gating)


def promoted(s: Situation) -> Decision | None:
    """The bake is over: the canary becomes stable; the old one's pods stay until its connections are waited out."""
    canary = s.canary
    enough = canary.returning or canary.measured_seconds >= seconds(s.spec.rollout.bake.for_)
    if not baking(s.spec, canary) or not enough or s.unconfirmed():
        return None
    lifetime = s.connection_seconds * CONNECTION_SPREAD
    shifted = s.now if by_gateway(s.spec) or canary.weight_since is None else canary.weight_since
    word = "Returned" if canary.returning else "Promoted"
    told = Happening(word, f"{canary.version} is stable now, in the place of {s.stable.version}")
    before = "" if canary.returning else s.stable.revision
    changes = {
        "stable": Stable(canary.revision, canary.version, s.now, canary.attempt, previous=before),
        "canary": None,
        "failed": s.state.failed if s.state.returned is not None else None,
        "retire_at": max(s.now, shifted + lifetime, s.state.retire_at or s.now),
    }
    after = Phase.HEALTHY if s.state.returned is None else Phase.ROLLED_BACK
    how = "gone back to" if canary.returning else "promoted"
    return s.now_is(after, Reason.PROMOTED, how, told, again=SOON, **changes)


def measuring(s: Situation) -> Decision:
    """Nothing to do but wait for the next instant."""
    return s.now_is(phase(s), Reason.MEASURING, _measuring(s, s.canary), again=_next_look(s))


def _next_look(s: Situation) -> float:
    """Seconds until there can be more to judge: a bad canary gets no request more than it must."""
    if s.seen.metrics.next_at is None:
        return min(seconds(s.spec.analysis.interval), POLL)
    return min(max(s.seen.metrics.next_at - s.now, LEAST_WAIT), POLL)
