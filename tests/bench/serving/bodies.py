"""One request in the three forms that the protocol has: JSON, JSON with a binary tensor behind it, gRPC.

Written out by hand: the bench depends on no server's code for what it sends.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tensor:
    """A FP32 tensor and its little-endian bytes."""

    name: str
    shape: tuple[int, ...]
    raw: bytes


def all_of(model: str, tensor: Tensor) -> dict[str, bytes]:
    return {"json": as_json(tensor), "binary": as_binary(tensor)[0], "grpc": as_grpc(model, tensor)}


def as_json(tensor: Tensor) -> bytes:
    # The shortest text that reads as the same float32, as clients write it.
    values = [float(str(value)) for value in np.frombuffer(tensor.raw, "<f4")]
    described = {"name": tensor.name, "shape": tensor.shape, "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [described]}, separators=(",", ":")).encode()


def as_binary(tensor: Tensor) -> tuple[bytes, int]:
    """The body, and the length of its JSON head; the answer is asked for in binary, too."""
    described = {
        "name": tensor.name,
        "shape": tensor.shape,
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(tensor.raw)},
    }
    whole = {"inputs": [described], "parameters": {"binary_data_output": True}}
    head = json.dumps(whole, separators=(",", ":")).encode()
    return head + tensor.raw, len(head)


def as_grpc(model: str, tensor: Tensor) -> bytes:
    """`inference.ModelInferRequest` with raw contents, framed as gRPC frames a message.

    The fields' numbers are the protocol's: model_name 1, inputs 5 (name 1, datatype 2, shape 3),
    raw_input_contents 7.
    """
    shape = b"".join(_varint(size) for size in tensor.shape)
    described = _field(1, tensor.name.encode()) + _field(2, b"FP32") + _field(3, shape)
    message = _field(1, model.encode()) + _field(5, described) + _field(7, tensor.raw)
    return struct.pack(">BI", 0, len(message)) + message


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of protobuf's wire format."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first.

    >>> _varint(784).hex()
    '9006'
    """
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
