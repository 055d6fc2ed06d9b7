"""V2 inference requests and responses: bytes to named arrays and back, as JSON, in binary, or mixed."""

from collections.abc import Mapping

import msgspec

from pilotage.bundle.format import Contract
from pilotage.transport import binary, typed, wide
from pilotage.transport.explain import Explainer
from pilotage.transport.inference import Array, Asked, InferRequest, Structure
from pilotage.transport.tensordata import LARGE, DataReader

__all__ = ["Asked", "Codec", "InferRequest"]


class _Size(msgspec.Struct, gc=False):
    binary_data_size: int


class _Output(msgspec.Struct, gc=False, omit_defaults=True):
    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[object] | None = None
    parameters: _Size | None = None


class _Response(msgspec.Struct, gc=False, omit_defaults=True):
    model_name: str
    model_version: str
    outputs: list[_Output]
    id: str = ""


_json = msgspec.json.Encoder().encode


class Codec:
    """Reads the requests and writes the responses of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._structure = Structure(contract)
        self._all = self._structure.outputs((), binary=False)
        self._all_in_bytes = self._structure.outputs((), binary=True)
        self._inputs = tuple((tensor, DataReader(tensor)) for tensor in contract.inputs)
        self._wide = wide.reader(contract)
        self._decode = typed.decoder(contract).decode
        self._explainer = Explainer(contract, self._structure, {tensor.name: reader for tensor, reader in self._inputs})

    def decode(self, body: bytes, head: int | None) -> InferRequest:
        """The request in `body`, whose first `head` bytes are JSON with tensors behind (None: it is all JSON).

        Raises ProtocolError(400, …), and nothing else, whatever the bytes. Values are not judged: infinities and the
        contract's ranges are the door's.
        """
        if self._wide is not None and head is None and (read := self._wide.read(body)) is not None:
            return InferRequest(read[0], {self._inputs[0][0].name: read[1]}, self._all)
        json_length = len(body) if head is None else head
        if json_length > LARGE or not 0 < json_length <= len(body):
            return self._explainer.read(body, head)
        try:
            request = self._decode(body if head is None else body[:head])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._explainer.read(body, head)
        inputs = {}
        position = head
        for (tensor, reader), given in zip(self._inputs, request.inputs):  # noqa: B905  # the decoder has counted them
            parameters = given.parameters
            if parameters is None or (size := parameters.binary_data_size) is None:
                array = reader.quick(given.data, given.shape)
                if array is None:
                    return self._explainer.read(body, head)
            elif position is None or given.data != typed.NOTHING or size < 0:
                return self._explainer.read(body, head)
            else:
                array = binary.read(binary.cut(body, position, size, tensor), given.shape, tensor)
                position += size
            inputs[tensor.name] = array
        if position is not None and position != len(body):
            return self._explainer.read(body, head)
        if request.parameters is None and request.outputs is None:
            return InferRequest(request.id or "", inputs, self._all)
        return self._as_asked(request, inputs)

    def encode(
        self, model: str, version: str, request: InferRequest, answers: Mapping[str, Array]
    ) -> tuple[bytes, int | None]:
        """The response to `request`, and how many of its bytes are JSON when tensors follow in binary.

        Answers are finite: JSON has no word for what is not.
        """
        outputs = []
        tensors: list[bytes] = []
        for asked in request.outputs:
            tensor = asked.tensor
            answer = answers[tensor.name]
            if asked.binary:
                content = binary.write(answer, tensor.datatype)
                tensors.append(content)
                outputs.append(_Output(tensor.name, tensor.datatype, answer.shape, None, _Size(len(content))))
            else:
                outputs.append(_Output(tensor.name, tensor.datatype, answer.shape, answer.ravel().tolist()))
        body = _json(_Response(model, version, outputs, request.id))
        return (b"".join((body, *tensors)), len(body)) if tensors else (body, None)

    def _as_asked(self, request: typed.Request, inputs: dict[str, Array]) -> InferRequest:
        """The request of a caller who said more than the inputs."""
        parameters = request.parameters or typed.RequestParameters()
        outputs = self._all_in_bytes if parameters.binary_data_output else self._all
        if request.outputs:
            asked = [(output.name, output.as_bytes(parameters.binary_data_output)) for output in request.outputs]
            outputs = self._structure.outputs(asked, binary=False)
        return InferRequest(request.id or "", inputs, outputs, parameters.timeout / 1e6 or None)
