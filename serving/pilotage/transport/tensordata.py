"""The `data` of one V2 input, flat or nested JSON, as an array; and what to say when it does not fit.

A `null` in a float tensor is a missing value (NaN). Most of the arrays cannot be written to.
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
from pilotage.transport import typed
from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.inference import Array, place, unfit, whole
from pilotage.transport.pieces import cut, is_nested

# By the datatype's kind: what an element must be, in a caller's words, and how JSON's reader calls that.
_WANTED = {"FP": "a number or null", "BOOL": "true or false", "BYTES": "a text"}
_TYPES: dict[str, frozenset[type]] = {
    "FP": frozenset((float, int, type(None))),
    "BOOL": frozenset((bool,)),
    "BYTES": frozenset((str,)),
}
LARGE = 1 << 20  # bytes; beyond that not all of a request is made objects at once
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
        # These stop at the first list that is not as it should be.
        self._nested = msgspec.json.Decoder(typed.nested(tensor))
        self._listed = msgspec.json.Decoder(list[typed.element(tensor.datatype)])  # type: ignore[misc]
        self._packers: dict[tuple[int, ...], Callable[..., bytes]] = {}

    def quick(self, data: Sequence[Any], shape: tuple[int, ...]) -> Array | None:
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

    def careful(self, data: bytes, shape: tuple[int, ...]) -> Array:
        """The JSON in `data`, which is well-formed, as an array. Raises ProtocolError(400, …) naming the row."""
        nested = is_nested(data)
        if nested is None:
            raise unfit(self._tensor, " has data that is not a list")
        nested = nested and len(shape) > 1
        decoder = _anything  # for the best of explanations
        if len(data) > LARGE:
            if self._kind != "BYTES" and (not nested or len(shape) == 2):
                return self._in_pieces(data, shape, nested)
            decoder = self._nested if nested else self._listed
        values = self._decoded(data, decoder)
        if nested:
            values = _unnest(values, shape, self._tensor)
        self._count(len(values), shape)
        return self._flat(values, shape).reshape(shape)

    def _in_pieces(self, data: bytes, shape: tuple[int, ...], nested: bool) -> Array:
        """A list, or a list of rows, that is too large to have all of it as objects at once."""
        wanted = math.prod(shape)
        if 2 * wanted - 1 > len(data):  # an element is a letter and a comma at least
            raise unfit(self._tensor, f" has {len(data)} bytes of data; shape {shown(list(shape))} takes more")
        array = np.empty(wanted, self._dtype)
        filled = 0
        for piece in cut(data, nested=nested):
            values = self._decoded(piece)
            if nested:
                values = _unnest(values, (len(values), shape[1]), self._tensor, first=filled // shape[1])
            if filled + len(values) <= wanted:
                array[filled : filled + len(values)] = self._flat(values, shape, first=filled)
            filled += len(values)
        self._count(filled, shape)
        return array.reshape(shape)

    def _decoded(self, data: bytes, decoder: msgspec.json.Decoder[Any] = _anything) -> list[Any]:
        try:
            values: list[Any] = decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise unfit(self._tensor, f" has data that cannot be read: {error}") from None
        return values

    def _count(self, found: int, shape: tuple[int, ...]) -> None:
        wanted = math.prod(shape)
        if found != wanted:
            raise unfit(self._tensor, f" has {found} elements; shape {shown(list(shape))} takes {wanted}")

    def _flat(self, values: list[Any], shape: tuple[int, ...], *, first: int = 0) -> Array:
        """`values`, or why not; the one at `first` of a tensor of `shape` is their first."""
        if not self._types.issuperset(map(type, values)):
            values = [self._element(index, value, shape) for index, value in enumerate(values, first)]
        if self._kind == "BYTES":
            return np.array(values, self._dtype)
        if self._kind == "FP" and None in values:
            values = [math.nan if value is None else value for value in values]
        try:
            return np.frombuffer(struct.pack(f"<{len(values)}{self._code}", *values), self._dtype)
        except (struct.error, OverflowError):
            raise self._out_of_range(values, shape, first) from None

    def _packer(self, shape: tuple[int, ...], count: int) -> Callable[..., bytes]:
        if math.prod(shape) != count:  # before anything as large as a shape claims to be is made
            raise ValueError("not as many elements as the shape says")
        pack = struct.Struct(f"<{count}{self._code}").pack
        if len(self._packers) < _MAX_PACKERS:
            self._packers[shape] = pack
        return pack

    def _element(self, index: int, value: Any, shape: Sequence[int]) -> Any:
        if type(value) in self._types:
            return value
        if self._kind not in _WANTED and (integer := whole(value)) is not None:
            return integer
        wanted = _WANTED.get(self._kind, "a whole number")
        raise unfit(self._tensor, f", {place(index, shape, self._tensor)}: {_said(value)} is not {wanted}")

    def _out_of_range(self, values: list[Any], shape: Sequence[int], first: int) -> ProtocolError:
        """The error for the first of `values` that the datatype cannot hold."""
        index, value = next((i, value) for i, value in enumerate(values, first) if not self._holds(value))
        return unfit(
            self._tensor,
            f", {place(index, shape, self._tensor)}: {shown(value)} is out of {self._tensor.datatype}'s range",
        )

    def _holds(self, value: float) -> bool:
        try:
            struct.pack(f"<{self._code}", value)
        except (struct.error, OverflowError):
            return False
        return True


def _rows(data: Sequence[list[Any]], shape: tuple[int, ...]) -> list[Any]:
    """Rows of one matrix in one list. Of a single row, whoever packs it counts the elements."""
    rows, width = shape
    if rows == 1:
        (row,) = data
        return row
    if len(data) != rows or set(map(type, data)) != {list} or set(map(len, data)) != {width}:
        raise ValueError("not the rows that the shape says")
    return list(chain.from_iterable(data))


def _unnest(values: list[Any], shape: Sequence[int], tensor: Tensor, *, first: int = 0) -> list[Any]:
    """Lists in lists, one level for each dimension, to one list; every level as long as `shape` says.

    `first` is the row of the tensor that they begin with.
    """
    if len(values) != shape[0]:
        raise unfit(tensor, f" has {len(values)} rows; shape {shown(list(shape))} takes {shape[0]}")
    for depth, size in enumerate(shape[1:], start=1):
        if set(map(type, values)) != {list} or set(map(len, values)) != {size}:
            index, part = next((i, p) for i, p in enumerate(values) if not isinstance(p, list) or len(p) != size)
            row = first + index // math.prod(shape[1:depth])
            found = f"{len(part)} elements" if isinstance(part, list) else "no list"
            raise unfit(tensor, f", row {row}: {found} at depth {depth + 1}, the shape says {size}")
        values = list(chain.from_iterable(values))
    return values


def _said(value: object) -> str:
    """An element as it is shown back. A list is not written out: it may be nested deeper than repr can go."""
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else shown(value)
