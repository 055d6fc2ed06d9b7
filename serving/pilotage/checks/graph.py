"""Reads a model's graph before anything runs it: is it whole, and does it stay within its own file?

A serving image has no onnx package, and onnxruntime opens external data while it loads (it refuses paths outside the
folder, but follows hard links). So the protobuf wire format is walked here, only along the fields of onnx.proto that
lead to tensors and operator domains: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import MODEL

_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_DEEPEST = 64  # messages inside messages; If and Loop nest graphs

# For each message the fields that hold a message to look into; other fields are stepped over.
_FIELDS: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 8: "OperatorSet", 20: "Training", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 9: "OperatorSet", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
    "OperatorSet": {},
}
_GRAPH = 7
_LARGEST_KEY = (1 << 32) - 1
_PICKLE = 0x80  # the first opcode of every pickle since protocol 2; no ONNX file begins with it
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14
_DOMAIN = {"Node": 7, "OperatorSet": 1, "Function": 10}

Value = int | memoryview


class _Malformed(Exception):
    """The bytes are not protobuf."""


def check_graph(directory: Path) -> None:
    """Raise BundleError("structure", …) for a model that is cut off, no ONNX, or not within its own file."""
    path = directory / MODEL
    if path.stat().st_size == 0:
        raise BundleError("structure", f"{MODEL} is empty; build the bundle again")
    with path.open("rb") as file:
        # Not closed here: errors on their way up hold views of it. It goes with the last of them.
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if content[0] == _PICKLE:
        raise BundleError("structure", f"{MODEL} is a pickle, not ONNX; it is never opened. Use pilotage.bundle(...)")
    try:
        if not any(number == _GRAPH for number, _ in _read_fields(content)):
            raise _Malformed("it has no graph")
        _walk(content, "Model", 0)
    except _Malformed as error:
        raise BundleError(
            "structure", f"{MODEL} is cut off or no ONNX model ({error}); build the bundle again"
        ) from error


def _walk(content: memoryview, message: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise _Malformed(f"nested deeper than {_DEEPEST}")
    for number, value in _read_fields(content):
        _check_field(message, number, value)
        inner = _FIELDS[message].get(number)
        if inner is not None:
            if isinstance(value, int):
                raise _Malformed(f"field {number} of {message} is a number")
            _walk(value, inner, depth + 1)


def _check_field(message: str, number: int, value: Value) -> None:
    if message == "Tensor" and (
        number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_DATA_LOCATION and value not in (0, b""))
    ):
        raise BundleError(
            "structure",
            f"{MODEL} keeps tensors in another file; a bundle has no room for one, save the model as one file",
        )
    if number == _DOMAIN.get(message) and isinstance(value, memoryview):
        domain = bytes(value[:100]).decode("utf-8", "replace")
        if domain not in _DOMAINS:
            raise BundleError(
                "structure",
                f"{MODEL} uses operators of the domain {domain!r}, which the server does not have",
                figure=domain,
                limit="ai.onnx, ai.onnx.ml",
            )


def _read_fields(content: memoryview) -> Iterator[tuple[int, Value]]:
    """Field number and value, bytes as a view; https://protobuf.dev/programming-guides/encoding/"""
    position = 0
    while position < len(content):
        key, position = _varint(content, position)
        number, wire = key >> 3, key & 7
        # C++ keeps 32 bits of a key, so that a larger one is another field to ONNX Runtime than to us.
        if number == 0 or key > _LARGEST_KEY:
            raise _Malformed("a field has a number that there is not")
        if wire == 0:
            integer, position = _varint(content, position)
            yield number, integer
            continue
        if wire == 2:
            length, position = _varint(content, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise _Malformed(f"wire type {wire}")
        if position + length > len(content):
            raise _Malformed(f"{position + length - len(content)} bytes are missing")
        yield number, content[position : position + length]
        position += length


def _varint(content: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(content):
            raise _Malformed("the end is missing")
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _Malformed("a number is too long")
