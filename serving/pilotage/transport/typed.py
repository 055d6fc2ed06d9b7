"""A decoder made for one contract: a request as most callers send it is read in one pass of msgspec.

What it does not take need not be wrong: it may have an order, a nesting or a parameter that is rare. `explain`
looks closer.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

import msgspec

from pilotage.bundle.format import Contract, Tensor
from pilotage.transport.inference import MAX_SIZE

NOTHING: Sequence[Any] = ()  # the data of an input that has none


class InputParameters(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What an input may be sent with; MLServer's clients add the content type."""

    binary_data_size: int | None = None
    content_type: str | None = None


class OutputParameters(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """How an output is asked for."""

    binary_data: bool | None = None
    content_type: str | None = None


class RequestParameters(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What is asked of the request as a whole. The timeout is in microseconds, as Triton has it."""

    binary_data_output: bool = False
    timeout: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    content_type: str | None = None


class Output(msgspec.Struct, gc=False):
    """One output asked for."""

    name: str
    parameters: OutputParameters | None = None

    def as_bytes(self, default: bool) -> bool:
        """Whether it is wanted in binary."""
        wanted = None if self.parameters is None else self.parameters.binary_data
        return default if wanted is None else wanted


class Input(Protocol):
    """One input; name and datatype are the contract's, and the shape fits it."""

    shape: tuple[int, ...]
    data: Sequence[Any]
    parameters: InputParameters | None


class Request(Protocol):
    """Every input of the contract, in its order."""

    inputs: tuple[Input, ...]
    id: str | None
    outputs: list[Output] | None
    parameters: RequestParameters | None


def decoder(contract: Contract) -> msgspec.json.Decoder[Request]:
    """Made once, at start-up. Decoding raises MsgspecError, UnicodeDecodeError or RecursionError for all else."""
    inputs = tuple(_input(tensor) for tensor in contract.inputs)
    request = msgspec.defstruct(
        "Request",
        [
            ("inputs", tuple[inputs]),  # type: ignore[valid-type]
            ("id", str | None, None),
            ("outputs", list[Output] | None, None),
            ("parameters", RequestParameters | None, None),
        ],
        gc=False,
    )
    return msgspec.json.Decoder(request)


def _input(tensor: Tensor) -> type[msgspec.Struct]:
    one = element(tensor.datatype)
    rows: Any = list[one | list[one]] if len(tensor.shape) == 2 else list[one]  # type: ignore[valid-type]
    return msgspec.defstruct(
        "Input",
        [
            ("name", Literal[tensor.name]),
            ("datatype", Literal[tensor.datatype]),
            ("shape", tuple[tuple(map(_size, tensor.shape))]),  # type: ignore[misc]
            ("data", rows, NOTHING),
            ("parameters", InputParameters | None, None),
        ],
        gc=False,
    )


def _size(size: int) -> Any:
    """One dimension; none is 0, not even where a contract says so."""
    low, high = (1, MAX_SIZE) if size < 0 else (max(size, 1), size)
    return Annotated[int, msgspec.Meta(ge=low, le=high)]


def element(datatype: str) -> Any:
    """The type of one element in JSON."""
    if datatype.startswith("FP"):
        return float | None
    if datatype == "BOOL":
        return bool
    return str if datatype == "BYTES" else int


def nested(tensor: Tensor) -> Any:
    """The type of data that is nested as the tensor's shape is, with as many elements in each list as it fixes."""
    data = element(tensor.datatype)
    for size in reversed(tensor.shape):
        length = msgspec.Meta() if size < 0 else msgspec.Meta(min_length=size, max_length=size)
        data = Annotated[list[data], length]  # type: ignore[valid-type]
    return data
