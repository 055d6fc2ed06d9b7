"""What people ask for by annotation: each is done once, ever, for the revision and attempt it names."""

from __future__ import annotations

from dataclasses import replace

from pilotage_operator.api.durations import seconds
from pilotage_operator.domain.rollout import back
from pilotage_operator.domain.rollout.back import refuse as _refuse
from pilotage_operator.domain.rollout.back import told as _told
from pilotage_operator.domain.rollout.decision import SOON, Decision, Happening, Situation
from pilotage_operator.domain.rollout.seen import Command
from pilotage_operator.domain.rollout.state import Canary, Pause, Reason, State
from pilotage_operator.domain.rollout.traffic import baking, step_weight

CHOSEN = (Reason.PAUSED_BY_PERSON, Reason.PAUSED_BY_SPEC, Reason.AWAITING_APPROVAL)
REMEMBERED = 20  # actions kept, beside those of annotations that are still there


def obey(s: Situation) -> Decision | None:
    """The first command that was not dealt with yet; done or refused, its id is remembered."""
    if s.state.phase is None:
        return None
    for command in s.seen.commands:
        if not _done(s, command) and not _too_early(s, command):
            after, told = _carry_out(s, command)
            return Decision(replace(after, actions=_remembered(s, command)), (told,), SOON)
    return None


def past(s: Situation) -> tuple[str, ...]:
    """What was asked for before anything is known of it: it is taken for done."""
    return tuple(command.key for command in s.seen.commands)


def _done(s: Situation, command: Command) -> bool:
    """Whether it was dealt with. The snapshots know it as well, since a status may come back from a backup."""
    return command.key in s.state.actions or any(command.key in r.actions for r in s.seen.revisions.values())


def _too_early(s: Situation, command: Command) -> bool:
    """A retry waits until the canary that failed is taken back, and the end of a bake until the bake has its weight."""
    canary = s.state.canary
    if canary is None:
        return False
    if command.action == "retry":
        return s.state.failed is not None
    to_come = baking(s.spec, canary) and canary.weight != step_weight(s.spec, canary)
    return command.action == "promote" and s.state.failed is None and to_come


def _remembered(s: Situation, command: Command) -> tuple[str, ...]:
    actions, present = (*s.state.actions, command.key), {c.key for c in s.seen.commands}
    old = (a for a in actions[:-REMEMBERED] if a in present)
    return (*old, *actions[-REMEMBERED:])


def _carry_out(s: Situation, command: Command) -> tuple[State, Happening]:
    canary = s.state.canary
    about = canary or s.state.failed or (s.state.stable if s.state.returned else None)
    if command.problem:
        return _refuse(s, command, command.problem)
    if command.action == "rollback":
        return back.roll_back(s, command)
    if about is None and s.state.paused is not None and command.action == "resume":
        return replace(s.state, paused=None), _told(command, "goes on as the spec asks")
    if about is None:
        return _refuse(s, command, "there is no rollout")
    if other := back.for_another(command, about):
        return _refuse(s, command, other)
    if command.action == "retry":
        if canary is None and s.state.failed is None:  # what was gone back to serves, after a retry of its own
            return replace(s.state, returned=None), _told(command, f"{s.spec.model_version} is tried again")
        if s.state.failed is None:
            return _refuse(s, command, "nothing has failed")
        returned = s.state.returned if s.state.returned and s.state.returned.revision == about.revision else None
        return replace(s.state, failed=None, returned=returned), _told(command, f"{about.version} is tried again")
    if canary is None or s.state.failed is not None:
        return _refuse(s, command, "no canary is running")
    if s.state.paused and s.state.paused.reason is Reason.NO_WAY_BACK and command.action not in ("approve", "abort"):
        return _refuse(s, command, "it waits for an approval, since there is no way back; annotate approve")
    return _ON_CANARY[command.action](s, canary, command)


def _promote(s: Situation, canary: Canary, command: Command) -> tuple[State, Happening]:
    if baking(s.spec, canary):
        least = seconds(s.spec.rollout.bake.for_)
        ended = replace(canary, measured_seconds=max(canary.measured_seconds, least))
        return _unpaused(s, ended), _told(command, f"the bake of {canary.version} is ended early")
    ahead = replace(_restarted(canary), step=len(s.spec.rollout.steps), weight_at=s.now)  # a person chose the moment
    return _unpaused(s, ahead), _told(command, f"{canary.version} skips the remaining steps, to its bake")


def _skip(s: Situation, canary: Canary, command: Command) -> tuple[State, Happening]:
    steps = s.spec.rollout.steps
    if baking(s.spec, canary):
        return _refuse(s, command, "the steps are done; promote ends the bake")
    if steps[canary.step].approval:
        return _refuse(s, command, "this step waits for an approval; annotate approve")
    ahead = _restarted(replace(canary, step=canary.step + 1))
    return _unpaused(s, ahead), _told(command, f"{canary.version} skips step {canary.step + 1} of {len(steps)}")


def _approve(s: Situation, canary: Canary, command: Command) -> tuple[State, Happening]:
    if s.state.paused is not None and s.state.paused.reason is Reason.NO_WAY_BACK:
        told = _told(command, f"{canary.version} is approved, although there is no way back")
        return _unpaused(s, replace(canary, no_return=True)), told
    if baking(s.spec, canary) or not s.spec.rollout.steps[canary.step].approval:
        return _refuse(s, command, "this step asks for no approval")
    ahead = _restarted(replace(canary, step=canary.step + 1))
    told = _told(command, f"{canary.version} is approved")
    if s.state.paused is not None and s.state.paused.reason is not Reason.AWAITING_APPROVAL:
        return replace(s.state, canary=ahead), told  # it is paused for another reason, which an approval does not end
    return _unpaused(s, ahead), told


def _abort(s: Situation, canary: Canary, command: Command) -> tuple[State, Happening]:
    message = f"{canary.version} was aborted by {command.by or 'a person'}"
    failed = s.failure(Reason.ABORTED, message)
    return replace(s.state, failed=failed, paused=None), _told(command, message)


def _pause(s: Situation, canary: Canary, command: Command) -> tuple[State, Happening]:
    if s.state.paused is not None:
        return _refuse(s, command, "it is paused already")
    pause = Pause(
        Reason.PAUSED_BY_PERSON, f"paused by {command.by or 'a person'}; annotate resume to go on", s.now, command.by
    )
    return replace(s.state, paused=pause), _told(command, f"{canary.version} is paused")


def _resume(s: Situation, canary: Canary, command: Command) -> tuple[State, Happening]:
    if s.state.paused is None or s.state.paused.reason in (Reason.AWAITING_APPROVAL, Reason.PAUSED_BY_SPEC):
        return _refuse(s, command, "nothing is paused that resume could end")
    if s.state.paused.reason is not Reason.PAUSED_BY_PERSON:  # a new look: the step begins again
        canary = _restarted(canary)
    return _unpaused(s, canary), _told(command, f"{canary.version} goes on")


_ON_CANARY = {
    "promote": _promote,
    "skip": _skip,
    "approve": _approve,
    "abort": _abort,
    "pause": _pause,
    "resume": _resume,
}


def _restarted(canary: Canary) -> Canary:
    return replace(canary, measured_seconds=0.0, measured_until=None, waiting_since=None, weight_at=None)


def _unpaused(s: Situation, canary: Canary) -> State:
    """Ends a pause; the time it took does not count against the deadline.

    Evidence that led to it does not lead to it again: unless a person chose the pause, it is gathered anew.
    """
    if s.state.paused is not None and s.state.paused.reason not in CHOSEN:
        canary = replace(canary, measured_since=s.now if canary.weight or canary.shadow else None)
    return replace(s.state, canary=replace(canary, idle_seconds=s.rested()), paused=None)
