"""What is written can be read, and what anybody else may have written is refused with the place that is wrong."""

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.bundle import reference
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import MAX_DOCUMENT_BYTES, REFERENCE, Tensor
from pilotage.bundle.reference import Bins, Reference, Values

GOOD: dict[str, Any] = {
    "format": 1,
    "rows": 6,
    "features": [
        {"name": "age", "edges": [18.0, 65], "counts": [1, 2, 3], "missing": 0.5},
        {"name": "kind", "input": "more", "values": [1, 2.5], "counts": [4, 2]},
    ],
    "outputs": [
        {"output": "label", "values": ["no", "yes"], "counts": [5, 1]},
        {"output": "score", "column": 1, "edges": [], "counts": [6]},
    ],
}


def changed(value: object, *path: str | int) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return document


def test_what_is_written_is_read() -> None:
    rows = np.array([[1.0, 1], [2, 2], [3, 1], [np.nan, 1]])
    outputs = (Tensor("label", "BYTES", (-1,)), Tensor("score", "FP32", (-1, 2)))
    answers: dict[str, Any] = {
        "label": np.array(["a", "b", "a", "x" * 300], object),
        "score": np.zeros((4, 2), np.float32),
    }
    document = reference.reference(["age", "kind"], rows, outputs, answers, {"kind": [1, 2, 3]})
    assert reference.parse(json.loads(json.dumps(document))) == Reference(
        4,
        {("", "age"): Bins((1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 2.8), (1, 0, 0, 0, 1, 0, 0, 0, 0, 1), 0.25),
         ("", "kind"): Values((1, 2, 3), (3, 1, 0))},
        {("label", 0): Values(("a", "b"), (2, 1)),
         ("score", 0): Bins((0.0,), (4, 0)), ("score", 1): Bins((0.0,), (4, 0))},
    )  # fmt: skip


def test_so_much_is_written_as_is_read() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 1200))
    outputs = (Tensor("label", "INT64", (-1,)), Tensor("scores", "FP32", (-1, 1200)))
    answers: dict[str, Any] = {"label": np.arange(5000), "scores": rows.astype(np.float32)}
    document = reference.reference([f"x{at}" for at in range(1200)], rows, outputs, answers)
    text = json.dumps(document, indent=1)
    assert len(text) < MAX_DOCUMENT_BYTES
    found = reference.parse(json.loads(text))
    assert (len(found.features), len(found.outputs)) == (1000, 1000)
    assert isinstance(found.outputs["label", 0], Values)
    assert len(found.outputs["label", 0].values) == 1000


def test_a_feature_is_found_by_its_input_first() -> None:
    found = reference.parse(changed([{**GOOD["features"][0], "input": "left"}, GOOD["features"][0]], "features"))
    assert found.feature("left", "age") is found.features["left", "age"]
    assert found.feature("right", "age") is found.features["", "age"]
    assert found.feature("left", "size") is None


WRONG = [
    ([], "reference.json must be an object"),
    (changed(2, "format"), "not of format 1"),
    (changed(-1, "rows"), "rows must be a whole number"),
    (changed(True, "rows"), "rows must be a whole number"),
    (changed({}, "features"), "features must be a list"),
    (changed([{}] * 1001, "features"), "features must be a list of at most 1000"),
    (changed("age", "features", 0), "features[0] must be an object"),
    (changed(None, "features", 0, "name"), "features[0].name must be a text"),
    (changed(7, "features", 1, "input"), "features[1].input must be a text"),
    (changed([1, "2"], "features", 0, "edges"), "features[0].edges[1] must be a finite number"),
    (changed([1, float("nan")], "features", 0, "edges"), "features[0].edges[1] must be a finite number"),
    (changed([1, 10**400], "features", 0, "edges"), "features[0].edges[1] must be a finite number"),
    (changed([2, 2], "features", 0, "edges"), "features[0].edges must grow"),
    (changed(list(range(31)), "features", 0, "edges"), "features[0].edges must be a list of at most 30"),
    (changed([1, 2], "features", 0, "counts"), "features[0].counts must be one more than the edges"),
    (changed([1, 2, 1 << 63], "features", 0, "counts"), "features[0].counts[2] must be a whole number"),
    (changed([1, 2, 0.5], "features", 0, "counts"), "features[0].counts[2] must be a whole number"),
    (changed("much", "features", 0, "missing"), "features[0].missing must be a finite number"),
    (changed([1, 1.0], "features", 1, "values"), "features[1].values must be either numbers or texts, each once"),
    (changed([1, "1"], "features", 1, "values"), "features[1].values must be either numbers or texts, each once"),
    (changed([1, [2]], "features", 1, "values"), "features[1].values[1] must be a finite number"),
    (changed([1, 1 << 64], "features", 1, "values"), "features[1].values[1] must fit into 64 bits"),
    (changed([1], "features", 1, "counts"), "features[1].counts must be as many as the values"),
    (changed([GOOD["outputs"][0]] * 2, "outputs"), "outputs[1] is there twice"),
    (changed(-1, "outputs", 1, "column"), "outputs[1].column must be a whole number"),
]


@pytest.mark.parametrize(("document", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_what_is_wrong_is_refused_with_its_place(document: object, sentence: str) -> None:
    with pytest.raises(BundleError) as refused:
        reference.parse(document)
    assert refused.value.check == "structure"
    assert sentence in refused.value.message


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"rows": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / REFERENCE).write_bytes(content)
    with pytest.raises(BundleError, match="is not JSON"):
        reference.read(tmp_path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / REFERENCE).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BundleError, match="is larger than"):
        reference.read(tmp_path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["age", 1, 0.5]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["edges", "values", "counts"]), inner),
    max_leaves=6,
)


@settings(deadline=None)
@given(
    anything,
    st.sampled_from(
        [("features",), ("features", 0), ("features", 0, "edges"), ("features", 1, "values"), ("outputs", 0, "counts")]
    ),
)
def test_whatever_stands_there_it_is_read_or_refused(value: object, path: tuple[str | int, ...]) -> None:
    with suppress(BundleError):
        reference.parse(changed(value, *path))
