"""Counters of one column each. They take its numbers sorted: a bin costs one search, however many rows there are."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pilotage.bundle.reference import Value
from pilotage.runtime.exposition import ABOVE, BELOW, MISSING, OTHER, shown

Array = np.ndarray[Any, np.dtype[Any]]


def sortable(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type in which numbers are sorted: whole ones as FP64, as the Door compares them, and FP16 as FP32."""
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


class Ranges:
    """Numbers by edges: `below` a limit, up to each edge, `+Inf`, `above` a limit, and `missing`.

    `labels` leaves out what cannot be: values beyond limits that there are not, and gaps where there are no `gaps`.
    """

    def __init__(
        self, edges: Sequence[float], dtype: np.dtype[Any], low: float | None, high: float | None, *, gaps: bool
    ) -> None:
        """`dtype` is the tensor's: a client's 0.1 is not above an edge of 0.1, though in FP32 it is the larger one."""
        given = np.array([-math.inf if low is None else low, *edges, math.inf if high is None else high])
        with np.errstate(over="ignore"):  # a limit beyond the datatype's range limits nothing
            limits = (given.astype(dtype) if dtype.kind == "f" else given).astype(sortable(dtype))
        limits[0] = np.nextafter(limits[0], limits.dtype.type(-math.inf))  # at most that is below the limit itself
        limits = limits.clip(limits[0], limits[-1])  # who is below or above is in no other bin
        self._limits = np.append(limits, limits.dtype.type(math.inf))
        self._at_most = np.zeros(len(self._limits), dtype=np.int64)
        self._rows = 0
        can_be = {BELOW: low is not None, ABOVE: high is not None, MISSING: gaps}
        labels = [BELOW, *map(repr, edges), "+Inf", ABOVE, MISSING]
        self._shown = [at for at, label in enumerate(labels) if can_be.get(label, True)]
        self.labels = tuple(labels[at] for at in self._shown)

    def add(self, column: Array) -> None:
        """Count a sorted column, its gaps last."""
        self._at_most += column.searchsorted(self._limits, "right")
        self._rows += len(column)

    def counts(self) -> list[int]:
        """As many as there are labels."""
        counts = [right - left for left, right in pairwise((0, *self._at_most.tolist(), self._rows))]
        if self._shown[0] != 0:  # without a limit nothing is below it
            counts[1] += counts[0]
        return [counts[at] for at in self._shown]


class Values:
    """What is counted by value: the first `most` of those known, then `other` for the rest of them and `beyond` (which
    may be `other` as well) for what is none of them, and `missing` where there can be gaps."""

    def __init__(
        self, values: Sequence[Value], numbers: Sequence[float | None], ordered: np.dtype[Any], most: int, beyond: str
    ) -> None:
        """`numbers` stand for the values in a column of the type `ordered`; None for one that it cannot hold."""
        self._counts = np.zeros(len(values) + 1, dtype=np.int64)  # the last: none of them
        self._missing = 0
        held = [(number, place) for place, number in enumerate(numbers) if number is not None]
        known = np.array([number for number, _ in held], dtype=ordered)
        self._known, first = np.unique(known, return_index=True)
        self._places = np.array([place for _, place in held], dtype=np.intp)[first]
        self._most = most
        self._rest = [OTHER] if len(values) > most and beyond != OTHER else []
        self._gaps = [MISSING] if ordered.kind == "f" else []
        self.labels = (*map(shown, values[:most]), *self._rest, beyond, *self._gaps)

    def add(self, column: Array) -> None:
        """Count a sorted column, its gaps last."""
        found = column.searchsorted(self._known, "right") - column.searchsorted(self._known)
        present = int(column.searchsorted(column.dtype.type(math.nan))) if self._gaps else len(column)
        self._counts[self._places] += found
        self._counts[-1] += present - int(found.sum())
        self._missing += len(column) - present

    def counts(self) -> list[int]:
        """As many as there are labels."""
        counts = self._counts.tolist()
        rest, beyond = sum(counts[self._most : -1]), counts[-1]
        tail = [rest, beyond] if self._rest else [rest + beyond]
        return [*counts[:-1][: self._most], *tail, *([self._missing] if self._gaps else [])]


def carried(value: Value, dtype: np.dtype[Any]) -> Any:
    """A value as a tensor of this type has it; None where it cannot.

    >>> carried(0.1, np.dtype("f4")), carried(300, np.dtype("u1")), carried(1.5, np.dtype("i8"))
    (np.float32(0.1), None, None)
    """
    if isinstance(value, str):
        return None
    try:
        with np.errstate(over="ignore"):
            number = dtype.type(value)
    except OverflowError:
        return None
    return number if dtype.kind == "f" or number == value else None
