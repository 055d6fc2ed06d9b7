"""What many runs come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from pilotage_operator.domain.analysis.confidence import wilson
from tests.bench.judgement.rivals import RIVALS
from tests.bench.judgement.runs import Outcomes

OURS = "ours"
JUDGES = (OURS, *RIVALS)
Run = Mapping[str, Any]


def of(outcomes: Outcomes, table: str, *labels: str | None) -> list[Run]:
    """All runs of the cells that have these labels; None stands for any."""
    found: list[Run] = []
    for key, runs in outcomes.items():
        name, *rest = key.split("/")
        if name == table and all(wanted in (None, label) for wanted, label in zip(labels, rest, strict=False)):
            found += runs
    return found


def rolled_back(runs: Iterable[Run], judge: str) -> tuple[int, int]:
    """How many, of how many."""
    ends = [run[judge][0] is not None for run in runs]
    return sum(ends), len(ends)


def share(count: int, runs: int) -> str:
    """`3 of 400`, and the most that the truth may be with 95 % confidence where none was seen."""
    if not runs:
        return "–"
    upper = f" (< {100 * wilson(runs, 0)[1]:.2g} %)" if not count else f" ({100 * count / runs:.2g} %)"
    return f"{count} of {runs}{upper}"


def found(runs: Sequence[Run], judge: str) -> str:
    """Share found · median interval · median bad answers, of all runs; a run that never ends counts whole."""
    if not runs:
        return "–"
    count, all_of_them = rolled_back(runs, judge)
    bad = median(run[judge][1] for run in runs)
    ends = [run[judge][0] + 1 for run in runs if run[judge][0] is not None]
    when = f"{median(ends):.0f}" if ends else "–"
    return f"{100 * count / all_of_them:.0f} % · {when} · {bad:,.0f}"


def verdicts(runs: Sequence[Run]) -> str:
    """Of another check: failed, and passed before that, with the median intervals."""
    if not runs:
        return "– | – | 0"
    parts = []
    for name in ("failed", "passed"):
        ends = [run[name] + 1 for run in runs if run[name] is not None]
        parts.append(f"{100 * len(ends) / len(runs):.0f} %" + (f" · {median(ends):.0f}" if ends else ""))
    return f"{parts[0]} | {parts[1]} | {len(runs)}"
