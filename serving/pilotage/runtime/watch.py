"""The rows of a tensor that wait to be counted.

They are copies: a batch's arrays may be used again, or hold a client's whole body in memory.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from pilotage.runtime.bins import Array, Ranges, Values

CODE = np.dtype(np.uint32)
"""In place of a text."""
_NO_CODE = 2**32 - 1
_COST = 8  # numbers that can be counted while a text is looked up


class Watch:
    """`take` copies an array, at the least cost; `count` counts what was copied."""

    def __init__(
        self, row: Sequence[int], dtype: np.dtype[Any], ordered: np.dtype[Any], bins: Sequence[Ranges | Values | None]
    ) -> None:
        """`row`: its shape, one number for each column; the first columns have `bins`. Sorted as the type `ordered`."""
        self.row_bytes = math.prod(row) * dtype.itemsize
        self.row_cost = math.prod(row[:-1]) * len(bins)
        self._width = row[-1]
        self._dtype = dtype
        self._ordered = ordered
        self._bins = bins
        self._waiting = bytearray()
        self.take: Callable[[Array], object] = self._waiting.extend

    def holds(self, rows: int) -> bool:
        """Whether so many rows wait. Else the arrays were not of the contract's shape, and the columns are mixed up."""
        return len(self._waiting) == rows * self.row_bytes

    def count(self, first: int, rows: int) -> None:
        """Count `rows` of the rows that wait."""
        columns = self._columns(first, rows)
        columns.sort(axis=1)
        for column, bins in zip(columns, self._bins, strict=True):
            if bins is not None:
                bins.add(column)

    def clear(self) -> None:
        """Nothing waits any more."""
        del self._waiting[:]

    def _columns(self, first: int, rows: int) -> Array:
        """One line for each column. A copy, since nothing can be cleared while an array looks at it."""
        size = rows * self.row_bytes // self._dtype.itemsize
        values = np.frombuffer(self._waiting, self._dtype, size, first * self.row_bytes)
        return np.array(values.reshape(-1, self._width)[:, : len(self._bins)].T, dtype=self._ordered, order="C")


class TextWatch(Watch):
    """Keeps a number for each text."""

    def __init__(
        self, row: Sequence[int], codes: Mapping[str | bytes, int], bins: Sequence[Ranges | Values | None]
    ) -> None:
        """`codes` are the numbers in the columns; all other texts are one more."""
        super().__init__(row, CODE, CODE, bins)
        self.row_cost = _COST * math.prod(row)
        code, none, keep = codes.get, repeat(_NO_CODE), self._waiting.extend
        self.take = lambda texts: keep(array("I", map(code, texts.ravel().tolist(), none)))
