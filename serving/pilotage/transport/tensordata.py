"""The `data` of one V2 input, flat or nested JSON, as an array; and what to say when it does not fit.

A `null` in a float tensor is a missing value (NaN). The arrays cannot be written to.
"""

import math
import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from pilotage.bundle.format import Tensor
from pilotage.runtime.session import dtype_of
from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.inference import Array

# By the datatype's kind: what an element must be, in a caller's words, and how JSON's reader calls that.
_WANTED = {"FP": "a number or null", "BOOL": "true or false", "BYTES": "a text"}
_TYPES: dict[str, frozenset[type]] = {
    "FP": frozenset((float, int, type(None))),
    "BOOL": frozenset((bool,)),
    "BYTES": frozenset((str,)),
}
_LARGEST_EXACT = 2**53  # a greater number with a point or an exponent is not one certain integer
_MAX_PACKERS = 256  # shapes remembered for one tensor; whoever sends more of them pays for each

_anything = msgspec.json.Decoder()


class DataReader:
    """Reads the `data` of one tensor. Shapes given to it fit the contract already."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._dtype = dtype_of(tensor.datatype)
        char = self._dtype.char
        self._code = {"l": "q", "L": "Q"}.get(char, char)  # numpy's letter to struct's, of little-endian
        self._kind = tensor.datatype.rstrip("0123456789")
        self._types = _TYPES.get(self._kind, frozenset((int,)))
        self._packers: dict[tuple[int, ...], Callable[..., bytes]] = {}

    def quick(self, data: list[Any], shape: tuple[int, ...]) -> Array | None:
        """An array of `data`: elements of the right types, or rows of them. None when that needs a closer look.

        Through `struct`, which is faster than numpy at lists, and counts the elements and knows their ranges besides.
        """
        try:
            if type(data[0]) is list:
                data = _rows(data, shape)
            if self._kind == "BYTES":
                return np.array(data, self._dtype).reshape(shape)
            pack = self._packers.get(shape) or self._packer(shape, len(data))
            try:
                return np.ndarray(shape, self._dtype, pack(*data))
            except struct.error:  # of None, perhaps: to look for it beforehand would cost every other request
                data = [math.nan if value is None else value for value in data]
                return np.ndarray(shape, self._dtype, pack(*data))
        except (struct.error, OverflowError, IndexError, TypeError, ValueError):
            return None

    def careful(self, data: bytes, shape: tuple[int, ...], where: str) -> Array:
        """The JSON in `data` as an array. Raises ProtocolError(400, …) naming the row."""
        try:
            values = _anything.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ProtocolError(400, f"{where} has data that cannot be read: {error}") from None
        if not isinstance(values, list):
            raise ProtocolError(400, f"{where} has data that is not a list")
        if len(shape) > 1 and values and isinstance(values[0], list):
            values = _unnest(values, shape, where)
        if not self._types.issuperset(map(type, values)):
            values = [self._element(index, value, shape, where) for index, value in enumerate(values)]
        wanted = math.prod(shape)
        if len(values) != wanted:
            raise ProtocolError(400, f"{where} has {len(values)} elements; shape {shown(list(shape))} takes {wanted}")
        array = self.quick(values, shape)
        if array is None:
            raise self._out_of_range(values, shape, where)
        return array

    def _packer(self, shape: tuple[int, ...], count: int) -> Callable[..., bytes]:
        if math.prod(shape) != count:  # before anything as large as a shape claims to be is made
            raise ValueError("not as many elements as the shape says")
        pack = struct.Struct(f"<{count}{self._code}").pack
        if len(self._packers) < _MAX_PACKERS:
            self._packers[shape] = pack
        return pack

    def _element(self, index: int, value: Any, shape: Sequence[int], where: str) -> Any:
        if type(value) in self._types:
            return value
        if type(value) is float and self._kind not in _WANTED and value.is_integer() and abs(value) <= _LARGEST_EXACT:
            return int(value)  # JSON knows one kind of number: 1.0 is 1
        wanted = _WANTED.get(self._kind, "a whole number")
        raise ProtocolError(400, f"{where}, {place(index, shape, self._tensor)}: {_said(value)} is not {wanted}")

    def _out_of_range(self, values: list[Any], shape: Sequence[int], where: str) -> ProtocolError:
        """The error for the first of `values` that the datatype cannot hold."""
        index = next(i for i, value in enumerate(values) if value is not None and not self._holds(value))
        found = shown(values[index])
        return ProtocolError(
            400, f"{where}, {place(index, shape, self._tensor)}: {found} is out of {self._tensor.datatype}'s range"
        )

    def _holds(self, value: float) -> bool:
        try:
            struct.pack(f"<{self._code}", value)
        except (struct.error, OverflowError):
            return False
        return True


def place(index: int, shape: Sequence[int], tensor: Tensor) -> str:
    """Where the element at flat `index` stands: its row, and its feature where the contract names it.

    >>> place(31, [2, 30], Tensor("input", "FP32", (-1, 30)))
    'row 1, column 1'
    """
    width = math.prod(shape[1:])
    row, column = divmod(index, width)
    if len(shape) < 2:
        return f"row {row}"
    if column < len(tensor.features):
        return f"row {row}, feature {shown(tensor.features[column].name)}"
    return f"row {row}, column {column}"


def _rows(data: list[list[Any]], shape: tuple[int, ...]) -> list[Any]:
    """Rows of one matrix in one list; their number is held against the shape here, their lengths too."""
    rows, width = shape
    if rows != len(data) or any(type(row) is not list or len(row) != width for row in data):
        raise ValueError("not the rows that the shape says")
    return data[0] if rows == 1 else list(chain.from_iterable(data))


def _unnest(values: list[Any], shape: Sequence[int], where: str) -> list[Any]:
    """Lists in lists, one level for each dimension, to one list; every level as long as `shape` says."""
    if len(values) != shape[0]:
        raise ProtocolError(400, f"{where} has {len(values)} rows; shape {shown(list(shape))} takes {shape[0]}")
    for depth, size in enumerate(shape[1:], start=1):
        for index, part in enumerate(values):
            if not isinstance(part, list) or len(part) != size:
                row = index // math.prod(shape[1:depth])
                found = f"{len(part)} elements" if isinstance(part, list) else "no list"
                raise ProtocolError(400, f"{where}, row {row}: {found} at depth {depth + 1}, the shape says {size}")
        values = list(chain.from_iterable(values))
    return values


def _said(value: object) -> str:
    """An element as it is shown back. A list is not written out: it may be nested deeper than repr can go."""
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else shown(value)
