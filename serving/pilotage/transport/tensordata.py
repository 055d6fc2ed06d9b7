"""The `data` of one V2 input, flat or nested JSON, as a flat array; and what to say when it is neither.

A `null` in a float tensor is a missing value (NaN).
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from pilotage.bundle.format import Tensor
from pilotage.runtime.session import dtype_of
from pilotage.transport.errors import ProtocolError, shown

Array = np.ndarray[Any, Any]

# What an element must be, in a caller's words, by the datatype's kind.
_WANTED = {"FP": "a number or null", "BOOL": "true or false", "BYTES": "a text"}

_floats = msgspec.json.Decoder(list[float | None])
_integers = msgspec.json.Decoder(list[int])
_booleans = msgspec.json.Decoder(list[bool])
_texts = msgspec.json.Decoder(list[str])
_anything = msgspec.json.Decoder()


def array_of(data: bytes, shape: Sequence[int], tensor: Tensor, where: str) -> Array:
    """`data` as a flat array with the elements that `shape` says. Raises ProtocolError(400, …) naming the row."""
    values = _flat(data, shape, tensor, where)
    wanted = math.prod(shape)
    if len(values) != wanted:
        raise ProtocolError(400, f"{where} has {len(values)} elements; shape {shown(list(shape))} takes {wanted}")
    dtype = dtype_of(tensor.datatype)
    try:
        with np.errstate(over="ignore"):  # looked for below, with its row
            array: Array = np.array(values, dtype=dtype)
    except OverflowError:
        raise _out_of_range(values, shape, tensor, where) from None
    if dtype.kind == "f" and np.isinf(array).any():
        raise _out_of_range(values, shape, tensor, where)
    return array


def _flat(data: bytes, shape: Sequence[int], tensor: Tensor, where: str) -> list[Any]:
    """The elements in row-major order. The fast way is a flat list of the right type; all else is looked at slowly."""
    try:
        fast: list[Any] = _decoder(tensor.datatype).decode(data)
        return fast
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    try:
        values = _anything.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(400, f"{where} has data that cannot be read: {error}") from None
    if not isinstance(values, list):
        raise ProtocolError(400, f"{where} has data that is not a list")
    if len(shape) > 1 and values and isinstance(values[0], list):
        values = _unnest(values, shape, where)
    for index, value in enumerate(values):
        if not _allowed(value, tensor.datatype):
            wanted = _WANTED.get(tensor.datatype.rstrip("0123456789"), "a whole number")
            raise ProtocolError(400, f"{where}, {place(index, shape, tensor)}: {_said(value)} is not {wanted}")
    return values


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


def _decoder(datatype: str) -> msgspec.json.Decoder[Any]:
    if datatype.startswith("FP"):
        return _floats
    if datatype == "BOOL":
        return _booleans
    return _texts if datatype == "BYTES" else _integers


def _allowed(value: object, datatype: str) -> bool:
    if datatype == "BYTES":
        return isinstance(value, str)
    if isinstance(value, bool) or datatype == "BOOL":
        return isinstance(value, bool) and datatype == "BOOL"
    return isinstance(value, int | float | None) if datatype.startswith("FP") else isinstance(value, int)


def _said(value: object) -> str:
    """An element as it is shown back. A list is not written out: it may be nested deeper than repr can go."""
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else shown(value)


def _out_of_range(values: list[Any], shape: Sequence[int], tensor: Tensor, where: str) -> ProtocolError:
    """The error for the first of `values` that `tensor`'s datatype cannot hold."""
    index = next(i for i, value in enumerate(values) if value is not None and not _holds(value, tensor.datatype))
    return ProtocolError(
        400, f"{where}, {place(index, shape, tensor)}: {shown(values[index])} is out of {tensor.datatype}'s range"
    )


def _holds(value: float, datatype: str) -> bool:
    dtype = dtype_of(datatype)
    try:
        with np.errstate(over="ignore"):
            return bool(np.isfinite(dtype.type(value)))
    except OverflowError:
        return False
