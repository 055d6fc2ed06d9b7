"""Tensors in the typed fields of gRPC's messages, one field for several datatypes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pilotage.bundle.format import Tensor
from pilotage.runtime.session import dtype_of
from pilotage.transport.errors import shown
from pilotage.transport.inference import Array, place, unfit
from pilotage.transport.rpc.protos.inference_pb2 import InferTensorContents

FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""FP16 has none."""


def read(contents: InferTensorContents, shape: Sequence[int], tensor: Tensor) -> Array:
    """The tensor in `contents`, in a `shape` that the contract allows. Raises ProtocolError(400, …)."""
    field = FIELDS.get(tensor.datatype)
    if field is None:
        raise unfit(tensor, f" is {tensor.datatype}, which has no field in contents; send raw_input_contents")
    for found, _ in contents.ListFields():
        if found.name != field:
            raise unfit(tensor, f" has data in {found.name}; {tensor.datatype} goes into {field}")
    values = getattr(contents, field)
    count = math.prod(shape)
    if len(values) != count:
        raise unfit(tensor, f" has {len(values)} elements in {field}; shape {shown(list(shape))} takes {count}")
    if tensor.datatype == "BYTES":
        return _texts(values, shape, tensor).reshape(shape)
    dtype = dtype_of(tensor.datatype)
    try:
        return np.fromiter(values, dtype, count).reshape(shape)
    except OverflowError:
        limits = np.iinfo(dtype)
        index = next(i for i, value in enumerate(values) if not limits.min <= value <= limits.max)
        what = f"{values[index]} is out of {tensor.datatype}'s range"
        raise unfit(tensor, f", {place(index, shape, tensor)}: {what}") from None


def write(array: Array, datatype: str, contents: InferTensorContents) -> None:
    """Put `array` into the field of its datatype."""
    values: list[Any] = array.ravel().tolist()
    if datatype == "BYTES":
        values = [text.encode() for text in values]
    getattr(contents, FIELDS[datatype]).extend(values)


def _texts(values: Sequence[bytes], shape: Sequence[int], tensor: Tensor) -> Array:
    texts = []
    for index, content in enumerate(values):
        try:
            texts.append(content.decode())
        except UnicodeDecodeError:
            raise unfit(tensor, f", {place(index, shape, tensor)}: is not text in UTF-8") from None
    return np.array(texts, dtype=object)
