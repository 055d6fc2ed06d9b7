"""Tensors in gRPC's messages: every datatype there and back, raw and typed, and what is said of those that do not."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import DATATYPES, Contract, Feature, Tensor
from pilotage.runtime.part import Part
from pilotage.runtime.session import dtype_of
from pilotage.transport.errors import ProtocolError
from pilotage.transport.inference import InferRequest
from pilotage.transport.rpc import contents
from pilotage.transport.rpc.codec import Codec
from pilotage.transport.rpc.protos.inference_pb2 import InferTensorContents, ModelInferRequest, ModelInferResponse

CODECS = {word: Codec(Contract((Tensor("in", word, (-1, 2)),), (Tensor("out", word, (-1, 2)),))) for word in DATATYPES}
FP32 = CODECS["FP32"]
AGES = (Feature("age", 0, 100, False), Feature("income", 0, 100, False))
TWO = Codec(
    Contract(
        (Tensor("a", "INT8", (-1, 2), AGES), Tensor("b", "BYTES", (1,))),
        (Tensor("c", "FP16", (-1,)), Tensor("d", "BYTES", (-1,))),
    )
)


def values(word: str) -> np.ndarray[Any, Any]:
    dtype = dtype_of(word)
    if dtype.kind in "iuf":
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        return np.array([[0, 1], [limits.min, limits.max]], dtype)
    return np.array([[True, False]]) if word == "BOOL" else np.array([["", "é"], ["日本", "a\0b"]], object)


def raw(word: str, array: np.ndarray[Any, Any], **more: Any) -> ModelInferRequest:
    request = ModelInferRequest(model_name="m", **more)
    request.inputs.add(name="in", datatype=word, shape=array.shape)
    content = array.tobytes()
    if word == "BYTES":
        texts = [text.encode() for text in array.ravel()]
        content = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    request.raw_input_contents.append(content)
    return request


def typed(word: str, array: np.ndarray[Any, Any]) -> ModelInferRequest:
    request = ModelInferRequest(model_name="m", id="7")
    given = request.inputs.add(name="in", datatype=word, shape=array.shape)
    contents.write(array, word, given.contents)
    return request


@pytest.mark.parametrize("word", DATATYPES)
def test_raw_there_and_raw_back(word: str) -> None:
    array = values(word)
    request = CODECS[word].decode(raw(word, array, id="ü"))
    np.testing.assert_array_equal(request.inputs["in"], array)
    assert request.inputs["in"].dtype == array.dtype
    answers = Part({"out": request.inputs["in"]})
    response = ModelInferResponse.FromString(CODECS[word].encode("m", "1", request, answers))
    assert (response.model_name, response.model_version, response.id) == ("m", "1", "ü")
    (output,) = response.outputs
    assert (output.name, output.datatype, tuple(output.shape)) == ("out", word, array.shape)
    assert list(response.raw_output_contents) == list(raw(word, array).raw_input_contents)
    assert not output.HasField("contents")


@pytest.mark.parametrize("word", [word for word in DATATYPES if word != "FP16"])
def test_typed_there_and_typed_back(word: str) -> None:
    array = values(word)
    request = CODECS[word].decode(ModelInferRequest.FromString(typed(word, array).SerializeToString()))
    np.testing.assert_array_equal(request.inputs["in"], array)
    assert request.inputs["in"].dtype == array.dtype
    answers = Part({"out": request.inputs["in"]})
    response = ModelInferResponse.FromString(CODECS[word].encode("m", "1", request, answers))
    (output,) = response.outputs
    assert output.contents == typed(word, array).inputs[0].contents
    assert (response.id, tuple(output.shape), len(response.raw_output_contents)) == ("7", array.shape, 0)


def test_an_answer_with_fp16_is_raw_since_it_cannot_be_typed() -> None:
    request = two()
    assert [(asked.tensor.name, asked.binary) for asked in TWO.decode(request).outputs] == [("c", True), ("d", True)]
    request.outputs.add(name="d")
    assert [(asked.tensor.name, asked.binary) for asked in TWO.decode(request).outputs] == [("d", False)]


def test_inputs_come_in_any_order_and_outputs_in_the_order_asked_for() -> None:
    request = two()
    request.outputs.add(name="d")
    request.outputs.add(name="c")
    decoded = TWO.decode(request)
    assert list(decoded.inputs) == ["a", "b"]
    assert [asked.tensor.name for asked in decoded.outputs] == ["d", "c"]


def two() -> ModelInferRequest:
    request = ModelInferRequest()
    request.inputs.add(name="b", datatype="BYTES", shape=[1], contents=InferTensorContents(bytes_contents=[b"x"]))
    request.inputs.add(name="a", datatype="INT8", shape=[1, 2], contents=InferTensorContents(int_contents=[1, 2]))
    return request


def change(**fields: Any) -> ModelInferRequest:
    """A good request of FP32, but for some fields of its input."""
    request = ModelInferRequest()
    request.inputs.add(**{"name": "in", "datatype": "FP32", "shape": [1, 2]} | fields)
    return request


def filled(**lists: Any) -> InferTensorContents:
    return InferTensorContents(**lists)


GOOD = filled(fp32_contents=[1, 2])
WRONG = {
    "no input": (ModelInferRequest(), "input 'in' is missing"),
    "another input": (change(name="on"), "input 'on' is unknown; the model takes in"),
    "another datatype": (change(datatype="FP64"), "has datatype 'FP64'; the model takes FP32"),
    "another shape": (change(shape=[1, 3]), r"has shape \[1, 3\]; the model takes \[-1, 2\]"),
    "no size at all": (change(shape=[0, 2]), "-1 for any size from 1"),
    "a negative size": (change(shape=[-1, 2]), "-1 for any size from 1"),
    "a size beyond all memory": (change(shape=[2**62, 2], contents=GOOD), "-1 for any size from 1"),
    "no data": (change(), "has 0 elements in fp32_contents"),
    "too few": (change(contents=filled(fp32_contents=[1])), "has 1 elements in fp32_contents"),
    "the wrong field": (
        change(contents=filled(fp64_contents=[1, 2])),
        "data in fp64_contents; FP32 goes into fp32_con",
    ),
    "two fields": (change(contents=filled(fp32_contents=[1, 2], int_contents=[1])), "data in int_contents"),
    "shared memory": (change(parameters={"shared_memory_region": {"string_param": "x"}}), "shares no memory"),
}


@pytest.mark.parametrize(("request_", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_said(request_: ModelInferRequest, message: str) -> None:
    with pytest.raises(ProtocolError, match=message) as caught:
        FP32.decode(request_)
    assert caught.value.status == 400


def test_what_does_not_fit_of_a_whole_request_is_said() -> None:
    request = raw("FP32", values("FP32"))
    request.raw_input_contents.append(b"")
    with pytest.raises(ProtocolError, match="has 1 inputs and 2 raw_input_contents"):
        FP32.decode(request)
    request = raw("FP32", values("FP32"))
    request.inputs[0].contents.fp32_contents.append(1)
    with pytest.raises(ProtocolError, match="has contents, and the request raw_input_contents"):
        FP32.decode(request)
    request = raw("FP32", values("FP32"))
    request.raw_input_contents[0] = b"123"
    with pytest.raises(ProtocolError, match=r"has 3 bytes of data; FP32 of shape \[2, 2\] takes 16"):
        FP32.decode(request)
    request = change(datatype="FP16")
    with pytest.raises(ProtocolError, match="FP16, which has no field in contents"):
        CODECS["FP16"].decode(request)


def test_an_element_beyond_its_datatype_is_found_by_row_and_feature() -> None:
    request = two()
    request.inputs[1].contents.int_contents[1] = 128
    with pytest.raises(ProtocolError, match="input 'a', row 0, feature 'income': 128 is out of INT8's range"):
        TWO.decode(request)
    request = two()
    request.inputs[0].contents.bytes_contents[0] = b"\xff"
    with pytest.raises(ProtocolError, match="input 'b', row 0: is not text in UTF-8"):
        TWO.decode(request)


@pytest.mark.parametrize("name", ["classification", "shared_memory_region"])
def test_what_an_answer_cannot_be_is_said(name: str) -> None:
    request = raw("FP32", values("FP32"))
    request.outputs.add(name="out").parameters[name].int64_param = 1
    with pytest.raises(ProtocolError, match=f"output 'out' has parameter {name}"):
        FP32.decode(request)


@pytest.mark.parametrize(
    ("parameter", "seconds"),
    [({"int64_param": 1_500_000}, 1.5), ({"uint64_param": 2_000_000}, 2.0), ({"int64_param": 0}, None)],
)
def test_a_timeout_is_in_microseconds(parameter: dict[str, int], seconds: float | None) -> None:
    assert FP32.decode(raw("FP32", values("FP32"), parameters={"timeout": parameter})).timeout == seconds


@pytest.mark.parametrize(
    "parameter",
    [
        {"string_param": "1"},
        {"double_param": 1.0},
        {"bool_param": True},
        {"int64_param": -1},
        {},
        {"uint64_param": 2**63},
    ],
)
def test_what_is_no_timeout_is_said(parameter: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="no whole number of microseconds"):
        FP32.decode(raw("FP32", values("FP32"), parameters={"timeout": parameter}))


def test_other_parameters_are_passed_over() -> None:
    FP32.decode(
        raw("FP32", values("FP32"), parameters={"priority": {"uint64_param": 3}, "note": {"string_param": "x"}})
    )


def remembered(word: str, sent: ModelInferRequest) -> tuple[Codec, bytes]:
    codec = Codec(Contract((Tensor("in", word, (-1, 2)),), (Tensor("out", word, (-1, 2)),)))
    message = sent.SerializeToString()
    codec.known.remember(message, sent.model_name, codec.decode(sent))
    return codec, message


@given(st.lists(st.floats(width=32), min_size=2, max_size=2), st.sampled_from([0, 5_000_000]))
def test_a_request_that_differs_in_its_numbers_only_means_what_the_parser_says(new: list[float], timeout: int) -> None:
    more = {"parameters": {"timeout": {"int64_param": timeout}}} if timeout else {}
    codec, _ = remembered("FP32", raw("FP32", np.zeros((1, 2), np.float32), **more))
    sent = raw("FP32", np.array([new], np.float32), **more)
    known = codec.known.read(sent.SerializeToString())
    assert known is not None
    assert known[0] == "m"
    same(known[1], codec.decode(sent))


@given(st.data())
def test_fuzz_a_message_taken_for_a_known_one_means_the_same(data: st.DataObject) -> None:
    codec, message = remembered("FP32", raw("FP32", np.ones((1, 2), np.float32)))
    changed = bytearray(message)
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    known = codec.known.read(bytes(changed))
    if known is not None:
        parsed = ModelInferRequest.FromString(bytes(changed))
        assert known[0] == parsed.model_name
        same(known[1], codec.decode(parsed))


@pytest.mark.parametrize(
    ("word", "sent"),
    [
        ("FP32", raw("FP32", np.ones((1, 2), np.float32), id="1")),
        ("BOOL", raw("BOOL", np.ones((1, 2), np.bool_))),
        ("BYTES", raw("BYTES", np.array([["a", "b"]], object))),
        ("FP64", typed("FP64", np.ones((1, 2)))),
    ],
    ids=["with an id", "BOOL", "BYTES", "typed"],
)
def test_what_needs_a_look_is_always_parsed(word: str, sent: ModelInferRequest) -> None:
    codec, message = remembered(word, sent)
    assert codec.known.read(message) is None


def same(one: InferRequest, other: InferRequest) -> None:
    assert (one.id, one.outputs, one.timeout) == (other.id, other.outputs, other.timeout)
    np.testing.assert_array_equal(one.inputs["in"], other.inputs["in"])
