"""A status that was lost: what serves goes on as it is found, and a person looks."""

from __future__ import annotations

from pilotage_operator.api.deploymentstatus import Phase
from pilotage_operator.domain.rollout.commands import past
from pilotage_operator.domain.rollout.decision import SOON, Decision, Happening, Situation
from pilotage_operator.domain.rollout.seen import Workload
from pilotage_operator.domain.rollout.state import Canary, Pause, Reason, Stable
from pilotage_operator.domain.rollout.traffic import by_gateway, in_traffic, pods_for


def status_was_lost(s: Situation) -> Decision | None:
    """Children without a status: this is no first deployment. What serves goes on, and a person looks.

    What people asked for before is taken for done, since nobody knows any more whether it was.
    """
    if s.state.stable is not None or not s.seen.workloads:
        return None
    stable = _found_stable(s)
    others = [w for w in s.seen.workloads.values() if w.revision != stable.revision and in_traffic(w.revision, s.seen)]
    beside = s.spec.replicas if s.spec.autoscaling is None else stable.wanted
    canary = _found_canary(s, max(others, key=lambda w: w.order), beside) if others else None
    proven = s.now if stable.promoted or stable.ready else None
    known = s.seen.revisions.get(stable.revision)
    taken = Stable(stable.revision, stable.version, proven, max(1, known.attempts if known else 1))
    changes = {"stable": taken, "actions": past(s)}
    told = Happening("StatusLost", f"status was lost; {stable.version} is taken for the stable version", warning=True)
    if canary is None and (proven is None or s.seen.target.revision == stable.revision):
        phase, reason = (
            (Phase.INITIALIZING, Reason.STARTING_PODS) if proven is None else (Phase.HEALTHY, Reason.ALL_READY)
        )
        return s.now_is(phase, reason, "recovered from what is there", told, again=SOON, **changes)
    way_out = "annotate resume to go on" + (", or abort" if canary is not None else "")
    message = f"status was lost and is recovered from what serves; {way_out}"
    pause = Pause(Reason.STATUS_LOST, message, s.now)
    return s.now_is(Phase.PAUSED, Reason.STATUS_LOST, message, told, again=SOON, canary=canary, paused=pause, **changes)


def _found_stable(s: Situation) -> Workload:
    """What was promoted before: what the root Service selects, or else serves with the most pods; then the oldest."""
    workloads = s.seen.workloads
    selected = workloads.get(s.seen.root.revision) if s.seen.root is not None else None
    promoted = [w for w in workloads.values() if w.promoted]
    if selected is not None and (selected.promoted or not promoted):
        return selected
    if promoted:
        return max(promoted, key=lambda w: (in_traffic(w.revision, s.seen), w.ready > 0, w.wanted, w.order))
    return min(workloads.values(), key=lambda w: w.order)


def _found_canary(s: Situation, found: Workload, beside: int) -> Canary:
    """The canary with its weight frozen as it was found; stable has so many pods `beside` it."""
    steps, gateway = s.spec.rollout.steps, by_gateway(s.spec)
    weighted = [(i, step.weight) for i, step in enumerate(steps) if step.weight]
    shadow = gateway and s.seen.route is not None and s.seen.route.mirror == found.revision
    if shadow:
        step, weight = next((i for i, step in enumerate(steps) if step.shadow), 0), 0
    elif gateway and s.seen.route is not None:
        weight = s.seen.route.weights.get(found.revision, 0)
        step = next((i for i, w in weighted if w >= weight), len(steps))
    elif s.seen.root is not None and s.seen.root.revision == found.revision:
        weight, step = 100, len(steps)
    else:
        fits = [(i, w) for i, w in weighted if pods_for(w, beside, gateway=False) >= found.wanted]
        step, weight = fits[0] if fits else weighted[-1] if weighted else (len(steps), 99)
    attempts = s.seen.target.attempts if s.seen.target.revision == found.revision else 1
    return Canary(
        found.revision,
        found.version,
        max(1, attempts),
        s.now,
        step=step,
        weight=weight,
        weight_since=s.now,
        shadow=shadow,
    )
