"""What people ask for by annotation: each is done once, ever, for the revision and attempt it names."""

from __future__ import annotations

from dataclasses import replace

from pilotage_operator.api.durations import seconds
from pilotage_operator.domain.rollout.decision import SOON, Decision, Happening, Situation
from pilotage_operator.domain.rollout.seen import Command
from pilotage_operator.domain.rollout.state import Canary, Pause, Reason, State
from pilotage_operator.domain.rollout.traffic import baking, step_weight

REMEMBERED = 20  # ids kept, beside those of annotations that are still there


def obey(s: Situation) -> Decision | None:
    """The first command that was not dealt with yet; done or refused, its id is remembered."""
    if s.state.phase is None:
        return None
    for command in s.seen.commands:
        if command.id not in s.state.actions and not _too_early(s, command):
            after, told = _carry_out(s, command)
            return Decision(replace(after, actions=_remembered(s, command)), (told,), SOON)
    return None


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
    actions, present = (*s.state.actions, command.id), {c.id for c in s.seen.commands}
    old = (a for a in actions[:-REMEMBERED] if a in present)
    return (*old, *actions[-REMEMBERED:])


def _carry_out(s: Situation, command: Command) -> tuple[State, Happening]:
    canary = s.state.canary
    about = canary or s.state.failed
    if about is None and s.state.paused is not None and command.action == "resume":
        return replace(s.state, paused=None), _told(command, "goes on as the spec asks")
    if about is None:
        return _refuse(s, command, "there is no rollout")
    if (about.revision, about.attempt) != (command.revision, command.attempt):
        now = f"{about.revision}/{about.attempt}"
        return _refuse(s, command, f"it is for {command.revision}/{command.attempt}, and now is {now}")
    if command.action == "retry":
        if s.state.failed is None:
            return _refuse(s, command, "nothing has failed")
        return replace(s.state, failed=None), _told(command, f"{about.version} is tried again")
    if canary is None or s.state.failed is not None:
        return _refuse(s, command, "no canary is running")
    return _ON_CANARY[command.action](s, canary, command)


def _promote(s: Situation, canary: Canary, command: Command) -> tuple[State, Happening]:
    if baking(s.spec, canary):
        least = seconds(s.spec.rollout.bake.for_)
        ended = replace(canary, measured_seconds=max(canary.measured_seconds, least))
        return _unpaused(s, ended), _told(command, f"the bake of {canary.version} is ended early")
    ahead = _restarted(replace(canary, step=len(s.spec.rollout.steps)))
    return _unpaused(s, ahead), _told(command, f"{canary.version} skips the remaining steps, to its bake")


def _approve(s: Situation, canary: Canary, command: Command) -> tuple[State, Happening]:
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
    if s.state.paused.reason is not Reason.PAUSED_BY_PERSON:  # a new look: the step and its evidence begin again
        canary = replace(_restarted(canary), measured_since=s.now if canary.weight else None)
    return _unpaused(s, canary), _told(command, f"{canary.version} goes on")


_ON_CANARY = {"promote": _promote, "approve": _approve, "abort": _abort, "pause": _pause, "resume": _resume}


def _restarted(canary: Canary) -> Canary:
    return replace(canary, measured_seconds=0.0, measured_until=None, waiting_since=None)


def _unpaused(s: Situation, canary: Canary) -> State:
    """Ends a pause; the time it took does not count against the deadline."""
    return replace(s.state, canary=replace(canary, idle_seconds=s.rested()), paused=None)


def _told(command: Command, message: str) -> Happening:
    return Happening(command.action.capitalize(), message, by=command.by)


def _refuse(s: Situation, command: Command, why: str) -> tuple[State, Happening]:
    message = f"{command.action} {command.id} of {command.by or 'a person'} was not done: {why}"
    return s.state, Happening("ActionRefused", message, warning=True, by=command.by)
