"""ModelInferRequest to a request of the model, and what it answers to the bytes of ModelInferResponse."""

from collections.abc import Mapping
from typing import Any

from pilotage.bundle.format import Contract, Tensor
from pilotage.runtime.part import Part
from pilotage.transport import binary
from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.inference import Array, Asked, InferRequest, Structure, unfit
from pilotage.transport.rpc import contents
from pilotage.transport.rpc.known import Known, varint
from pilotage.transport.rpc.protos.inference_pb2 import InferParameter, ModelInferRequest, ModelInferResponse

_MAX_REMEMBERED = 256  # heads of outputs, one for each shape
_MAX_TIMEOUT = 2**63 - 1
# As over HTTP: extensions of Triton that say where a tensor is or what an answer is are refused, not passed over.
_SHARED_MEMORY = ("shared_memory_region", "shared_memory_byte_size", "shared_memory_offset")


class Codec:
    """Reads the requests and writes the responses of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._names = tuple(tensor.name for tensor in contract.inputs)
        self._structure = Structure(contract)
        self.known = Known(contract)
        self._raw = self._structure.outputs((), binary=True)
        self._starts: dict[tuple[str, str], bytes] = {}
        self._heads: dict[tuple[str, tuple[int, ...]], bytes] = {}

    def decode(self, request: ModelInferRequest) -> InferRequest:
        """The request, checked. Raises ProtocolError(400, …); values are the door's to judge."""
        given, raw = request.inputs, request.raw_input_contents
        if raw and len(raw) != len(given):
            raise _wrong(f"the request has {len(given)} inputs and {len(raw)} raw_input_contents; send one for each")
        inputs: dict[str, Array] = {}
        for index, sent in enumerate(given):
            shape = tuple(sent.shape)
            tensor = self._structure.input(sent.name, sent.datatype, shape, inputs)
            if sent.parameters:
                _check_input(sent.parameters, tensor)
            if not raw:
                inputs[sent.name] = contents.read(sent.contents, shape, tensor)
            elif sent.HasField("contents"):
                raise unfit(tensor, " has contents, and the request raw_input_contents; send one of them")
            else:
                inputs[sent.name] = binary.read(raw[index], shape, tensor)
        self._structure.complete(inputs)
        if len(inputs) > 1:
            inputs = {name: inputs[name] for name in self._names}
        timeout = _timeout(request.parameters["timeout"]) if "timeout" in request.parameters else None
        return InferRequest(request.id, inputs, self._outputs(request, bool(raw)), timeout)

    def encode(self, model: str, version: str, request: InferRequest, answers: Part) -> bytes:
        """The response, its tensors raw or typed as they were asked for."""
        if not request.outputs[0].binary:
            return _typed(model, version, request, answers)
        # Written by hand: a message object for each answer takes longer than the model does.
        parts = [self._starts.get((model, version)) or self._start(model, version)]
        if request.id:
            parts.append(_field(3, request.id.encode()))
        tensors = []
        for asked in request.outputs:
            tensor = asked.tensor
            answer = answers[tensor.name]
            parts.append(self._heads.get((tensor.name, answer.shape)) or self._head(tensor, answer.shape))
            tensors.append(_field(6, binary.write(answer, tensor.datatype)))
        return b"".join((*parts, *tensors))

    def _outputs(self, request: ModelInferRequest, raw: bool) -> tuple[Asked, ...]:
        """Answers are as the request is. FP16 is only ever raw, and then all of them are."""
        if raw and not request.outputs:
            return self._raw
        for output in request.outputs:
            if output.parameters:
                _check_output(output.parameters, output.name)
        outputs = self._structure.outputs([(output.name, raw) for output in request.outputs], binary=raw)
        if raw or all(asked.tensor.datatype in contents.FIELDS for asked in outputs):
            return outputs
        return tuple(Asked(asked.tensor, True) for asked in outputs)

    def _start(self, model: str, version: str) -> bytes:
        """Callers choose among the names and versions that the server knows, so that these stay few."""
        start = ModelInferResponse(model_name=model, model_version=version).SerializeToString()
        self._starts[(model, version)] = start
        return start

    def _head(self, tensor: Tensor, shape: tuple[int, ...]) -> bytes:
        response = ModelInferResponse()
        response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=shape)
        head = response.SerializeToString()
        if len(self._heads) < _MAX_REMEMBERED:
            self._heads[(tensor.name, shape)] = head
        return head


def _typed(model: str, version: str, request: InferRequest, answers: Part) -> bytes:
    response = ModelInferResponse(model_name=model, model_version=version, id=request.id)
    for asked in request.outputs:
        tensor, answer = asked.tensor, answers[asked.tensor.name]
        output = response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=answer.shape)
        contents.write(answer, tensor.datatype, output.contents)
    return response.SerializeToString()


def _field(number: int, content: bytes) -> bytes:
    """A field that is a text, bytes or a message."""
    size = len(content)
    return (
        bytes((number << 3 | 2, size)) + content if size < 0x80 else bytes((number << 3 | 2,)) + varint(size) + content
    )


def _check_input(parameters: Mapping[str, Any], tensor: Tensor) -> None:
    if shared := [name for name in _SHARED_MEMORY if name in parameters]:
        raise unfit(tensor, f" has parameter {shared[0]}; this server shares no memory, send the data itself")


def _check_output(parameters: Mapping[str, Any], name: str) -> None:
    where = f"output {shown(name)} has parameter"
    if shared := [name for name in _SHARED_MEMORY if name in parameters]:
        raise _wrong(f"{where} {shared[0]}; this server shares no memory, the answer has the data")
    if "classification" in parameters:
        raise _wrong(f"{where} classification, which this server does not have; sort the answer yourself")


def _timeout(parameter: InferParameter) -> float | None:
    """Seconds; 0 is none, as in Triton."""
    kind = parameter.WhichOneof("parameter_choice")
    value = getattr(parameter, kind) if kind in ("int64_param", "uint64_param") else -1
    if not 0 <= value <= _MAX_TIMEOUT:
        raise _wrong("the request has a timeout that is no whole number of microseconds, as int64_param")
    return value / 1e6 or None


def _wrong(message: str) -> ProtocolError:
    return ProtocolError(400, message)
