"""Whatever the bytes: one typed error, or arrays that fit the contract; and every way to read them agrees."""

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import DATATYPES, Contract, Feature, Tensor
from pilotage.runtime.part import Given
from pilotage.runtime.session import dtype_of
from pilotage.transport.errors import ProtocolError
from pilotage.transport.explain import Explainer
from pilotage.transport.inference import Structure
from pilotage.transport.tensordata import DataReader
from pilotage.transport.v2 import Asked, Codec, InferRequest

FEATURES = (Feature("age", 18, 90, False), Feature("income", 0, 9e5, True))
WIDTH = 100  # from here on simdjson reads
CONTRACTS = [
    Contract((Tensor("input", "FP32", (-1, 2), FEATURES),), (Tensor("label", "INT64", (-1,)),)),
    *(Contract((Tensor("input", word, (-1,)),), (Tensor("label", "BYTES", (-1,)),)) for word in DATATYPES),
    Contract((Tensor("input", "FP64", (-1, 2, 1)), Tensor("more", "BOOL", (2,))), (Tensor("label", "INT8", (-1,)),)),
]
CODECS = {contract: Codec(contract) for contract in CONTRACTS}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
ELEMENTS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
DATA = st.lists(ELEMENTS, min_size=1, max_size=4) | st.lists(st.lists(ELEMENTS, min_size=1, max_size=2), max_size=3)
INPUT_PARAMETERS = st.fixed_dictionaries(
    {}, optional={"binary_data_size": st.integers(-1, 20) | JSON, "shared_memory_region": JSON, "content_type": JSON}
)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["input", "more"]) | JSON,
        "datatype": st.sampled_from(DATATYPES) | JSON,
        "shape": st.lists(st.integers(-1, 3) | st.integers(), max_size=3) | JSON,
        "data": DATA | JSON,
        "parameters": INPUT_PARAMETERS | JSON,
    },
)
OUTPUTS = st.fixed_dictionaries(
    {"name": st.just("label") | JSON},
    optional={"parameters": st.fixed_dictionaries({}, optional={"binary_data": JSON, "classification": JSON}) | JSON},
)
PARAMETERS = st.fixed_dictionaries({}, optional={"timeout": JSON, "binary_data_output": JSON})
REQUESTS = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS, max_size=3) | JSON},
    optional={"id": JSON, "outputs": st.lists(OUTPUTS, max_size=2) | JSON, "parameters": PARAMETERS | JSON},
)


@st.composite
def nearly_right(draw: st.DrawFn) -> tuple[Contract, bytes, int | None]:
    """A request that a contract allows, but for one thing or none."""
    contract = draw(st.sampled_from(CONTRACTS))
    inputs: list[dict[str, Any]] = []
    raw = b""
    for tensor in contract.inputs:
        shape = [draw(st.integers(1, 3)) if size < 0 else size for size in tensor.shape]
        count = int(np.prod(shape))
        given: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": shape}
        if draw(st.booleans()):
            given["data"] = draw(st.lists(_values(tensor.datatype), min_size=count, max_size=count))
            if len(shape) > 1 and draw(st.booleans()):
                given["data"] = np.array(given["data"], object).reshape(shape).tolist()
        else:
            piece = draw(st.binary(max_size=24))
            given["parameters"] = {"binary_data_size": len(piece)}
            raw += piece
        if draw(st.integers(0, 9)) == 0:
            given |= draw(TENSORS)
        inputs.append(given)
    request = {"inputs": inputs} | (draw(REQUESTS) if draw(st.integers(0, 19)) == 0 else {})
    head = json.dumps(request).encode()
    return contract, head + raw, draw(st.sampled_from([len(head), None, draw(st.integers(-1, 300))]))


def _values(datatype: str) -> st.SearchStrategy[Any]:
    dtype = dtype_of(datatype)
    if dtype.kind == "f":
        return st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
    if dtype.kind in "iu":
        return st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    return st.booleans() if dtype.kind == "b" else st.text(max_size=4)


ANY = st.tuples(
    st.sampled_from(CONTRACTS),
    st.binary(max_size=60) | JSON.map(json.dumps).map(str.encode) | REQUESTS.map(json.dumps).map(str.encode),
    st.none() | st.integers(-1, 100),
)


@given(ANY | nearly_right())
def test_fuzz_whatever_the_bytes_only_the_typed_error_is_raised(case: tuple[Contract, bytes, int | None]) -> None:
    contract, body, head = case
    result = read(CODECS[contract], body, head)
    if isinstance(result, ProtocolError):
        assert result.status == 400
        assert 0 < len(result.message) < 1000
        assert json.loads(result.body()) == {"error": result.message}
        return
    for tensor in contract.inputs:
        array = result.inputs[tensor.name]
        assert array.dtype == dtype_of(tensor.datatype)
        assert all(size == wanted or wanted < 0 < size for size, wanted in zip(array.shape, tensor.shape, strict=True))


@given(ANY | nearly_right())
def test_fuzz_the_quick_way_and_the_careful_way_agree(case: tuple[Contract, bytes, int | None]) -> None:
    contract, body, head = case
    readers = {tensor.name: DataReader(tensor) for tensor in contract.inputs}
    careful = Explainer(contract, Structure(contract), readers)
    assert told(read(CODECS[contract], body, head)) == told(read(careful, body, head))


MATRIX = Contract((Tensor("input", "FP32", (-1, WIDTH)),), (Tensor("label", "INT64", (-1,)),))


@given(
    rows=st.lists(
        st.lists(st.floats(allow_nan=False) | st.integers() | ELEMENTS, max_size=3)
        | st.just([])
        | st.lists(st.just([1.0]), min_size=1, max_size=2),
        min_size=1,
        max_size=3,
    ),
    shape=st.lists(st.sampled_from([1, 2, 3, WIDTH, True, WIDTH + 0.0, -1, 2**40]), min_size=2, max_size=2)
    | st.just([1, WIDTH]),
    nested=st.booleans(),
    more=st.sampled_from([{}, {"id": "a"}, {"id": 1}, {"id": None}, {"id": "["}, {"outputs": []}, {"x": {}}]) | JSON,
    cut=st.integers(-3, 0),
)
def test_fuzz_simdjson_reads_wide_rows_as_the_careful_way_does(
    rows: list[list[Any]], shape: list[Any], nested: bool, more: Any, cut: int
) -> None:
    filled = [(row + [0.5] * WIDTH)[:WIDTH] for row in rows]
    data = filled if nested else [value for row in filled for value in row]
    request: dict[str, Any] = {
        "inputs": [{"name": "input", "datatype": "FP32", "shape": shape, "data": data}],
        **(more if isinstance(more, dict) else {}),
    }
    body = json.dumps(request).encode()
    body = body[:cut] if cut else body
    readers = {tensor.name: DataReader(tensor) for tensor in MATRIX.inputs}
    careful = Explainer(MATRIX, Structure(MATRIX), readers)
    assert told(read(WIDE, body, None)) == told(read(careful, body, None))


WIDE = Codec(MATRIX)


@given(
    datatype=st.sampled_from(DATATYPES),
    data=st.data(),
    binary=st.tuples(st.booleans(), st.booleans()),
    shape=st.lists(st.integers(1, 3), min_size=1, max_size=3),
)
def test_fuzz_every_datatype_goes_there_and_back(
    datatype: str, data: st.DataObject, binary: tuple[bool, bool], shape: list[int]
) -> None:
    """An answer written by one server is a request read by another: what differs is only the field's name."""
    count = int(np.prod(shape))
    values = data.draw(st.lists(_finite(datatype), min_size=count, max_size=count))
    array = np.array(values, dtype_of(datatype)).reshape(shape)
    tensor = Tensor("tensor", datatype, (-1,) * len(shape))
    codec = Codec(Contract((tensor,), (tensor,)))
    body, head = codec.encode("m", "1", InferRequest("", {}, (Asked(tensor, binary[0]),)), Given({"tensor": array}))
    json_end = len(body) if head is None else head
    request = json.loads(body[:json_end])
    as_sent = json.dumps({"inputs": request["outputs"]}).encode()
    received = codec.decode(as_sent + body[json_end:], len(as_sent) if binary[0] else None)
    np.testing.assert_array_equal(received.inputs["tensor"], array)
    assert received.inputs["tensor"].dtype == array.dtype
    shared = Given({"tensor": array}, shared=True)
    for row in range(shape[0]):  # of a call that many share
        mine = codec.encode("m", "1", received, shared, row)
        assert mine == codec.encode("m", "1", received, Given({"tensor": array[row : row + 1]}))


def _finite(datatype: str) -> st.SearchStrategy[Any]:
    dtype = dtype_of(datatype)
    if dtype.kind == "f":
        return st.floats(width=8 * dtype.itemsize, allow_nan=False, allow_infinity=False)  # type: ignore[arg-type]
    return _values(datatype)


def read(reader: Codec | Explainer, body: bytes, head: int | None) -> InferRequest | ProtocolError:
    try:
        return reader.decode(body, head) if isinstance(reader, Codec) else reader.read(body, head)
    except ProtocolError as error:
        return error


def told(result: InferRequest | ProtocolError) -> tuple[Any, ...]:
    """A result as something that can be compared, NaN and the zeros' signs included."""
    if isinstance(result, ProtocolError):
        return ("refused", result.message)
    arrays = [
        (name, array.dtype, array.shape, array.tolist() if array.dtype == object else array.tobytes())
        for name, array in result.inputs.items()
    ]
    return (result.id, arrays, result.outputs, result.timeout)
