"""What to do next, and why: the first rule that has something to say."""

from __future__ import annotations

from pilotage_operator.domain.rollout import commands, progress, standing
from pilotage_operator.domain.rollout.decision import Decision, Rule, Situation

RULES: tuple[Rule, ...] = (
    # which revision ought to be on its way
    standing.status_was_lost,
    commands.obey,
    standing.spec_unusable,
    standing.first_version,
    standing.at_rest,
    standing.rolled_back,
    standing.superseded,
    standing.held_without_canary,
    standing.started,
    # back to safety, whatever else holds
    progress.pods_failed,
    progress.check_failed,
    progress.canary_lost,
    # nothing moves
    progress.frozen,
    progress.held,
    progress.too_late,
    # forward, one act at a time
    progress.capacity_first,
    progress.weight_due,
    progress.weight_unconfirmed,
    progress.unmeasured,
    progress.time_counted,
    progress.step_done,
    progress.promoted,
)


def decide(s: Situation) -> Decision:
    """One next action, as a state; the same situation gives the same decision, and deciding acts on nothing."""
    for rule in RULES:
        decision = rule(s)
        if decision is not None:
            return decision
    return progress.measuring(s)
