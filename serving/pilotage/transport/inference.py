"""An inference request as values, and what any request must be to fit a contract: JSON, binary or gRPC alike."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from pilotage.bundle.format import Contract, Tensor
from pilotage.transport.errors import ProtocolError, shown

Array = np.ndarray[Any, Any]

MAX_SIZE = 2**31 - 1  # of one dimension: no body holds more, and products stay printable
_MAX_SHOWN_NAMES = 20
_MAX_SHOWN_SIZES = 40
_LARGEST_EXACT = 2**53  # a greater number with a point or an exponent is not one certain integer


# Structs of msgspec: a frozen dataclass takes eight times as long to make, once for every request.
class Asked(msgspec.Struct, frozen=True):
    """One output to answer with, as raw bytes behind the JSON or as numbers in it."""

    tensor: Tensor
    binary: bool = False


class InferRequest(msgspec.Struct, frozen=True):
    """What a caller asked: arrays that fit the model's inputs, and every output to answer with, in order."""

    id: str
    inputs: dict[str, Array]
    outputs: tuple[Asked, ...]
    timeout: float | None = None  # seconds


class Structure:
    """The names, datatypes and shapes of one contract. What does not fit gets a ProtocolError(400, …) that says so."""

    def __init__(self, contract: Contract) -> None:
        self._inputs = {tensor.name: tensor for tensor in contract.inputs}
        self._outputs = {tensor.name: tensor for tensor in contract.outputs}

    def input(self, name: str, datatype: str, shape: Sequence[float], known: Collection[str]) -> Tensor:
        """The tensor that an input claims to be; `known` are the inputs already read. All of `shape` is whole then."""
        tensor = self._inputs.get(name)
        if tensor is None:
            raise _wrong(f"input {shown(name)} is unknown; the model takes {_names(self._inputs)}")
        if name in known:
            raise _wrong(f"input {shown(name)} is given twice")
        if datatype != tensor.datatype:
            raise _wrong(f"input {shown(name)} has datatype {shown(datatype)}; the model takes {tensor.datatype}")
        if len(shape) != len(tensor.shape) or not all(map(_fits, shape, tensor.shape)):
            raise _wrong(
                f"input {shown(name)} has shape {shown(list(shape[:_MAX_SHOWN_SIZES]))}; "
                f"the model takes {list(tensor.shape)}, "
                "-1 for any size from 1"
            )
        return tensor

    def complete(self, inputs: Mapping[str, Array]) -> None:
        """Raise unless every input is there."""
        for name in self._inputs:
            if name not in inputs:
                raise _wrong(f"input {shown(name)} is missing; the model takes {_names(self._inputs)}")

    def outputs(self, asked: Iterable[tuple[str, bool]], *, binary: bool) -> tuple[Asked, ...]:
        """The outputs in `asked`, each with whether it is wanted in binary; when none, all of them, as `binary` says.

        Once each: else a small request could ask for an answer of any size.
        """
        found: dict[str, Asked] = {}
        for name, as_bytes in asked:
            tensor = self._outputs.get(name)
            if tensor is None:
                raise _wrong(f"output {shown(name)} is unknown; the model gives {_names(self._outputs)}")
            if name in found:
                raise _wrong(f"output {shown(name)} is asked for twice")
            found[name] = Asked(tensor, as_bytes)
        return tuple(found.values()) or tuple(Asked(tensor, binary) for tensor in self._outputs.values())


def whole(value: object) -> int | None:
    """A whole number of JSON, which may write 1 as 1.0 or 1e0 too; None when it is none.

    >>> [whole(value) for value in (7, 7.0, 7.5, True, "7")]
    [7, 7, None, None, None]
    """
    if type(value) is float and value.is_integer() and abs(value) <= _LARGEST_EXACT:
        return int(value)
    return value if type(value) is int else None


def unfit(tensor: Tensor, what: str) -> ProtocolError:
    """The refusal of an input; `what` goes on behind its name."""
    return _wrong(f"input {shown(tensor.name)}{what}")


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


def _fits(size: float, wanted: int) -> bool:
    return whole(size) is not None and 1 <= size <= MAX_SIZE and wanted in (-1, size)


def _names(tensors: Mapping[str, Tensor]) -> str:
    names = ", ".join(list(tensors)[:_MAX_SHOWN_NAMES])
    return f"{names}, …" if len(tensors) > _MAX_SHOWN_NAMES else names


def _wrong(message: str) -> ProtocolError:
    return ProtocolError(400, message)
