"""What to do next, and why: the first rule that has something to say."""

from __future__ import annotations

from dataclasses import replace

from pilotage_operator.domain.rollout import back, commands, progress, recovery, safety, standing
from pilotage_operator.domain.rollout.decision import Decision, Rule, Situation

RULES: tuple[Rule, ...] = (
    # which revision ought to be on its way
    recovery.status_was_lost,
    commands.obey,
    back.return_over,
    standing.spec_unusable,
    standing.first_version,
    standing.at_rest,
    standing.rolled_back,
    standing.superseded,
    standing.held_without_canary,
    standing.started,
    # back to safety, whatever else holds
    safety.peak_noted,
    safety.pods_awaited,
    safety.pods_failed,
    safety.check_failed,
    safety.canary_lost,
    safety.traffic_switched,
    # nothing moves
    safety.unpaused,
    safety.frozen,
    safety.held,
    safety.too_late,
    # forward, one act at a time
    safety.no_way_back,
    progress.capacity_first,
    progress.samples_first,
    progress.weight_due,
    progress.promoted,
    progress.weight_unconfirmed,
    progress.unmeasured,
    progress.time_counted,
    progress.step_done,
    progress.measuring,
)


def decide(s: Situation) -> Decision:
    """One next action, as a state; the same situation gives the same decision, and deciding acts on nothing."""
    for rule in RULES:
        decision = rule(s)
        if decision is not None:
            if s.state.phase is None:  # a status from nowhere: what was asked for before is not for this one
                decision = replace(decision, state=replace(decision.state, actions=commands.past(s)))
            return decision if rule in (progress.time_counted, progress.measuring) else _clock_stopped(decision)
    raise AssertionError("the last rule always has something to say")


def _clock_stopped(decision: Decision) -> Decision:
    """A step's time runs only while it is measured: what passes until the next measured instant does not count."""
    canary = decision.state.canary
    if canary is None or canary.measured_until is None:
        return decision
    return replace(decision, state=replace(decision.state, canary=replace(canary, measured_until=None)))
