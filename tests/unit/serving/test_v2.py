"""V2 JSON to arrays and back: every refusal says what is wrong with which input."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import Feature, Tensor
from pilotage.transport import v2
from pilotage.transport.errors import ProtocolError

FEATURES = (Feature("age", 18, 90, False), Feature("income", 0, 9e5, True))
INPUT = Tensor("input", "FP32", (-1, 2), FEATURES)
OUTPUTS = (Tensor("label", "INT64", (-1,)), Tensor("probabilities", "FP32", (-1, 2)))


def body(**changes: Any) -> bytes:
    tensor = {"name": "input", "datatype": "FP32", "shape": [2, 2], "data": [1, 2.5, 3, 4], **changes}
    return json.dumps({"inputs": [{key: value for key, value in tensor.items() if value is not ...}]}).encode()


def refusal(content: bytes, tensor: Tensor = INPUT) -> str:
    with pytest.raises(ProtocolError) as caught:
        v2.decode(content, (tensor,), OUTPUTS)
    assert caught.value.status == 400
    assert json.loads(caught.value.body()) == {"error": caught.value.message}
    return caught.value.message


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        pytest.param([1, 2.5, 3, 4], [[1, 2.5], [3, 4]], id="flat data is read row by row"),
        pytest.param([[1, 2.5], [3, 4]], [[1, 2.5], [3, 4]], id="nested data is read as it stands"),
        pytest.param([1, None, 3, 4], [[1, np.nan], [3, 4]], id="null in a float tensor is a missing value"),
        pytest.param([[1, None], [3, 4]], [[1, np.nan], [3, 4]], id="null in nested data too"),
        pytest.param([1, 2, 3, 16777217], [[1, 2], [3, 16777216]], id="numbers are rounded to the datatype"),
    ],
)
def test_floats_are_read(data: list[Any], wanted: list[list[float]]) -> None:
    array = v2.decode(body(data=data), (INPUT,), OUTPUTS).inputs["input"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, np.array(wanted, dtype=np.float32))


@pytest.mark.parametrize(
    ("datatype", "data", "dtype"),
    [
        ("BOOL", [True, False], "bool"),
        ("INT8", [-128, 127], "int8"),
        ("UINT64", [0, 2**64 - 1], "uint64"),
        ("INT64", [-(2**63), 1], "int64"),
        ("FP16", [0.5, 65504], "float16"),
        ("FP64", [1e308, 0.1], "float64"),
        ("BYTES", ["é", ""], "object"),
    ],
)
def test_every_kind_of_datatype_is_read(datatype: str, data: list[Any], dtype: str) -> None:
    content = body(datatype=datatype, data=data, shape=[2])
    array = v2.decode(content, (Tensor("input", datatype, (-1,)),), OUTPUTS).inputs["input"]
    assert array.dtype == dtype
    assert array.tolist() == data


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "empty", id="an empty body"),
        pytest.param(b"{", "not a V2 inference request", id="a body that is cut"),
        pytest.param(b"\xff\xfe", "not a V2 inference request", id="a body that is not text"),
        pytest.param(b"{}", "`inputs`", id="a request without inputs"),
        pytest.param(b'{"x":' + b"[" * 100_000, "too deep", id="JSON nested beyond reason"),
        pytest.param(b'{"inputs":[]}', "input 'input' is missing; the model takes input", id="an input missing"),
        pytest.param(body(name="imput"), "input 'imput' is unknown; the model takes input", id="an unknown input"),
        pytest.param(
            json.dumps({"inputs": json.loads(body())["inputs"] * 2}).encode(), "given twice", id="an input given twice"
        ),
        pytest.param(body(datatype="FP64"), "'FP64'; the model takes FP32", id="another datatype"),
        pytest.param(body(shape=[4]), "[4]; the model takes [-1, 2]", id="another rank"),
        pytest.param(body(shape=[2, 3]), "[2, 3]; the model takes [-1, 2]", id="another width"),
        pytest.param(body(shape=[-1, 2]), "[-1, 2]; the model takes", id="a negative dimension"),
        pytest.param(body(shape=[0, 2], data=[]), "[0, 2]; the model takes", id="no rows"),
        pytest.param(body(shape=[2**40, 2]), "the model takes", id="more rows than any body holds"),
        pytest.param(body(shape=[10**3000, 2]), "the model takes", id="a dimension of three thousand digits"),
        pytest.param(body(shape=[3, 2]), "has 4 elements; shape [3, 2] takes 6", id="too little data"),
        pytest.param(body(data=[1, 2, 3, 4, 5]), "has 5 elements; shape [2, 2] takes 4", id="too much data"),
        pytest.param(body(data=[[1, 2]]), "has 1 rows; shape [2, 2] takes 2", id="too few nested rows"),
        pytest.param(body(data=[[1, 2], [3]]), "row 1: 1 elements", id="a nested row that is short"),
        pytest.param(body(data=[[1, 2], 3]), "row 1: no list", id="a nested row that is a number"),
        pytest.param(body(data=[[[1], 2], [3, 4]]), "row 0, feature 'age': a list is not", id="nested too deep"),
        pytest.param(
            body(data=[1, 2, 3, "4"]), "row 1, feature 'income': '4' is not a number or null", id="a text for a number"
        ),
        pytest.param(body(data=[1, True, 3, 4]), "row 0, feature 'income': True", id="a boolean for a number"),
        pytest.param(body(data=[1, 2, 1e39, 4]), "row 1, feature 'age': 1e+39 is out of FP32's", id="beyond FP32"),
        pytest.param(body(data=[1, 2, 10**400, 4]), "range", id="an integer beyond every float"),
        pytest.param(body().replace(b"2.5", b"NaN"), "not a V2 inference request", id="NaN, which JSON does not have"),
        pytest.param(body(data="AAAA"), "not a list", id="data that is a text"),
        pytest.param(body(data=...), "has no data", id="no data"),
        pytest.param(
            body()[:-1] + b',"outputs":[{"name":"odds"}]}', "output 'odds' is unknown; the model gives label, probab",
            id="an unknown output",
        ),
    ],
)  # fmt: skip
def test_a_wrong_request_is_told_what_is_wrong(content: bytes, says: str) -> None:
    assert says in refusal(content)


@pytest.mark.parametrize(
    ("datatype", "data", "says"),
    [
        pytest.param("INT8", [1, 128], "row 1: 128 is out of INT8's range", id="an integer out of range"),
        pytest.param("UINT8", [-1, 1], "row 0: -1 is out of UINT8's range", id="a negative unsigned"),
        pytest.param("INT32", [1, 1.5], "row 1: 1.5 is not a whole number", id="a fraction for an integer"),
        pytest.param("INT32", [None, 1], "row 0: None is not a whole number", id="null for an integer"),
        pytest.param("BOOL", [1, True], "row 0: 1 is not true or false", id="a number for a boolean"),
        pytest.param("BYTES", ["a", 1], "row 1: 1 is not a text", id="a number for a text"),
        pytest.param("FP16", [70000, 1], "row 0: 70000 is out of FP16's range", id="beyond FP16"),
    ],
)
def test_each_datatype_has_its_refusals(datatype: str, data: list[Any], says: str) -> None:
    assert says in refusal(body(datatype=datatype, data=data, shape=[2]), Tensor("input", datatype, (-1,)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("input") | JSON,
        "datatype": st.sampled_from(["FP32", "INT8", "BOOL", "BYTES"]) | JSON,
        "shape": st.lists(st.integers(-2, 3), max_size=3) | JSON,
        "data": st.lists(JSON, max_size=6) | JSON,
        "parameters": JSON,
    },
)
REQUESTS = st.fixed_dictionaries({"inputs": st.lists(TENSORS, max_size=2) | JSON}, optional={"id": JSON})


@given(
    content=st.binary(max_size=60) | JSON.map(json.dumps).map(str.encode) | REQUESTS.map(json.dumps).map(str.encode),
    tensor=st.sampled_from([INPUT, *(Tensor("input", word, (-1,)) for word in ("FP32", "INT8", "BOOL", "BYTES"))]),
)
def test_whatever_the_bytes_only_the_typed_error_is_raised(content: bytes, tensor: Tensor) -> None:
    refused = None
    try:
        request = v2.decode(content, (tensor,), OUTPUTS)
    except ProtocolError as error:
        refused = error
    if refused is None:
        assert request.inputs["input"].size > 0
    else:
        assert refused.status == 400
        assert 0 < len(refused.message) < 1000
        assert json.loads(refused.body())["error"] == refused.message


@given(st.lists(st.tuples(st.floats(width=32, allow_infinity=False), st.floats(width=32, allow_infinity=False)),
                min_size=1, max_size=5))  # fmt: skip
def test_rows_come_in_as_they_were_sent(rows: list[tuple[float, float]]) -> None:
    data = [None if value != value else value for row in rows for value in row]
    array = v2.decode(body(shape=[len(rows), 2], data=data), (INPUT,), OUTPUTS).inputs["input"]
    np.testing.assert_array_equal(array, np.array(rows, dtype=np.float32))


def test_an_answer_has_names_types_shapes_and_the_callers_id() -> None:
    answers = {"label": np.array([1]), "probabilities": np.array([[0.25, 0.75]], dtype=np.float32)}
    assert json.loads(v2.encode("fraud", "3", "a-1", OUTPUTS, answers)) == {
        "model_name": "fraud",
        "model_version": "3",
        "id": "a-1",
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [1], "data": [1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [1, 2], "data": [0.25, 0.75]},
        ],
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_not_finite_is_an_error_of_the_model(value: float) -> None:
    answers = {"label": np.array([1, 1]), "probabilities": np.array([[0, 1], [value, 1]], dtype=np.float32)}
    with pytest.raises(ProtocolError, match="not finite: output 'probabilities', row 1") as caught:
        v2.encode("fraud", "3", "", OUTPUTS, answers)
    assert caught.value.status == 500
