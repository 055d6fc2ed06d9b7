"""Requests of models with hundreds of features: simdjson reads their numbers in half the time.

It takes what its callers send most, and leaves all else to the other decoder. Its library is 4 MB of memory, which
is why only a contract that gains from it brings it in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pilotage.bundle.format import Contract
from pilotage.runtime.session import dtype_of
from pilotage.transport.inference import MAX_SIZE, Array

if TYPE_CHECKING:
    import simdjson

_WIDE = 100  # features; below, msgspec is as fast
_LARGEST_BODY = 1 << 20  # bytes; the parser keeps about fourteen for each


def reader(contract: Contract) -> WideReader | None:
    """A reader for `contract` where it is one wide matrix of floats."""
    if len(contract.inputs) != 1:
        return None
    (tensor,) = contract.inputs
    if not tensor.datatype.startswith("FP") or len(tensor.shape) != 2 or tensor.shape[1] < _WIDE:
        return None
    import simdjson

    return WideReader(tensor.name, tensor.datatype, tensor.shape, simdjson.Parser(_LARGEST_BODY))


class WideReader:
    """One input of `shape`, of which the first size may be free."""

    def __init__(self, name: str, datatype: str, shape: tuple[int, ...], parser: simdjson.Parser) -> None:
        self._name = name
        self._datatype = datatype
        self._rows, self._width = shape
        self._dtype = dtype_of(datatype)
        largest = float(np.finfo(self._dtype).max)
        self._safe = largest * largest  # a sum of squares; of FP64 there is no larger one
        self._parser = parser

    def read(self, body: bytes) -> tuple[str, Array] | None:
        """The request's id and its input; None when it needs a closer look."""
        try:
            return self._read(body)
        except (ArithmeticError, ValueError, TypeError, LookupError, RuntimeError, AttributeError):
            return None  # no JSON, or other JSON; what is wrong with it, if anything, is not told here

    def _read(self, body: bytes) -> tuple[str, Array] | None:
        request: Any = self._parser.parse(body)
        (given,) = request["inputs"]
        request_id = request["id"] if len(request) == 2 else ""
        if len(request) > 2 or type(request_id) is not str:
            return None
        if len(given) != 4 or given["name"] != self._name or given["datatype"] != self._datatype:
            return None
        rows, width = given["shape"]
        if type(rows) is not int or not 1 <= rows <= MAX_SIZE or self._rows not in (-1, rows):
            return None
        if type(width) is not int or width != self._width:
            return None
        data = given["data"]
        # Its buffer would take lists in lists of any form; these are told by their brackets.
        if len(data) == rows * width:
            nested = 0
        elif len(data) == rows and all(len(row) == width for row in data):
            nested = rows
        else:
            return None
        if not _has_lists(body, 3 + nested):  # the inputs, the shape, the data
            return None
        numbers = np.frombuffer(data.as_buffer(of_type="d"), np.float64)
        if not np.vdot(numbers, numbers) < self._safe:
            return None  # one may be too large for the datatype
        return request_id, numbers.astype(self._dtype).reshape(rows, width)


def _has_lists(body: bytes, count: int) -> bool:
    """Whether `[` stands in `body` exactly so often. `find` is much faster than `count` where there are few."""
    position = -1
    for _ in range(count):
        position = body.find(b"[", position + 1)
        if position < 0:
            return False
    return body.find(b"[", position + 1) < 0
