"""What people ask for, as it stands in annotations; whatever else stands there is answered by a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pilotage_operator.api import names
from pilotage_operator.domain.rollout.seen import Command

_WORD = re.compile(
    r"(?P<id>[A-Za-z0-9._-]{1,64})/(?P<revision>[0-9a-f]{10})/(?P<attempt>[0-9]{1,6})(/(?P<to>[0-9a-f]{10}))?"
)
_LONGEST = 100  # characters of a value that cannot be read; more is not kept in the status


def commands(annotations: Mapping[str, str]) -> tuple[Command, ...]:
    """The commands among the annotations of a ModelDeployment, in the order of `names.ACTIONS`."""
    found = ((action, annotations.get(names.action_annotation(action))) for action in names.ACTIONS)
    return tuple(
        _command(action, value, _name(annotations.get(names.action_by_annotation(action), "")))
        for action, value in found
        if value
    )


def _command(action: str, value: str, by: str) -> Command:
    known = _WORD.fullmatch(value)
    if known is None or (known["to"] and action != "rollback"):
        form = "<id>/<revision>/<attempt>" + ("[/<revision to go back to>]" if action == "rollback" else "")
        shown = _name(value)[:_LONGEST].replace(" ", "?")
        problem = f"write {names.action_annotation(action)} as {form}, not {shown!r}; status shows revision and attempt"
        return Command(action, "", "", 0, by, problem=problem, word=shown)
    return Command(action, known["id"], known["revision"], int(known["attempt"]), by, known["to"] or "")


def _name(text: str) -> str:
    """As it may stand in a status and on a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)[:253]
