"""Any request, step by step: for those that the contract's own decoder does not take, and to say what is wrong."""

from collections.abc import Mapping

import msgspec

from pilotage.bundle.format import Contract, Tensor
from pilotage.transport import binary
from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.inference import Array, InferRequest, Structure, unfit, whole
from pilotage.transport.tensordata import DataReader

_MAX_TIMEOUT = 2**63 - 1
_NOTHING = msgspec.Raw()


# What is not looked at stays raw: as objects, JSON made for it would take twenty times its size.
class _InputParameters(msgspec.Struct):
    binary_data_size: int | float | None = None
    shared_memory_region: msgspec.Raw = _NOTHING


class _OutputParameters(msgspec.Struct):
    binary_data: bool | None = None
    classification: int | float | None = None
    shared_memory_region: msgspec.Raw = _NOTHING


class _RequestParameters(msgspec.Struct):
    binary_data_output: bool | None = None
    timeout: int | float | None = None


class _Input(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int | float]
    data: msgspec.Raw = _NOTHING
    parameters: _InputParameters | None = None


class _Output(msgspec.Struct):
    name: str
    parameters: _OutputParameters | None = None


class _Request(msgspec.Struct):
    inputs: list[_Input]
    id: str | None = None
    outputs: list[_Output] | None = None
    parameters: _RequestParameters | None = None


_request = msgspec.json.Decoder(_Request)


class Explainer:
    """Reads requests for one contract. Raises ProtocolError(400, …) that names the input and, where it can, the row."""

    def __init__(self, contract: Contract, structure: Structure, readers: Mapping[str, DataReader]) -> None:
        self._contract = contract
        self._structure = structure
        self._readers = readers

    def read(self, body: bytes, head: int | None) -> InferRequest:
        """The request in `body`, of which the first `head` bytes are JSON; all of it when None."""
        request = _parsed(body, head)
        position = len(body) if head is None else head
        arrays: dict[str, Array] = {}
        for given in request.inputs:
            tensor = self._structure.input(given.name, given.datatype, given.shape, arrays)
            shape = tuple(map(int, given.shape))
            size = _binary_size(given, tensor, head)
            if size is None:
                arrays[given.name] = self._readers[given.name].careful(bytes(given.data), shape)
            else:
                arrays[given.name] = binary.read(binary.cut(body, position, size, tensor), shape, tensor)
                position += size
        self._structure.complete(arrays)
        if position != len(body):
            raise _wrong(f"the body has {len(body) - position} bytes after its last tensor; no input says them its own")
        parameters = request.parameters or _RequestParameters()
        as_bytes = parameters.binary_data_output or False
        asked = ((output.name, _wants_bytes(output, as_bytes)) for output in request.outputs or ())
        return InferRequest(
            request.id or "",
            {tensor.name: arrays[tensor.name] for tensor in self._contract.inputs},
            self._structure.outputs(asked, binary=as_bytes),
            _timeout(parameters.timeout),
        )


def _parsed(body: bytes, head: int | None) -> _Request:
    if head is not None and not 0 < head <= len(body):
        raise _wrong(f"Inference-Header-Content-Length says {shown(head)} bytes of JSON; the body has {len(body)}")
    if not body:
        raise _wrong("the body is empty; send a V2 inference request as JSON")
    try:
        return _request.decode(body[:head])
    except RecursionError:
        raise _wrong("the body is JSON nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _wrong(f"the body is not a V2 inference request: {error}") from error


def _binary_size(given: _Input, tensor: Tensor, head: int | None) -> int | None:
    """How many bytes of the body are this input's; None when its data is JSON."""
    parameters = given.parameters or _InputParameters()
    # To leave out an extension that says where a tensor is, or what an answer is, would be to lie.
    if parameters.shared_memory_region:
        raise unfit(tensor, " has parameter shared_memory_region; this server shares no memory, send the data itself")
    size = parameters.binary_data_size
    if size is None:
        if not given.data:
            raise unfit(tensor, " has no data; send 'data', or bytes after the JSON and binary_data_size")
        return None
    if given.data:
        raise unfit(tensor, " has both data and binary_data_size; send one of them")
    count = whole(size)
    if count is None or count < 0:
        raise unfit(tensor, f" has binary_data_size {shown(size)}; it is a number of bytes")
    if head is None:
        raise unfit(tensor, " has binary_data_size; send the header Inference-Header-Content-Length with it")
    return count


def _wants_bytes(output: _Output, default: bool) -> bool:
    parameters = output.parameters or _OutputParameters()
    where = f"output {shown(output.name)} has parameter"
    if parameters.shared_memory_region:
        raise _wrong(f"{where} shared_memory_region; this server shares no memory, the answer has the data")
    if parameters.classification:  # 0 is none
        raise _wrong(f"{where} classification, which this server does not have; sort the answer yourself")
    return default if parameters.binary_data is None else parameters.binary_data


def _timeout(value: float | None) -> float | None:
    """Seconds; 0 is none, as in Triton."""
    if value is None:
        return None
    microseconds = whole(value)
    if microseconds is None or not 0 <= microseconds <= _MAX_TIMEOUT:
        raise _wrong(f"the request has timeout {shown(value)}; it is a whole number of microseconds")
    return microseconds / 1e6 or None


def _wrong(message: str) -> ProtocolError:
    return ProtocolError(400, message)
