"""Writes what docs/ says of the rollout from the code itself: `python -m ….pages docs/ [--check]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from inspect import getdoc
from pathlib import Path

from pilotage_operator.api import names
from pilotage_operator.domain.rollout.decide import RULES
from pilotage_operator.domain.rollout.reasons import CONDITIONS, EVENTS, REASONS

_HEADER = "<!-- Generated from operator/pilotage_operator/domain/rollout by `make docs`. Do not edit. -->\n"
_BEGIN, _END = "<!-- rules: generated from decide.py -->\n", "<!-- end of rules -->\n"


def reasons() -> str:
    """docs/reasons.md, whole."""
    lines = [
        "# Reasons",
        "",
        "`status.reason`, and the reason of the conditions Ready, Progressing and Degraded: one word that a machine "
        "may match on. The message beside it begins with who serves.",
        "",
        *_table(("Reason", "What it means", "What to do"), [(r, *e) for r, e in REASONS.items()]),
        "",
        "## Reasons of the other conditions",
        "",
        *_table(("Reason", "What it means", "What to do"), [(r, *e) for r, e in CONDITIONS.items()]),
        "",
        "## Events",
        "",
        "What happened, as an Event and in `status.history`. An action of a person has its own name as its event: "
        + ", ".join(f"`{action.capitalize()}`" for action in names.ACTIONS)
        + ". A spec that cannot be used has its reason as its event.",
        "",
        *_table(("Event", "What happened"), list(EVENTS.items())),
    ]
    return _HEADER + "\n".join(lines) + "\n"


def rules() -> str:
    """The table of the rules, in the order in which they are asked."""
    rows = [
        (str(i), f"`{rule.__module__.rpartition('.')[2]}.{rule.__name__}`", _first(rule))
        for i, rule in enumerate(RULES, 1)
    ]
    return "\n".join(_table(("", "Rule", "Decides"), rows)) + "\n"


def _first(rule: object) -> str:
    return " ".join((getdoc(rule) or "").partition("\n\n")[0].split())


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def pages(folder: Path) -> dict[Path, str]:
    """Each file's content as it should be; of docs/rollout.md only the table of rules is ours."""
    page = folder / "rollout.md"
    before, _, rest = page.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    return {folder / "reasons.md": reasons(), page: before + _BEGIN + rules() + _END + after}


def main(arguments: list[str] | None = None) -> int:
    """Writes the pages; with --check only compares, and returns 1 where they differ."""
    parser = argparse.ArgumentParser(prog="python -m pilotage_operator.domain.rollout.pages", description=main.__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    wanted = pages(options.folder)
    stale = [path for path, content in wanted.items() if not path.is_file() or path.read_text() != content]
    for path in stale:
        if options.check:
            print(f"{path} does not match the code: run `make docs` and commit it", file=sys.stderr)
        else:
            path.write_text(wanted[path])
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
