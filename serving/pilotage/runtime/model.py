"""A loaded model with its contract: what may go in, one call, and what may come out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from time import thread_time

import numpy as np

from pilotage.bundle.format import Contract
from pilotage.runtime.door import Door, is_finite
from pilotage.runtime.errors import NotFinite, Refused, RunError
from pilotage.runtime.metrics import Metrics
from pilotage.runtime.part import Array, Arrays, Part
from pilotage.runtime.session import Session

_ALIKE = 1e-3  # a row's answer alone and in a batch: sums are formed in another order, no more


class Model:
    """Runs batches: the rows of several requests in one call, each answered as if it had come by itself."""

    def __init__(
        self, session: Session, contract: Contract, metrics: Metrics, golden: Sequence[Mapping[str, Array]]
    ) -> None:
        """`golden`: the bundle's own requests, at least one. Raises RunError when the model fails on them."""
        self.run = session.run
        """One call; may be made off the loop. Raises RunError."""
        self._metrics = metrics
        self._door = Door(contract)
        metrics.refused = self._door.refused
        self._first = contract.inputs[0].name
        self._floats = [tensor.name for tensor in contract.outputs if tensor.datatype.startswith("FP")]
        tensors = (*contract.inputs, *contract.outputs)
        self.uniform = all(size >= 0 for tensor in contract.inputs for size in tensor.shape[1:])
        self._golden = [dict(inputs) for inputs in golden]
        self.batchable = all(tensor.shape[:1] == (-1,) for tensor in tensors) and self._rows_are_apart()

    def warm(self, learn: Callable[[int, float], None]) -> None:
        """Run golden requests, each twice: the first run of a shape allocates, the second shows what it takes."""
        for inputs in self._golden[:4]:
            self.run(inputs)
            began = thread_time()
            self.run(inputs)
            learn(self.rows(inputs), thread_time() - began)

    def rows(self, inputs: Arrays) -> int:
        """How many rows a request has. Raises Refused when its inputs do not have equally many."""
        if not self.batchable:
            return 1
        rows = len(inputs[self._first])
        if len(inputs) > 1:
            for array in inputs.values():
                if len(array) != rows:
                    raise Refused(f"the inputs have different numbers of rows, {rows} and {len(array)}")
        return rows

    def shape_of(self, inputs: Arrays) -> tuple[tuple[int, ...], ...]:
        """What must be equal for two requests to share a call, where the contract leaves it open."""
        return tuple(array.shape[1:] for array in inputs.values())

    def refusals(self, inputs: Arrays, rows: Sequence[int]) -> list[Refused | None]:
        """For each of the requests whose rows these are, why the contract does not take it; [] when all are taken."""
        starts = [0] if not self.batchable else list(accumulate(rows[:-1], initial=0))
        found = self._door.check(inputs, starts)
        if not found:
            return []
        refused: list[Refused | None] = [None] * len(rows)
        for refusal in found:
            request = bisect_right(starts, refusal.row) - 1
            refused[request] = Refused(refusal.message(starts[request]))
        return refused

    def faults(self, rows: Sequence[int], inputs: Arrays, outputs: Arrays) -> list[Exception | None]:
        """For each of the requests whose rows these are, why it gets nothing of a call's outputs; [] when all are good.

        What is good is counted as what was seen.
        """
        if len(rows) > 1 and any(len(array) != sum(rows) for array in outputs.values()):
            return [RunError("the model's answer has another number of rows than the request")] * len(rows)
        if all([is_finite(outputs[name]) for name in self._floats]):
            self._metrics.note(inputs, outputs)
            return []
        if len(rows) == 1:
            return [self._fault(Part(outputs), inputs)]
        starts = accumulate(rows[:-1], initial=0)
        return [self._fault(Part(outputs, first, count), inputs) for first, count in zip(starts, rows, strict=True)]

    def _fault(self, part: Part, inputs: Arrays) -> NotFinite | None:
        """Of one of several, of which not all are good."""
        outputs = dict(part.items())
        if error := self._not_finite(outputs):
            return error
        self._metrics.note({name: part.of(array) for name, array in inputs.items()}, outputs)
        return None

    def _not_finite(self, outputs: Arrays) -> NotFinite | None:
        for name in self._floats:
            finite = np.isfinite(outputs[name])
            if not finite.all():
                row = int(np.argwhere(~finite)[0][0]) if finite.ndim else 0
                return NotFinite(f"the model's answer is not finite: output {name!r}, row {row}")
        return None

    def _rows_are_apart(self) -> bool:
        """Whether golden rows are answered alike alone and together: a free first dimension need not be a batch."""
        alike = [i for i in self._golden if self.shape_of(i) == self.shape_of(self._golden[0])][:8]
        try:
            apart = [self.run(inputs) for inputs in alike]
            together = self.run({name: np.concatenate([i[name] for i in alike]) for name in alike[0]})
        except (RunError, ValueError):
            return False
        return all(_alike(np.concatenate([a[name] for a in apart]), array) for name, array in together.items())


def _alike(apart: Array, together: Array) -> bool:
    if apart.shape != together.shape:
        return False
    if apart.dtype.kind != "f":
        return bool((apart == together).all())
    return bool(np.allclose(apart, together, rtol=_ALIKE, atol=_ALIKE, equal_nan=True))
