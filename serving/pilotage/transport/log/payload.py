"""The payload log: for a share of the requests, what was asked and what was answered.

Which requests is decided first, by counting down to the next one: a request that is not among them costs nothing.
"""

import math
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pilotage.bundle.format import Contract, Tensor
from pilotage.runtime.identity import Identity
from pilotage.transport.log.excerpt import Bounds, Excerpt, Excerpts
from pilotage.transport.log.line import clean, moment
from pilotage.transport.log.outlet import Outlet

Array = np.ndarray[Any, Any]
_ID = 256  # letters
_FAR = 1 << 29  # CPython counts fastest in one digit of 30 bits


class Request(Protocol):
    """What this log needs of a request."""

    @property
    def id(self) -> str: ...
    @property
    def inputs(self) -> Mapping[str, Array]: ...


class Answers(Protocol):
    """What it needs of the answer: arrays by name."""

    def items(self) -> Iterable[tuple[str, Array]]: ...


@dataclass(slots=True)
class Entry:
    """One request and its answer. `number` counts the entries of this process from 1; `time` is in unix seconds."""

    number: int
    time: float
    request_id: str
    inputs: tuple[Excerpt, ...]
    outputs: tuple[Excerpt, ...]


class PayloadLog:
    """`share` is the chance of a request to be logged: 0 none, 1 all."""

    def __init__(
        self,
        contract: Contract,
        outlet: Outlet[Entry],
        share: float,
        *,
        bounds: Bounds | None = None,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._inputs = _excerpts(contract, contract.inputs, bounds or Bounds())
        self._outputs = _excerpts(contract, contract.outputs, bounds or Bounds())
        self._outlet = outlet
        self._share = share
        self.on = share > 0
        self._now = now
        self._chance = chance
        self._number = 0
        self._until, self._chosen = 0, False
        self._draw()

    @property
    def sent(self) -> int:
        """Entries that arrived."""
        return self._outlet.sent

    @property
    def dropped(self) -> int:
        """Entries that did not: the queue was full, or their sink away."""
        return self._outlet.dropped

    def offer(self, request: Request, answers: Answers) -> None:
        """A request was answered with `answers`. Copies what it keeps; never waits."""
        self._until = until = self._until - 1
        if not until:
            self._take(request, answers)

    def _take(self, request: Request, answers: Answers) -> None:
        chosen = self._chosen
        self._draw()
        if not (chosen and self._outlet.has_room()):
            return
        self._number += 1
        inputs = tuple(self._inputs[name].take(array) for name, array in request.inputs.items())
        outputs = tuple(self._outputs[name].take(array) for name, array in answers.items())
        self._outlet.put(Entry(self._number, self._now(), clean(request.id, _ID), inputs, outputs))

    def _draw(self) -> None:
        """Count down `_until` to the next request that is logged, if each has the same chance to be.

        The number of throws up to a hit is geometric: 1 + floor(log(u) / log(1 - share)) for u uniform in (0, 1]. It
        has no memory, so one that lies far off may be drawn anew from there.
        """
        if self._share <= 0:
            gap = math.inf
        elif self._share >= 1:
            gap = 1
        else:
            gap = 1 + math.log(1 - self._chance()) // math.log1p(-self._share)
        self._chosen = gap <= _FAR
        self._until = int(min(gap, _FAR))


class Wording:
    """Turns entries to documents, outside of the loop."""

    def __init__(self, identity: Identity) -> None:
        self._who = {
            "model": identity.model,
            "deployment": identity.deployment,
            "version": identity.version,
            "revision": identity.revision,
        }

    def document(self, entry: Entry) -> dict[str, Any]:
        """The whole entry."""
        return {
            "time": moment(entry.time),
            "id": entry.request_id,
            **self._who,
            "inputs": {part.tensor.name: part.document() for part in entry.inputs},
            "outputs": {part.tensor.name: part.document() for part in entry.outputs},
        }


def _excerpts(contract: Contract, tensors: tuple[Tensor, ...], bounds: Bounds) -> dict[str, Excerpts]:
    size = bounds.size // (len(contract.inputs) + len(contract.outputs))
    return {tensor.name: Excerpts(tensor, rows=bounds.rows, size=size) for tensor in tensors}
