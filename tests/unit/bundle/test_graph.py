import contextlib
import pickle
from pathlib import Path

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import MODEL, load
from pilotage.checks.graph import check_graph
from pilotage.runtime.session import Session
from tests.unit.bundle.bundles import adding_graph


def _field(number: int, content: bytes, *, beyond: int = 0) -> bytes:
    """A field of protobuf with bytes in it; `beyond` is added to its key."""
    return _varint((number << 3 | 2) + beyond) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    start = b""
    while number >= 0x80:
        start, number = start + bytes([number & 0x7F | 0x80]), number >> 7
    return start + bytes([number])


def with_external_initializer() -> bytes:
    model = adding_graph(10)
    tensor = model.graph.initializer[0]
    tensor.ClearField("int64_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="golden.jsonl")
    return bytes(model.SerializeToString())


def with_external_tensor_in_a_branch() -> bytes:
    """Nested as deep as tensors go: a node's attribute, its graph, that graph's initializer."""
    model = adding_graph(10)
    inner = onnx.GraphProto()
    inner.initializer.add(name="hidden").external_data.add(key="location", value="/etc/passwd")
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("then_branch", inner))
    return bytes(model.SerializeToString())


def with_external_tensor_behind_a_long_key() -> bytes:
    """ONNX Runtime keeps 32 bits of a field's key, and so reads 2^32 + k as k."""
    tensor = _field(8, b"count") + _field(13, b"", beyond=1 << 32)
    return bytes(adding_graph(10).SerializeToString()) + _field(7, _field(5, tensor))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", "model.onnx is empty", id="an empty file"),
        pytest.param(pickle.dumps({"weights": [1, 2]}), "model.onnx is a pickle, not ONNX", id="a pickle"),
        pytest.param(pickle.dumps({"weights": [1, 2]}, 0), "no ONNX model", id="a pickle of the first protocol"),
        pytest.param(b"cos\nsystem\n(S'id'\ntR.", "no ONNX model", id="a pickle that runs a program"),
        pytest.param(b"PK\x03\x04 and so on", "no ONNX model", id="a zip file"),
        pytest.param(b"\x08\x09", "it has no graph", id="a model without a graph"),
        pytest.param(b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "bytes are missing", id="an absurd length"),
        pytest.param(with_external_initializer(), "keeps tensors in another file", id="weights in another file"),
        pytest.param(with_external_tensor_in_a_branch(), "keeps tensors in another file", id="the same in a branch"),
        pytest.param(
            with_external_tensor_behind_a_long_key(), "a field has a number that there is not", id="the same, disguised"
        ),
        pytest.param(
            adding_graph(10, domain="com.microsoft").SerializeToString(),
            "operators of the domain 'com.microsoft'",
            id="operators that come and go with the runtime",
        ),
        pytest.param(
            adding_graph(10, domain="com.example").SerializeToString(),
            "operators of the domain 'com.example'",
            id="operators nobody has",
        ),
    ],
)
def test_a_model_that_is_not_one_whole_graph_is_refused(folder: Path, content: bytes, sentence: str) -> None:
    (folder / MODEL).write_bytes(content)
    with pytest.raises(BundleError, match=sentence) as refused:
        check_graph(folder)
    assert refused.value.check == "structure"


def test_nesting_has_an_end(folder: Path) -> None:
    content = b""
    for _ in range(100):  # a graph in an attribute of a node, again and again
        content = _field(1, _field(5, _field(6, content)))
    (folder / MODEL).write_bytes(_field(7, content))
    with pytest.raises(BundleError, match="nested deeper than"):
        check_graph(folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_model_cut_off_anywhere_is_refused(folder: Path, share: float) -> None:
    whole = adding_graph(10).SerializeToString()
    (folder / MODEL).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(BundleError):
        # A cut between two fields leaves a well-formed message; there it is the runtime that misses something.
        load_checked(folder)


def load_checked(folder: Path) -> Session:
    check_graph(folder)
    return Session.load(folder / MODEL, load(folder).contract)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=300))
def test_random_bytes_are_judged_not_crashed_on(folder: Path, content: bytes) -> None:
    (folder / MODEL).write_bytes(content)
    with contextlib.suppress(BundleError):
        check_graph(folder)
