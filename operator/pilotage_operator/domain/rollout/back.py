"""A person's rollback: in every phase, to the version before or to a revision that is named."""

from __future__ import annotations

from dataclasses import replace

from pilotage_operator.domain.rollout.decision import SOON, Decision, Happening, Situation
from pilotage_operator.domain.rollout.seen import Command
from pilotage_operator.domain.rollout.state import Canary, Failure, Reason, Returned, Stable, State
from pilotage_operator.domain.rollout.target import contract_refused, holds

Outcome = tuple[State, Happening]


def roll_back(s: Situation, command: Command) -> Outcome:
    """Remembers where to go back to; the rules that follow take the traffic there."""
    stable, canary, failed = s.state.stable, s.state.canary, s.state.failed
    if stable is None or stable.since is None:
        return refuse(s, command, "no version has served yet")
    about = canary or failed or stable
    if other := for_another(command, about):
        return refuse(s, command, other)
    if failed is not None and not command.to:
        return refuse(s, command, f"{failed.version} is taken back already{_name_one(s)}")
    to = command.to or (stable.revision if canary is not None else stable.previous)
    why_not = _why_not(s, about.revision, to)
    if why_not:
        return refuse(s, command, why_not)
    version = stable.version if to == stable.revision else s.seen.revisions[to].model_version
    by = f" by {command.by}" if command.by else ""
    message = f"{about.version} was rolled back to {version}{by}; this holds until spec.modelVersion changes"
    retry = s.spec.rollout.retry
    left = Failure(about.revision, about.version, about.attempt, Reason.ROLLED_BACK_BY_PERSON, message, s.now, retry)
    returned = Returned(s.spec.model_version, to, version, message, s.now, command.by, retry)
    return replace(s.state, failed=left, paused=None, returned=returned), told(command, message)


def return_over(s: Situation) -> Decision | None:
    """A person's word to go back holds until `spec.modelVersion` changes, or `spec.rollout.retry` is raised."""
    returned = s.state.returned
    if returned is None or holds(returned, s.spec):
        return None
    return Decision(replace(s.state, returned=None), again=SOON)


def _why_not(s: Situation, left: str, to: str) -> str:
    """Why a revision cannot be gone back to from the one that is left; "" where it can."""
    known = s.seen.revisions.get(to)
    if not to:
        return f"what was stable before {s.stable.version} is not known{_name_one(s)}"
    if to == s.stable.revision:
        return "" if s.state.canary is not None else f"{s.stable.version} serves already{_name_one(s)}"
    if known is None:
        return f"revision {to} is not known{_name_one(s)}"
    if not known.promoted:
        return f"{known.model_version} ({to}) has never had all the traffic{_name_one(s)}"
    if to == left:
        return f"revision {to} is the one to be left{_name_one(s)}"
    return contract_refused(s.spec, s.seen.revisions.get(s.stable.revision), known)


def _name_one(s: Situation) -> str:
    """What the person may write instead."""
    here = s.state.stable.revision if s.state.stable and s.state.canary is None else ""
    found = [r for r in s.seen.revisions.values() if r.promoted and r.name != here]
    found.sort(key=lambda r: -r.order)
    names = ", ".join(f"{r.name} ({r.model_version})" for r in found[:5])
    return f"; name one as <id>/<revision>/<attempt>/<to>: {names}" if names else ", and no other is known"


def for_another(command: Command, about: Canary | Failure | Stable) -> str:
    """Why a command is not for what is there now; "" where it is."""
    if (about.revision, about.attempt) == (command.revision, command.attempt):
        return ""
    return f"it is for {command.revision}/{command.attempt}, and now is {about.revision}/{about.attempt}"


def told(command: Command, message: str) -> Happening:
    return Happening(command.action.capitalize(), message, by=command.by)


def refuse(s: Situation, command: Command, why: str) -> Outcome:
    message = f"{command.action} {command.id} of {command.by or 'a person'} was not done: {why}"
    return s.state, Happening("ActionRefused", message, warning=True, by=command.by)
