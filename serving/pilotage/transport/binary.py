"""Tensors as raw bytes: the binary extension of V2, and the raw contents of gRPC.

Little-endian and row by row. A BOOL is one byte; each text of BYTES has its length before it, in four bytes.
"""

import math
from collections.abc import Sequence

import numpy as np

from pilotage.bundle.format import DATATYPES, Tensor
from pilotage.runtime.session import dtype_of
from pilotage.transport.errors import shown
from pilotage.transport.inference import Array, place, unfit

_LENGTH = 4
_DTYPES = {datatype: dtype_of(datatype) for datatype in DATATYPES}


def cut(body: bytes, start: int, size: int, tensor: Tensor) -> bytes:
    """The `size` bytes of `body` from `start`: a copy, so that an array on them is aligned and nobody else's."""
    left = len(body) - start
    if size > left:
        raise unfit(tensor, f" says {shown(size)} bytes in binary_data_size; the body has {left} left")
    return body[start : start + size]


def read(raw: bytes, shape: Sequence[int], tensor: Tensor) -> Array:
    """The tensor that `raw` holds, in a `shape` that the contract allows; it cannot be written to."""
    count = math.prod(shape)
    if tensor.datatype == "BYTES":
        return _texts(raw, count, shape, tensor).reshape(shape)
    dtype = _DTYPES[tensor.datatype]
    if len(raw) != count * dtype.itemsize:
        raise unfit(
            tensor,
            f" has {len(raw)} bytes of data; {tensor.datatype} of shape {shown(list(shape))} "
            f"takes {count * dtype.itemsize}",
        )
    array: Array = np.ndarray(shape, dtype, raw)
    if dtype.kind == "b":
        _check_booleans(array, tensor)
    return array


def write(array: Array, datatype: str) -> bytes:
    """`array` as its bytes."""
    if datatype != "BYTES":
        return array.tobytes()
    parts: list[bytes] = []
    for text in array.ravel().tolist():
        content = text.encode()
        parts += (len(content).to_bytes(_LENGTH, "little"), content)
    return b"".join(parts)


def _texts(raw: bytes, count: int, shape: Sequence[int], tensor: Tensor) -> Array:
    if count * _LENGTH > len(raw):  # before anything is allocated for them
        raise unfit(tensor, f" has {len(raw)} bytes of data; {count} texts take {_LENGTH} each for length")
    texts = []
    start = 0
    for index in range(count):
        end = start + _LENGTH
        size = int.from_bytes(raw[start:end], "little")
        if end + size > len(raw):
            left = max(0, len(raw) - end)
            raise unfit(tensor, f", {place(index, shape, tensor)}: says {size} bytes of text; {left} are left")
        try:
            texts.append(raw[end : end + size].decode())
        except UnicodeDecodeError:
            raise unfit(tensor, f", {place(index, shape, tensor)}: is no text in UTF-8") from None
        start = end + size
    if start != len(raw):
        raise unfit(tensor, f" has {len(raw) - start} bytes of data after its {count} texts")
    return np.array(texts, dtype=object)


def _check_booleans(array: Array, tensor: Tensor) -> None:
    """A byte of 2 is true to some and not to others."""
    values = array.view(np.uint8).ravel()
    if values.max() > 1:
        index = int(np.argmax(values > 1))
        raise unfit(
            tensor, f", {place(index, array.shape, tensor)}: {values[index]} is not a BOOL; use the bytes 0 and 1"
        )
