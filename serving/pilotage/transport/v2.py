"""V2 inference requests and responses as JSON: bytes to named arrays, and back.

Every refusal is a ProtocolError(400, …) that names the input and, where there is one, the row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from pilotage.bundle.format import Tensor
from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.tensordata import array_of

Array = np.ndarray[Any, Any]
_MAX_SHOWN_NAMES = 20
_MAX_SIZE = 2**31 - 1  # of one dimension: no body holds more, and products stay printable


class _Input(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]
    data: msgspec.Raw = msgspec.Raw()


class _Output(msgspec.Struct):
    name: str


class _Request(msgspec.Struct):
    inputs: list[_Input]
    id: str = ""
    outputs: list[_Output] = []


_request = msgspec.json.Decoder(_Request)


@dataclass(frozen=True)
class InferRequest:
    """What a caller asked: arrays that fit the model's inputs, and which outputs to answer with (empty: all)."""

    id: str
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...]


def decode(body: bytes, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> InferRequest:
    """The request in `body`, checked against the model's `inputs` and `outputs`.

    Raises ProtocolError(400, …), and nothing else, whatever the bytes.
    """
    if not body:
        raise _wrong("the body is empty; send a V2 inference request as JSON")
    try:
        request = _request.decode(body)
    except RecursionError:
        raise _wrong("the body is JSON nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _wrong(f"the body is not a V2 inference request: {error}") from error
    declared = {tensor.name: tensor for tensor in inputs}
    arrays: dict[str, Array] = {}
    for given in request.inputs:
        tensor = declared.get(given.name)
        if tensor is None:
            raise _wrong(f"input {shown(given.name)} is unknown; the model takes {_names(inputs)}")
        if given.name in arrays:
            raise _wrong(f"input {shown(given.name)} is given twice")
        arrays[given.name] = _array(given, tensor)
    for tensor in inputs:
        if tensor.name not in arrays:
            raise _wrong(f"input {shown(tensor.name)} is missing; the model takes {_names(inputs)}")
    return InferRequest(request.id, arrays, _selection(request.outputs, outputs))


def encode(model: str, version: str, request_id: str, tensors: Sequence[Tensor], answers: Mapping[str, Array]) -> bytes:
    """The response as JSON, with the outputs in the order of `tensors`.

    Raises ProtocolError(500, …) when an answer is not finite: JSON has no word for it, and no caller a use.
    """
    outputs = []
    for tensor in tensors:
        answer = answers[tensor.name]
        if answer.dtype.kind == "f" and not np.isfinite(answer).all():
            row = int(np.argwhere(~np.isfinite(answer))[0][0]) if answer.ndim else 0
            raise ProtocolError(500, f"the model's answer is not finite: output {shown(tensor.name)}, row {row}")
        outputs.append(
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": answer.shape,
                "data": answer.ravel().tolist(),
            }
        )
    response: dict[str, Any] = {"model_name": model, "model_version": version}
    if request_id:
        response["id"] = request_id
    response["outputs"] = outputs
    return msgspec.json.encode(response)


def _array(given: _Input, tensor: Tensor) -> Array:
    where = f"input {shown(given.name)}"
    if given.datatype != tensor.datatype:
        raise _wrong(f"{where} has datatype {shown(given.datatype)}; the model takes {tensor.datatype}")
    if len(given.shape) != len(tensor.shape) or any(
        not 1 <= size <= _MAX_SIZE or wanted not in (-1, size)
        for size, wanted in zip(given.shape, tensor.shape, strict=True)
    ):
        raise _wrong(
            f"{where} has shape {shown(given.shape)}; the model takes {list(tensor.shape)}, -1 for any size from 1"
        )
    if not given.data:
        raise _wrong(f"{where} has no data; this server takes tensors as JSON in 'data'")
    flat = array_of(bytes(given.data), given.shape, tensor, where)
    return flat.reshape(given.shape)


def _selection(asked: list[_Output], outputs: Sequence[Tensor]) -> tuple[str, ...]:
    known = {tensor.name for tensor in outputs}
    for output in asked:
        if output.name not in known:
            raise _wrong(f"output {shown(output.name)} is unknown; the model gives {_names(outputs)}")
    return tuple(output.name for output in asked)


def _names(tensors: Sequence[Tensor]) -> str:
    names = ", ".join(tensor.name for tensor in tensors[:_MAX_SHOWN_NAMES])
    return f"{names}, …" if len(tensors) > _MAX_SHOWN_NAMES else names


def _wrong(message: str) -> ProtocolError:
    return ProtocolError(400, message)
