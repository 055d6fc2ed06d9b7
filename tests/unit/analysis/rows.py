"""Intervals in which rows were counted: classes, bins and invalid values, of pods named by their place."""

from collections.abc import Mapping, Sequence

from pilotage_operator.domain.analysis.counts import (
    REQUESTS,
    Counts,
    Interval,
    PodCount,
    Source,
    labelled,
)
from tests.unit.analysis.series import BEGIN, BOOT, INTERVAL


def classes(counts: Mapping[str, int], output: str = "label") -> Counts:
    return {labelled("class", output, name): n for name, n in counts.items()}


def bins(counts: Mapping[str, int], output: str = "probabilities", column: int = 1) -> Counts:
    return {labelled("bin", output, str(column), name): n for name, n in counts.items()}


def inputs(rows: int, invalid: Mapping[tuple[str, str], int], known: Mapping[tuple[str, str], int] = {}) -> Counts:
    """`invalid` by feature and kind; `known`: values of a feature by category."""
    broken = {labelled("invalid", *key): n for key, n in invalid.items()}
    return {"rows": rows, **broken, **{labelled("value", *key): n for key, n in known.items()}}


def counted(source: Source, stable: Sequence[Counts], canary: Sequence[Counts] = (), at: float = BEGIN) -> Interval:
    def side(letter: str, pods: Sequence[Counts]) -> tuple[PodCount, ...]:
        return tuple(PodCount(f"{letter}{i}", BOOT, counts, REQUESTS[source](counts)) for i, counts in enumerate(pods))

    return Interval(at, at + INTERVAL, side("s", stable), side("c", canary))
