"""V2 inference requests and responses: bytes to named arrays and back, as JSON, in binary, or mixed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np

from pilotage.bundle.format import Contract, Tensor
from pilotage.transport import binary, typed
from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.explain import Explainer
from pilotage.transport.inference import Array, Asked, InferRequest, Structure
from pilotage.transport.tensordata import DataReader

__all__ = ["Asked", "Codec", "InferRequest"]

_MAX_REMEMBERED = 256  # response heads of one output, one for each shape

_json = msgspec.json.Encoder().encode


class Codec:
    """Reads the requests and writes the responses of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._structure = Structure(contract)
        self._all = self._structure.outputs((), binary=False)
        self._inputs = tuple((tensor, DataReader(tensor)) for tensor in contract.inputs)
        self._decode = typed.decoder(contract).decode
        readers = {tensor.name: reader for tensor, reader in self._inputs}
        self._explainer = Explainer(contract, self._structure, readers)
        self._writers = {tensor.name: _Writer(tensor) for tensor in contract.outputs}
        self._starts: dict[tuple[str, str], bytes] = {}

    def decode(self, body: bytes, head: int | None) -> InferRequest:
        """The request in `body`, whose first `head` bytes are JSON with tensors behind (None: it is all JSON).

        Raises ProtocolError(400, …), and nothing else, whatever the bytes. Values are not judged: infinities and the
        contract's ranges are the door's.
        """
        try:
            request = self._decode(body if head is None else body[:head])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._explainer.read(body, head)
        inputs = self._arrays(request, body, head)
        if inputs is None:
            return self._explainer.read(body, head)
        parameters = request.parameters
        if parameters is None and request.outputs is None:
            return InferRequest(request.id or "", inputs, self._all)
        as_bytes = parameters is not None and parameters.binary_data_output
        asked = [(output.name, _wants_bytes(output, as_bytes)) for output in request.outputs or ()]
        outputs = self._structure.outputs(asked, binary=as_bytes)
        timeout = parameters.timeout / 1e6 if parameters is not None and parameters.timeout else None
        return InferRequest(request.id or "", inputs, outputs, timeout)

    def encode(
        self, model: str, version: str, request: InferRequest, answers: Mapping[str, Array]
    ) -> tuple[bytes, int | None]:
        """The response to `request`, and how many of its bytes are JSON when tensors follow in binary.

        Answers are finite: JSON has no word for what is not.
        """
        parts = [self._starts.get((model, version)) or self._start(model, version)]
        if request.id:
            parts.append(b',"id":' + _json(request.id))
        parts.append(b',"outputs":[')
        tensors: list[bytes] = []
        for asked in request.outputs:
            name = asked.tensor.name
            answer = answers[name]
            parts.append(self._writers[name].head(answer.shape))
            if asked.binary:
                content = binary.write(answer, asked.tensor.datatype)
                tensors.append(content)
                parts.append(b'"parameters":{"binary_data_size":%d}},' % len(content))
            else:
                parts += (b'"data":', _json(answer.ravel().tolist()), b"},")
        parts[-1] = parts[-1][:-1] + b"]}"
        body = b"".join(parts)
        return (b"".join((body, *tensors)), len(body)) if tensors else (body, None)

    def _arrays(self, request: typed.Request, body: bytes, head: int | None) -> dict[str, Array] | None:
        """The inputs, or None when a closer look is needed: this one takes what is sent most."""
        arrays = {}
        position = len(body) if head is None else head
        for (tensor, reader), given in zip(self._inputs, request.inputs, strict=True):
            parameters = given.parameters
            if parameters is None or parameters.binary_data_size is None:
                array = None if given.data is None else reader.quick(given.data, given.shape)
                if array is None:
                    return None
            else:
                size = parameters.binary_data_size
                if given.data is not None or head is None or size < 0:
                    return None
                where = f"input {shown(tensor.name)}"
                array = binary.read(binary.cut(body, position, size, where), given.shape, tensor, where)
                position += size
            arrays[tensor.name] = array
        return arrays if position == len(body) else None

    def _start(self, model: str, version: str) -> bytes:
        """Callers choose among the names and versions that the server knows, so that these stay few."""
        start = b'{"model_name":%b,"model_version":%b' % (_json(model), _json(version))
        self._starts[(model, version)] = start
        return start


class _Writer:
    """What stands before the data of one output."""

    def __init__(self, tensor: Tensor) -> None:
        self._start = b'{"name":%b,"datatype":%b,"shape":' % (_json(tensor.name), _json(tensor.datatype))
        self._heads: dict[tuple[int, ...], bytes] = {}

    def head(self, shape: tuple[int, ...]) -> bytes:
        head = self._heads.get(shape)
        if head is None:
            head = self._start + _json(shape) + b","
            if len(self._heads) < _MAX_REMEMBERED:
                self._heads[shape] = head
        return head


def _wants_bytes(output: typed.Output, default: bool) -> bool:
    wanted = None if output.parameters is None else output.parameters.binary_data
    return default if wanted is None else wanted


@lru_cache(1)
def _codec(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Codec:
    return Codec(Contract(inputs, outputs))


@dataclass(frozen=True)
class _Named:
    id: str
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...]


def decode(body: bytes, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Named:
    """Goes once the dataplane has a codec of its own."""
    request = _codec(tuple(inputs), tuple(outputs)).decode(body, None)
    return _Named(request.id, request.inputs, tuple(asked.tensor.name for asked in request.outputs))


def encode(model: str, version: str, request_id: str, tensors: Sequence[Tensor], answers: Mapping[str, Array]) -> bytes:
    """Goes once the dataplane has a codec of its own."""
    for tensor in tensors:
        answer = answers[tensor.name]
        if answer.dtype.kind == "f" and not np.isfinite(answer).all():
            row = int(np.argwhere(~np.isfinite(answer))[0][0]) if answer.ndim else 0
            raise ProtocolError(500, f"the model's answer is not finite: output {shown(tensor.name)}, row {row}")
    request = InferRequest(request_id, {}, tuple(Asked(tensor) for tensor in tensors))
    return _codec((), tuple(tensors)).encode(model, version, request, answers)[0]
