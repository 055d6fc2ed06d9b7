"""How inputs and answers are distributed now, in the bins of the bundle's reference.

A batch is only copied when it is answered. The rows of many batches are counted together, in slices that the
processor's cache holds and the loop does not feel.
"""

import sys
from collections.abc import Mapping

import numpy as np

from pilotage.bundle.format import Contract
from pilotage.bundle.reference import Reference
from pilotage.runtime.bins import Array
from pilotage.runtime.watchlist import Watchlist

_SLICE = 1 << 13  # values that are counted at once
_SLICES = 12  # the most of one batch: less than a millisecond
_MOST_BYTES = 4 << 20  # of rows that wait


class Drift:
    """`features`, `outputs` and `classes` are what is watched: they stay, and their counts only grow."""

    def __init__(self, contract: Contract, reference: Reference) -> None:
        watched = Watchlist(contract, reference)
        self.features, self.outputs, self.classes = watched.features, watched.outputs, watched.classes
        self.unbinned = 0
        self._inputs = [(name, watch.take) for name, watch in watched.of_inputs.items()]
        self._outputs = [(name, watch.take) for name, watch in watched.of_outputs.items()]
        self._watches = (*watched.of_inputs.values(), *watched.of_outputs.values())
        self._counted = contract.inputs[0].name if watched.has_rows and self._watches else None
        cost, size = sum(watch.row_cost for watch in self._watches), sum(watch.row_bytes for watch in self._watches)
        self._slice = max(1, min(_SLICE // cost, _MOST_BYTES // size)) if self._watches else sys.maxsize
        self._most = self._slice * _SLICES
        self._rows = 0

    def note(self, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """Take in a batch that was answered: arrays of the contract's datatypes, which are copied."""
        rows = 1 if self._counted is None else len(inputs[self._counted])
        if rows > self._most:
            step = -(-rows // self._most)
            inputs, outputs = _every(step, inputs), _every(step, outputs)
            self.unbinned += rows - -(-rows // step)
            rows = -(-rows // step)
        try:
            for name, take in self._inputs:
                take(inputs[name])
            for name, take in self._outputs:
                take(outputs[name])
        except (BufferError, TypeError):  # not C-contiguous: now what waits does not add up
            pass
        self._rows += rows
        if self._rows >= self._slice:
            self.collect()

    def collect(self) -> None:
        """Count what waits. Rows of arrays that do not add up are left out."""
        rows, self._rows = self._rows, 0
        whole = [watch for watch in self._watches if watch.holds(rows)]
        for first in range(0, rows, self._slice):
            for watch in whole:
                watch.count(first, min(self._slice, rows - first))
        for watch in self._watches:
            watch.clear()
        if len(whole) < len(self._watches):
            self.unbinned += rows


def _every(step: int, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.ascontiguousarray(array[::step]) for name, array in arrays.items()}
