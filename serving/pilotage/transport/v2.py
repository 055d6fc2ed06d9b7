"""V2 inference requests and responses: bytes to named arrays and back, as JSON, in binary, or mixed."""

from collections.abc import Iterable
from itertools import repeat

import msgspec

from pilotage.bundle.format import Contract, Tensor
from pilotage.runtime.part import Array, Arrays, Given
from pilotage.transport import binary, typed, wide
from pilotage.transport.explain import Explainer
from pilotage.transport.inference import Asked, InferRequest, Structure
from pilotage.transport.tensordata import LARGE, DataReader

__all__ = ["Asked", "Codec", "InferRequest"]


_MAX_REMEMBERED = 256  # beginnings of outputs, one for each shape
_json = msgspec.json.Encoder().encode


class Codec:
    """Reads the requests and writes the responses of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._structure = Structure(contract)
        self._all = self._structure.outputs((), binary=False)
        self._all_in_bytes = self._structure.outputs((), binary=True)
        self._inputs = tuple((tensor, DataReader(tensor)) for tensor in contract.inputs)
        self._only = (self._inputs[0][0].name, self._inputs[0][1]) if len(self._inputs) == 1 else None
        self._wide = wide.reader(contract)
        self._decode = typed.decoder(contract).decode
        self._starts: dict[tuple[str, str], bytes] = {}
        self._begun: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._explainer = Explainer(contract, self._structure, {tensor.name: reader for tensor, reader in self._inputs})

    def decode(self, body: bytes, head: int | None) -> InferRequest:
        """The request in `body`, whose first `head` bytes are JSON with tensors behind (None: it is all JSON).

        Raises ProtocolError(400, …), and nothing else, whatever the bytes. Values are not judged: infinities and the
        contract's ranges are the door's.
        """
        if self._wide is not None and head is None and (read := self._wide.read(body)) is not None:
            return InferRequest(read[0], {self._inputs[0][0].name: read[1]}, self._all)
        text = body if head is None else body[:head]
        if len(text) > LARGE or (head is not None and not 0 < head <= len(body)):
            return self._explainer.read(body, head)
        try:
            request = self._decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._explainer.read(body, head)
        if head is None and request.parameters is None and request.outputs is None and self._only is not None:
            name, reader = self._only
            given = request.inputs[0]
            if given.parameters is None:
                array = reader.quick(given.data, given.shape)
                if array is None:
                    return self._explainer.read(body, head)
                return InferRequest(request.id or "", {name: array}, self._all)
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
        self, model: str, version: str, request: InferRequest, given: Given, first: int = 0, rows: int = 1
    ) -> tuple[bytes, int | None]:
        """The response to `request`, whose `rows` of what a call gave begin at `first`; and how many of its bytes are
        JSON when tensors follow in binary.

        Answers are finite: JSON has no word for what is not.
        """
        start = self._starts.get((model, version)) or self._start(model, version)
        if request.id:
            start += b',"id":%b' % _json(request.id)
        if rows == 1 and given.shared and request.outputs is self._all:
            made = given.made
            if not made:
                made.extend(self._rows(given.outputs))
            return start + made[first], None
        answers = given.part(first, rows)
        tensors: list[bytes] = []
        parts = [start]
        between = b',"outputs":['
        for asked in request.outputs:
            name = asked.tensor.name
            answer = answers[name]
            begun = self._begun.get((name, answer.shape)) or self._begin(asked.tensor, answer.shape)
            if asked.binary:
                tensors.append(binary.write(answer, asked.tensor.datatype))
                parts += between, begun, b'"parameters":{"binary_data_size":%d}}' % len(tensors[-1])
            else:
                parts += between, begun, b'"data":', _json(answer.ravel().tolist()), b"}"
            between = b","
        parts.append(b"]}")
        body = b"".join(parts)
        return (b"".join((body, *tensors)), len(body)) if tensors else (body, None)

    def _rows(self, outputs: Arrays) -> Iterable[bytes]:
        """What an answer has behind its start, for each row of a call that many share: all of it is written at once."""
        columns: list[Iterable[bytes]] = []
        between = b',"outputs":['
        for asked in self._all:
            whole = outputs[asked.tensor.name]
            shape = (1, *whole.shape[1:])
            begun = self._begun.get((asked.tensor.name, shape)) or self._begin(asked.tensor, shape)
            columns += repeat(between + begun + b'"data":['), _by_row(whole)
            between = b"]},"
        return map(b"".join, zip(*columns, repeat(b"]}]}")))  # some of them never end

    # What is the same in all answers is written once.

    def _start(self, model: str, version: str) -> bytes:
        """How an answer begins. There are as many as there are names that the server goes by."""
        self._starts[model, version] = start = b'{"model_name":%b,"model_version":%b' % (_json(model), _json(version))
        return start

    def _begin(self, tensor: Tensor, shape: tuple[int, ...]) -> bytes:
        """How an output begins: all but what it holds."""
        names = _json(tensor.name), _json(tensor.datatype), _json(shape)
        begun = b'{"name":%b,"datatype":%b,"shape":%b,' % names
        if len(self._begun) < _MAX_REMEMBERED:
            self._begun[tensor.name, shape] = begun
        return begun

    def _as_asked(self, request: typed.Request, inputs: dict[str, Array]) -> InferRequest:
        """The request of a caller who said more than the inputs."""
        parameters = request.parameters or typed.RequestParameters()
        outputs = self._all_in_bytes if parameters.binary_data_output else self._all
        if request.outputs:
            asked = [(output.name, output.as_bytes(parameters.binary_data_output)) for output in request.outputs]
            outputs = self._structure.outputs(asked, binary=False)
        return InferRequest(request.id or "", inputs, outputs, parameters.timeout / 1e6 or None)


def _by_row(whole: Array) -> list[bytes]:
    """The values of each row, flat, with commas between."""
    table = whole.reshape(len(whole), -1)
    if whole.dtype.kind == "O" or not whole.size:  # a text may hold what parts the rows
        return [_json(row)[1:-1] for row in table.tolist()]
    return _json(table.tolist())[2:-2].split(b"],[")
