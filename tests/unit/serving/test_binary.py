"""Tensors as raw bytes behind the JSON: what is read and written, and every way in which a size can lie."""

import json
from typing import Any

import numpy as np
import pytest

from pilotage.bundle.format import Contract, Tensor
from pilotage.runtime.part import Given
from pilotage.transport.errors import ProtocolError
from pilotage.transport.v2 import Asked, Codec, InferRequest

MATRIX = Tensor("input", "FP32", (-1, 2))
FLAGS = Tensor("flags", "BOOL", (-1,))
TEXTS = Tensor("texts", "BYTES", (-1,))
OUTPUTS = (Tensor("label", "BYTES", (-1,)), Tensor("probabilities", "FP32", (-1, 2)))


def codec(*inputs: Tensor) -> Codec:
    return Codec(Contract(inputs, OUTPUTS))


def said(tensor: Tensor, shape: list[int], size: Any, **more: Any) -> dict[str, Any]:
    parameters = {"binary_data_size": size}
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": shape, "parameters": parameters, **more}


def sent(*inputs: dict[str, Any], raw: bytes = b"", **more: Any) -> tuple[bytes, int]:
    """A body, and how many bytes of it are JSON."""
    head = json.dumps({"inputs": inputs, **more}).encode()
    return head + raw, len(head)


def floats(*values: float) -> bytes:
    return np.array(values, "<f4").tobytes()


def texts(*values: bytes) -> bytes:
    return b"".join(len(value).to_bytes(4, "little") + value for value in values)


def refusal(tensors: tuple[Tensor, ...], body: bytes, head: int | None) -> str:
    with pytest.raises(ProtocolError) as caught:
        codec(*tensors).decode(body, head)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize("letters", range(4))
def test_bytes_are_read_wherever_they_lie_and_cannot_be_written_to(letters: int) -> None:
    body, head = sent(said(MATRIX, [2, 2], 16), raw=floats(1, 2.5, np.nan, np.inf), id="x" * letters)
    array = codec(MATRIX).decode(body, head).inputs["input"]
    np.testing.assert_array_equal(array, np.array([[1, 2.5], [np.nan, np.inf]], np.float32))
    assert array.flags.aligned
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


def test_inputs_in_binary_and_in_json_are_mixed_in_one_request() -> None:
    flat = {"name": "input", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
    for inputs in (
        [said(FLAGS, [2], 2), flat, said(TEXTS, [2], 11)],
        [flat, said(FLAGS, [2], 2), said(TEXTS, [2], 11)],
    ):
        body, head = sent(*inputs, raw=b"\x00\x01" + texts("é".encode(), b"\x00"))
        for order in ((MATRIX, FLAGS, TEXTS), (FLAGS, TEXTS, MATRIX)):
            arrays = codec(*order).decode(body, head).inputs
            assert list(arrays) == [tensor.name for tensor in order]
            assert arrays["input"].tolist() == [[1, 2]]
            assert arrays["flags"].tolist() == [False, True]
            assert arrays["texts"].tolist() == ["é", "\x00"]


def test_a_header_that_says_all_is_json_changes_nothing() -> None:
    body, head = sent({"name": "input", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]})
    assert codec(MATRIX).decode(body, head).inputs["input"].tolist() == [[1, 2]]


GOOD, HEAD = sent(said(MATRIX, [2, 2], 16), raw=floats(1, 2, 3, 4))


@pytest.mark.parametrize(
    ("body", "head", "says"),
    [
        pytest.param(GOOD, None, "not a V2 inference request", id="no header, so that the bytes are taken for JSON"),
        pytest.param(GOOD[:HEAD], None, "send the header Inference-Header-Content-Length", id="no header, no bytes"),
        pytest.param(GOOD, 0, "Inference-Header-Content-Length says 0 bytes of JSON", id="a header of nothing"),
        pytest.param(GOOD, -1, "says -1 bytes of JSON", id="a header below nothing"),
        pytest.param(GOOD, len(GOOD) + 1, f"the body has {len(GOOD)}", id="a header beyond the body"),
        pytest.param(GOOD, HEAD - 1, "not a V2 inference request", id="a header that cuts the JSON"),
        pytest.param(GOOD, HEAD + 1, "not a V2 inference request", id="a header that takes a byte of the tensor"),
        pytest.param(GOOD[:-1], HEAD, "says 16 bytes in binary_data_size; the body has 15 left", id="a byte missing"),
        pytest.param(GOOD + b"x", HEAD, "has 1 bytes after its last tensor", id="a byte too many"),
        pytest.param(GOOD[:HEAD], HEAD, "the body has 0 left", id="no bytes at all"),
        pytest.param(*sent(said(MATRIX, [2, 2], 12), raw=floats(1, 2, 3)),
                     "has 12 bytes of data; FP32 of shape [2, 2] takes 16", id="a size that does not fit the shape"),
        pytest.param(*sent(said(MATRIX, [2**31 - 1, 2], 16), raw=floats(1, 2, 3, 4)),
                     "FP32 of shape [2147483647, 2] takes 17179869176", id="a shape beyond memory"),
        pytest.param(*sent(said(MATRIX, [2, 2], 2**62), raw=floats(1, 2, 3, 4)),
                     "says 4611686018427387904 bytes", id="a size beyond memory"),
        pytest.param(*sent(said(MATRIX, [2, 2], 10**40), raw=floats(1, 2, 3, 4)),
                     "says 1000000", id="a size of 41 digits"),
        pytest.param(*sent(said(MATRIX, [2, 2], -16), raw=floats(1, 2, 3, 4)),
                     "binary_data_size -16; it is a number of bytes", id="a negative size"),
        pytest.param(*sent(said(MATRIX, [2, 2], "16"), raw=floats(1, 2, 3, 4)), "got `str`", id="a text"),
        pytest.param(*sent(said(MATRIX, [2, 2], True), raw=floats(1, 2, 3, 4)),
                     "got `bool`", id="a boolean"),
        pytest.param(*sent(said(MATRIX, [2, 2], [16]), raw=floats(1, 2, 3, 4)),
                     "got `array`", id="a list"),
        pytest.param(*sent(said(MATRIX, [2, 2], 16, data=[1, 2, 3, 4]), raw=floats(1, 2, 3, 4)),
                     "has both data and binary_data_size", id="data twice"),
        pytest.param(*sent(said(MATRIX, [2, 2], 16, data=[]), raw=floats(1, 2, 3, 4)), "has both", id="empty data too"),
        pytest.param(*sent({"name": "input", "datatype": "FP32", "shape": [1, 2]}, raw=floats(1, 2)),
                     "has no data; send 'data', or bytes after", id="bytes without a size"),
    ],
)  # fmt: skip
def test_sizes_that_lie_are_told_apart(body: bytes, head: int | None, says: str) -> None:
    assert says in refusal((MATRIX,), body, head)


@pytest.mark.parametrize(
    ("count", "raw", "says"),
    [
        pytest.param(1, b"", "has 0 bytes of data; 1 texts take 4 each", id="no length"),
        pytest.param(2**31 - 1, texts(b"a"), "2147483647 texts take 4 each", id="more texts than bytes"),
        pytest.param(1, b"\x05\x00\x00\x00abcd", "row 0: says 5 bytes of text; 4 are left", id="a length too long"),
        pytest.param(1, b"\xff\xff\xff\xffabcd", "says 4294967295 bytes", id="the longest length"),
        pytest.param(2, texts(b"abcde") + b"\x00", "row 1: says 0 bytes of text", id="half a length"),
        pytest.param(1, texts(b"ab") + b"c", "has 1 bytes of data after its 1 texts", id="a byte left over"),
        pytest.param(1, texts(b"a", b"b"), "has 5 bytes of data after its 1 texts", id="a text left over"),
        pytest.param(2, texts(b"a", b"\xff\xfe"), "row 1: is no text in UTF-8", id="bytes that are no text"),
    ],
)
def test_lengths_of_texts_that_lie_are_told_apart(count: int, raw: bytes, says: str) -> None:
    assert says in refusal((TEXTS,), *sent(said(TEXTS, [count], len(raw)), raw=raw))


def test_a_bool_is_0_or_1() -> None:
    body, head = sent(said(FLAGS, [3], 3), raw=b"\x01\x02\x00")
    assert "row 1: 2 is not a BOOL; use the bytes 0 and 1" in refusal((FLAGS,), body, head)


ANSWERS = {
    "label": np.array(["é", ""], dtype=object),
    "probabilities": np.array([[0.25, 0.75], [1, 0]], np.float32),
}


def test_an_answer_in_binary_has_its_sizes_in_the_json_and_its_bytes_behind() -> None:
    request = InferRequest("a", {}, tuple(Asked(tensor, True) for tensor in OUTPUTS))
    body, head = codec(MATRIX).encode("m", "1", request, Given(ANSWERS))
    assert json.loads(body[:head]) == {
        "model_name": "m",
        "model_version": "1",
        "id": "a",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 10}},
            {"name": "probabilities", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": 16}},
        ],
    }
    assert body[head:] == texts("é".encode(), b"") + floats(0.25, 0.75, 1, 0)


def test_an_answer_is_mixed_as_it_was_asked_for() -> None:
    label, probabilities = OUTPUTS
    request = InferRequest("", {}, (Asked(probabilities, True), Asked(label)))
    body, head = codec(MATRIX).encode("m", "1", request, Given(ANSWERS))
    first, second = json.loads(body[:head])["outputs"]
    assert (first["parameters"], "data" in first) == ({"binary_data_size": 16}, False)
    assert (second["data"], "parameters" in second) == (["é", ""], False)
    assert body[head:] == floats(0.25, 0.75, 1, 0)


def test_rows_cut_out_of_a_batch_are_written_as_they_are_read() -> None:
    batch = np.arange(12, dtype=np.float32).reshape(3, 4)[:, 1:3]  # not contiguous
    request = InferRequest("", {}, (Asked(OUTPUTS[1], True),))
    body, head = codec(MATRIX).encode("m", "1", request, Given({"probabilities": batch}))
    assert body[head:] == floats(1, 2, 5, 6, 9, 10)
