"""V2 JSON to arrays and back: every refusal says what is wrong with which input."""

import json
from typing import Any

import numpy as np
import pytest

from pilotage.bundle.format import Contract, Feature, Tensor
from pilotage.runtime.part import Given
from pilotage.transport.errors import ProtocolError
from pilotage.transport.v2 import Asked, Codec, InferRequest

FEATURES = (Feature("age", 18, 90, False), Feature("income", 0, 9e5, True))
INPUT = Tensor("input", "FP32", (-1, 2), FEATURES)
OUTPUTS = (Tensor("label", "INT64", (-1,)), Tensor("probabilities", "FP32", (-1, 2)))


def body(**changes: Any) -> bytes:
    tensor = {"name": "input", "datatype": "FP32", "shape": [2, 2], "data": [1, 2.5, 3, 4], **changes}
    return json.dumps({"inputs": [{key: value for key, value in tensor.items() if value is not ...}]}).encode()


def codec(*inputs: Tensor) -> Codec:
    return Codec(Contract(inputs or (INPUT,), OUTPUTS))


def refusal(content: bytes, *inputs: Tensor) -> str:
    with pytest.raises(ProtocolError) as caught:
        codec(*inputs).decode(content, None)
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
        pytest.param([[1, None], [None, None]], [[1, np.nan], [np.nan, np.nan]], id="a row may lack every value"),
        pytest.param([1, 2, 3, 16777217], [[1, 2], [3, 16777216]], id="numbers are rounded to the datatype"),
    ],
)
def test_floats_are_read(data: list[Any], wanted: list[list[float]]) -> None:
    array = codec().decode(body(data=data), None).inputs["input"]
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
    array = codec(Tensor("input", datatype, (-1,))).decode(content, None).inputs["input"]
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
        pytest.param(body(shape=[1.5, 2]), "[1.5, 2]; the model takes", id="half a row"),
        pytest.param(body(shape=[True, 2]), "got `bool`", id="a boolean for a size"),
        pytest.param(body(shape=[1] * 1000), "[1, 1, 1, 1", id="a thousand dimensions"),
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
        pytest.param(body(data=[[1, 2], "34"]), "row 1: no list", id="a text as long as a row"),
        pytest.param(body(shape=[2**31 - 1, 2]), "has 4 elements; shape [2147483647, 2]", id="a shape beyond memory"),
        pytest.param(body(data=[]), "has 0 elements", id="data without elements"),
        pytest.param(body(data=None), "not a list", id="data that is null"),
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
        pytest.param("INT64", [1, 2**63], "row 1: 9223372036854775808 is out of INT64's", id="one more than INT64"),
        pytest.param("UINT64", [0, 10**30], "row 1: 1000000000000000000000000000000 is out of", id="beyond UINT64"),
        pytest.param("INT64", [1, 1e300], "row 1: 1e+300 is not a whole number", id="a float too large to be exact"),
        pytest.param("INT32", [None, 1], "row 0: None is not a whole number", id="null for an integer"),
        pytest.param("BOOL", [1, True], "row 0: 1 is not true or false", id="a number for a boolean"),
        pytest.param("BYTES", ["a", 1], "row 1: 1 is not a text", id="a number for a text"),
        pytest.param("FP16", [70000, 1], "row 0: 70000 is out of FP16's range", id="beyond FP16"),
    ],
)
def test_each_datatype_has_its_refusals(datatype: str, data: list[Any], says: str) -> None:
    assert says in refusal(body(datatype=datatype, data=data, shape=[2]), Tensor("input", datatype, (-1,)))


def test_a_whole_number_may_be_written_with_a_point() -> None:
    content = body(datatype="INT32", data=[1.0, -2e3], shape=[2.0])
    array = codec(Tensor("input", "INT32", (-1,))).decode(content, None).inputs["input"]
    assert (array.dtype, array.tolist()) == (np.int32, [1, -2000])


def test_texts_that_are_lists_of_letters_to_python_stay_texts() -> None:
    content = body(datatype="BYTES", data=[["ab", "cd"], ["ef", "gh"]])
    array = codec(Tensor("input", "BYTES", (-1, 2))).decode(content, None).inputs["input"]
    assert array.tolist() == [["ab", "cd"], ["ef", "gh"]]


def test_deeper_tensors_are_read_flat_and_nested_alike() -> None:
    cube = Tensor("input", "INT32", (-1, 2, 3))
    nested = np.arange(12, dtype=np.int32).reshape(2, 2, 3)
    for data in (nested.tolist(), nested.ravel().tolist()):
        array = codec(cube).decode(body(datatype="INT32", shape=[2, 2, 3], data=data), None).inputs["input"]
        np.testing.assert_array_equal(array, nested)
    assert "row 1: 1 elements at depth 3" in refusal(
        body(datatype="INT32", shape=[2, 2, 3], data=[[[1, 2, 3], [4, 5, 6]], [[1], [2]]]), cube
    )


TWO = (Tensor("age", "INT64", (-1, 1)), Tensor("city", "BYTES", (-1, 1)))
AGE = {"name": "age", "datatype": "INT64", "shape": [1, 1], "data": [30]}
CITY = {"name": "city", "datatype": "BYTES", "shape": [1, 1], "data": ["Bern"]}


@pytest.mark.parametrize("inputs", [[AGE, CITY], [CITY, AGE]])
def test_inputs_come_in_any_order_and_leave_in_the_contracts(inputs: list[Any]) -> None:
    request = codec(*TWO).decode(json.dumps({"inputs": inputs}).encode(), None)
    assert {name: array.tolist() for name, array in request.inputs.items()} == {"age": [[30]], "city": [["Bern"]]}
    assert list(request.inputs) == ["age", "city"]


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ([AGE], "input 'city' is missing; the model takes age, city"),
        ([AGE, AGE], "input 'age' is given twice"),
        ([AGE, CITY, CITY], "input 'city' is given twice"),
        ([{**AGE, "name": "CITY"}, AGE], "input 'CITY' is unknown"),
    ],
)
def test_one_of_several_inputs_that_is_wrong_is_named(inputs: list[Any], says: str) -> None:
    assert says in refusal(json.dumps({"inputs": inputs}).encode(), *TWO)


LABEL, PROBABILITIES = OUTPUTS
ALL = (Asked(LABEL), Asked(PROBABILITIES))


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        pytest.param({}, ("", ALL, None), id="nothing more: every output, as JSON"),
        pytest.param({"id": "a-1"}, ("a-1", ALL, None), id="an id"),
        pytest.param({"id": None, "outputs": None, "parameters": None}, ("", ALL, None), id="nulls, as some clients"),
        pytest.param({"outputs": []}, ("", ALL, None), id="no output named is every output"),
        pytest.param(
            {"outputs": [{"name": "probabilities"}, {"name": "label"}]},
            ("", (Asked(PROBABILITIES), Asked(LABEL)), None),
            id="outputs in the order of asking",
        ),
        pytest.param({"parameters": {"timeout": 1500}}, ("", ALL, 0.0015), id="a timeout in microseconds"),
        pytest.param({"parameters": {"timeout": 0, "priority": 1}}, ("", ALL, None), id="no timeout, and what we lack"),
        pytest.param({"parameters": {"timeout": 2, "x": [{}]}}, ("", ALL, 2e-6), id="a timeout among unknowns"),
        pytest.param(
            {"parameters": {"binary_data_output": True}},
            ("", (Asked(LABEL, True), Asked(PROBABILITIES, True)), None),
            id="every output in binary",
        ),
        pytest.param(
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "label", "parameters": {"binary_data": False}}, {"name": "probabilities"}],
            },
            ("", (Asked(LABEL), Asked(PROBABILITIES, True)), None),
            id="one output apart from the others",
        ),
        pytest.param(
            {"outputs": [{"name": "label", "parameters": {"binary_data": True, "classification": 0, "x": 1}}]},
            ("", (Asked(LABEL, True),), None),
            id="an output in binary among unknowns",
        ),
    ],
)
def test_what_is_asked_beside_the_inputs(more: dict[str, Any], wanted: tuple[Any, ...]) -> None:
    request = codec().decode(json.dumps({**json.loads(body()), **more}).encode(), None)
    assert (request.id, request.outputs, request.timeout) == wanted


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"id": 1}, "Expected `str | null`, got `int` - at `$.id`"),
        ({"outputs": [{"name": "label"}, {"name": "label"}]}, "output 'label' is asked for twice"),
        ({"outputs": [{"name": "label", "parameters": {"classification": 3}}]}, "'label' has parameter classification"),
        ({"outputs": [{"name": "label", "parameters": {"shared_memory_region": "x"}}]}, "shares no memory"),
        (
            {"outputs": [{"name": "label", "parameters": {"binary_data": 1}}]},
            "got `int` - at `$.outputs[0].parameters.binary_data`",
        ),
        ({"parameters": {"binary_data_output": "yes"}}, "got `str` - at `$.parameters.binary_data_output`"),
        ({"parameters": {"timeout": -1}}, "the request has timeout -1; it is a whole number of microseconds"),
        ({"parameters": {"timeout": 1.5}}, "timeout 1.5"),
        ({"parameters": {"timeout": False}}, "got `bool` - at `$.parameters.timeout`"),
        ({"parameters": {"timeout": 10**30}}, "timeout 1000000000000000000000000000000"),
    ],
)
def test_what_cannot_be_had_is_refused_rather_than_left_out(more: dict[str, Any], says: str) -> None:
    assert says in refusal(json.dumps({**json.loads(body()), **more}).encode())


def test_an_input_in_shared_memory_is_refused() -> None:
    assert "input 'input' has parameter shared_memory_region" in refusal(
        body(data=..., parameters={"shared_memory_region": "a", "shared_memory_byte_size": 16})
    )


def test_an_answer_has_names_types_shapes_and_the_callers_id() -> None:
    answers = {"label": np.array([1]), "probabilities": np.array([[0.25, 0.75]], dtype=np.float32)}
    answer, head = codec().encode("fraud", "3", InferRequest("a-1", {}, ALL), Given(answers))
    assert head is None
    assert json.loads(answer) == {
        "model_name": "fraud",
        "model_version": "3",
        "id": "a-1",
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [1], "data": [1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [1, 2], "data": [0.25, 0.75]},
        ],
    }


def test_an_output_that_holds_nothing_is_empty_also_in_a_call_that_many_share() -> None:
    own = codec()
    wanted = own.decode(body(), None)
    answers = {"label": np.array([1, 2]), "probabilities": np.zeros((2, 0), dtype=np.float32)}
    answer, _ = own.encode("m", "1", wanted, Given(answers, shared=True), 1, 1)
    assert [(o["shape"], o["data"]) for o in json.loads(answer)["outputs"]] == [([1], [2]), ([1, 0], [])]


def test_an_answer_without_an_id_has_none_and_only_what_was_asked_for() -> None:
    answer, _ = codec().encode("fraud", "3", InferRequest("", {}, (Asked(LABEL),)), Given({"label": np.array([1])}))
    assert list(json.loads(answer)) == ["model_name", "model_version", "outputs"]
    assert [output["name"] for output in json.loads(answer)["outputs"]] == ["label"]
