"""Every value that was answered is in exactly one bin: the one that a slow and plain reading of the contract says."""

import doctest
import importlib
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.bundle.format import Contract, Feature, Tensor
from pilotage.bundle.reference import Bins, Reference, Values
from pilotage.runtime.drift import Drift
from pilotage.runtime.watchlist import Column

Array = np.ndarray[Any, np.dtype[Any]]

DTYPES = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "UINT8": np.uint8}
PLAIN = Feature("age", None, None, True)


def contract(*features: Feature, datatype: str = "FP32", outputs: Sequence[Tensor] = ()) -> Contract:
    return Contract((Tensor("rows", datatype, (-1, len(features)), features),), tuple(outputs))


def fp32(values: Sequence[Any]) -> Array:
    return np.array(values, dtype=np.float32)


def bins(edges: Sequence[float] = ()) -> Bins:
    return Bins(tuple(edges), (0,) * (len(edges) + 1))


def counts(column: Column) -> dict[str, int]:
    """Without the bins that nothing is in."""
    found = dict(zip(column.bins.labels, column.bins.counts(), strict=True))
    assert len(found) == len(column.bins.labels)
    return {label: count for label, count in found.items() if count}


def seen(drift: Drift, inputs: dict[str, Array], outputs: dict[str, Array] | None = None) -> Drift:
    drift.note(inputs, outputs or {})
    drift.collect()
    return drift


def plain_bin(value: Any, edges: Sequence[float], low: float | None, high: float | None, carried: Any) -> str:
    """The bin of one value; the contract's numbers as a tensor of that datatype carries them."""
    if math.isnan(value):
        return "missing"
    if low is not None and value < carried(low):
        return "below"
    if high is not None and value > carried(high):
        return "above"
    return next((repr(edge) for edge in edges if value <= carried(edge)), "+Inf")


@st.composite
def columns(draw: st.DrawFn) -> tuple[str, list[float], float | None, float | None, list[Array]]:
    """Edges, limits, and batches of values that often lie on them, or next to them."""
    datatype = draw(st.sampled_from(list(DTYPES)))
    dtype = np.dtype(DTYPES[datatype])
    numbers = st.floats(-1000, 1000, width=16) | st.sampled_from([0.0, 0.1, 0.3, 1 / 3, 0.123457])
    edges = sorted(draw(st.sets(numbers, max_size=12)))
    limits = sorted(draw(st.tuples(numbers, numbers)))
    low, high = (limit if draw(st.booleans()) else None for limit in limits)
    if dtype.kind == "f":
        known = np.array([*edges, *limits, 0.0]).astype(dtype)
        beside = [np.nextafter(known, dtype.type(side)) for side in (-math.inf, math.inf)]
        values = st.sampled_from([*known, *beside[0], *beside[1], math.nan, math.inf, -math.inf]) | numbers
    else:
        values = st.integers(0 if dtype.kind == "u" else -1000, 200)
    batches = draw(st.lists(st.lists(values, min_size=1, max_size=20), max_size=4))
    return datatype, edges, low, high, [np.array(batch).astype(dtype) for batch in batches]


@settings(deadline=None)
@given(columns())
def test_numbers_are_in_the_bins_that_a_slow_reading_says(
    column: tuple[str, list[float], float | None, float | None, list[Array]],
) -> None:
    datatype, edges, low, high, batches = column
    feature = Feature("age", low, high, True)
    drift = Drift(contract(feature, datatype=datatype), Reference(0, {("", "age"): bins(edges)}))
    for batch in batches:
        drift.note({"rows": batch[:, None]}, {})
    drift.collect()
    # Whole numbers are compared as FP64.
    dtype: Any = DTYPES[datatype] if datatype.startswith("FP") else np.float64
    plain = Counter(plain_bin(dtype(value), edges, low, high, dtype) for batch in batches for value in batch)
    assert counts(drift.features[0]) == plain


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=1, max_size=40))
def test_it_does_not_matter_in_which_batches_rows_come(sizes: list[list[int]]) -> None:
    random = np.random.default_rng(1)
    features = [Feature(f"f{index}", -2.0, 2.0, False) for index in range(4)]
    known = Reference(0, {("", f"f{index}"): bins([-1.0, 0.0, 0.5]) for index in range(4)})
    drift = Drift(contract(*features), known)
    rows = random.normal(size=(sum(map(sum, sizes)), 4)).astype(np.float32)
    first = 0
    for group in sizes:
        for size in group:
            drift.note({"rows": rows[first : first + size]}, {})
            first += size
        drift.collect()
    whole = seen(Drift(contract(*features), known), {"rows": rows})
    assert [counts(column) for column in drift.features] == [counts(column) for column in whole.features]


def test_a_constant_column_is_in_the_bin_of_its_only_edge() -> None:
    drift = Drift(contract(PLAIN), Reference(0, {("", "age"): bins([0.1])}))
    assert counts(seen(drift, {"rows": np.full((7, 1), 0.1, np.float32)}).features[0]) == {"0.1": 7}


def test_a_feature_without_a_reference_still_has_its_limits() -> None:
    drift = seen(Drift(contract(Feature("age", 0, 9, False)), Reference()), {"rows": fp32([[-1], [5], [10]])})
    assert counts(drift.features[0]) == {"below": 1, "+Inf": 1, "above": 1}


def test_limits_and_edges_that_contradict_each_other_lose_no_value() -> None:
    drift = Drift(contract(Feature("age", 5.0, 1.0, False)), Reference(0, {("", "age"): bins([0.0, 9.0])}))
    rows = np.arange(-2, 12, dtype=np.float32)[:, None]
    assert sum(counts(seen(drift, {"rows": rows}).features[0]).values()) == len(rows)


def test_what_a_batch_s_arrays_become_later_does_not_matter() -> None:
    drift = Drift(contract(PLAIN), Reference(0, {("", "age"): bins([0.0])}))
    rows = np.ones((3, 1), np.float32)
    drift.note({"rows": rows}, {})
    rows[:] = -1
    drift.collect()
    assert counts(drift.features[0]) == {"+Inf": 3}


def test_the_features_of_two_inputs_are_told_apart() -> None:
    tensors = tuple(Tensor(name, "FP32", (-1, 1), (PLAIN,)) for name in ("left", "right"))
    known = Reference(0, {("left", "age"): bins([0.0]), ("", "age"): bins([5.0])})
    drift = Drift(Contract(tensors, ()), known)
    seen(drift, {"left": fp32([[1]]), "right": fp32([[1]])})
    assert [(column.names["input"], counts(column)) for column in drift.features] == [
        ("left", {"+Inf": 1}),
        ("right", {"5.0": 1}),
    ]


def test_categories_that_are_numbers_are_compared_as_the_datatype_carries_them() -> None:
    feature = Feature("dose", None, None, True, categories=(0.1, 2.0, 3.0))
    drift = seen(Drift(contract(feature), Reference()), {"rows": fp32([[0.1], [2], [2], [4], [np.nan]])})
    assert counts(drift.features[0]) == {"0.1": 1, "2": 2, "unknown": 1, "missing": 1}


def test_categories_that_are_texts_may_come_as_bytes_and_be_called_as_bins_are() -> None:
    features = [
        Feature("colour", None, None, False, categories=("red", "unknown", "")),
        Feature("remark", None, None, False),
        Feature("shape", None, None, False, categories=("round", "red")),
    ]
    rows = np.array([["red", "x", "round"], [b"red", "y", "blue"], ["unknown", "z", "red"], ["", "", "\ud800"]], object)
    drift = seen(Drift(contract(*features, datatype="BYTES"), Reference()), {"rows": rows})
    assert {column.names["feature"]: counts(column) for column in drift.features} == {
        "colour": {"red": 2, '"unknown"': 1, '""': 1},
        "shape": {"round": 1, "red": 1, "unknown": 2},
    }


def test_categories_beyond_the_first_thirty_are_known_but_share_a_bin() -> None:
    feature = Feature("code", None, None, False, categories=tuple(map(float, range(40))))
    drift = seen(Drift(contract(feature, datatype="INT64"), Reference()), {"rows": np.arange(45)[:, None]})
    found = counts(drift.features[0])
    assert (found["0"], found["29"], found["other"], found["unknown"]) == (1, 1, 10, 5)
    assert len(found) == 32


def test_values_that_only_training_knows_leave_the_others_in_one_bin() -> None:
    known = Reference(0, {("", "age"): Values((1, 2), (5, 5))})
    drift = seen(Drift(contract(PLAIN), known), {"rows": fp32([[1], [2], [3]])})
    assert counts(drift.features[0]) == {"1": 1, "2": 1, "other": 1}


LABELS: list[tuple[str, tuple[Any, ...], list[Any], dict[str, int]]] = [
    ("INT64", (0, 1, 2**60 + 1), [0, 0, 1, 2**60, 2**60 + 1, -5], {"0": 2, "1": 1, str(2**60 + 1): 1, "other": 2}),
    ("UINT64", (0, 2**64 - 1), [0, 2**64 - 1, 2**64 - 2], {"0": 1, str(2**64 - 1): 1, "other": 1}),
    ("UINT8", (0, 300, 1.5, -1), [0, 44, 1, 255], {"0": 1, "other": 3}),
    ("BOOL", (False, True), [True, False, True], {"false": 1, "true": 2}),
    ("BYTES", ("no", "other"), ["no", "other", "?", "no"], {"no": 2, '"other"': 1, "other": 1}),
    ("INT32", ("no", "yes"), [0, 1], {"other": 2}),
]


@pytest.mark.parametrize(("datatype", "known", "labels", "expected"), LABELS)
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_labels_are_counted_by_value(
    datatype: str, known: tuple[Any, ...], labels: list[Any], expected: dict[str, int], shape: tuple[int, ...]
) -> None:
    dtype: Any = {"BOOL": np.bool_, "BYTES": np.object_}.get(datatype) or datatype.lower()
    output = Tensor("label", datatype, shape)
    drift = Drift(contract(PLAIN, outputs=[output]), Reference(0, {}, {("label", 0): Values(known, (1,) * len(known))}))
    answers = np.array(labels, dtype=dtype).reshape([len(labels), *shape[1:]])
    seen(drift, {"rows": np.zeros((len(labels), 1), np.float32)}, {"label": answers})
    assert counts(drift.classes[0]) == expected


def test_of_many_classes_the_most_frequent_have_a_series() -> None:
    known = Values(tuple(range(300)), tuple(range(300)))
    drift = Drift(contract(PLAIN, outputs=[Tensor("label", "INT64", (-1,))]), Reference(0, {}, {("label", 0): known}))
    seen(drift, {"rows": np.zeros((300, 1), np.float32)}, {"label": np.arange(300)})
    found = counts(drift.classes[0])
    assert found.pop("other") == 200
    assert set(found) == {str(label) for label in range(200, 300)}


def test_the_columns_of_an_output_are_in_the_bins_of_theirs() -> None:
    known = {("scores", column): bins([edge]) for column, edge in enumerate([0.5, 0.25])}
    drift = Drift(contract(PLAIN, outputs=[Tensor("scores", "FP32", (-1, 3))]), Reference(0, {}, known))
    seen(drift, {"rows": np.zeros((2, 1), np.float32)}, {"scores": fp32([[0.5, 0.5, 0], [0.6, 0.2, 0]])})
    assert [(dict(column.names), counts(column)) for column in drift.outputs] == [
        ({"output": "scores", "column": "0"}, {"0.5": 1, "+Inf": 1}),
        ({"output": "scores", "column": "1"}, {"0.25": 1, "+Inf": 1}),
    ]


def test_of_a_very_large_batch_evenly_spaced_rows_are_counted_and_the_others_told() -> None:
    labels = Tensor("label", "INT64", (-1,))
    drift = Drift(contract(PLAIN, outputs=[labels]), Reference(0, {}, {("label", 0): Values((0, 1), (1, 1))}))
    rows = 1_000_001
    answers = (np.arange(rows) >= rows // 2).astype(np.int64)
    seen(drift, {"rows": np.zeros((rows, 1), np.float32)}, {"label": answers})
    found = counts(drift.classes[0])
    assert 0 < sum(found.values()) == sum(counts(drift.features[0]).values()) == rows - drift.unbinned < 100_000
    assert abs(found["0"] - found["1"]) <= 1


def test_answers_of_another_shape_than_the_contract_s_are_left_out_and_told() -> None:
    scores = Tensor("scores", "FP32", (-1, 2))
    known = {("scores", 0): bins([0.5])}
    drift = Drift(contract(PLAIN, outputs=[scores]), Reference(0, {}, known))
    seen(drift, {"rows": np.zeros((4, 1), np.float32)}, {"scores": np.zeros((4, 3), np.float32)})
    assert (counts(drift.outputs[0]), counts(drift.features[0]), drift.unbinned) == ({}, {"+Inf": 4}, 4)
    seen(drift, {"rows": np.zeros((2, 1), np.float32)}, {"scores": np.zeros((2, 2), np.float32)})
    assert (counts(drift.outputs[0]), counts(drift.features[0]), drift.unbinned) == ({"0.5": 2}, {"+Inf": 6}, 4)


def test_arrays_that_cannot_be_copied_at_once_are_left_out_and_told() -> None:
    drift = Drift(contract(PLAIN, Feature("b", None, None, True)), Reference())
    seen(drift, {"rows": np.zeros((2, 3), np.float32).T})
    seen(drift, {"rows": np.zeros((5, 2), np.float32)})
    assert (counts(drift.features[0]), drift.unbinned) == ({"+Inf": 5}, 3)


@pytest.mark.parametrize("shape", [(-1, -1), (-1, -1, 1), (-1, 0)])
def test_tensors_whose_rows_differ_are_not_watched(shape: tuple[int, ...]) -> None:
    drift = Drift(Contract((Tensor("rows", "FP32", shape, (PLAIN,)),), ()), Reference())
    assert seen(drift, {"rows": np.zeros((1, 1), np.float32)}).features == []


def test_a_model_without_rows_is_one_row_at_a_time() -> None:
    features = (PLAIN, Feature("b", None, None, True), Feature("c", None, None, True))
    tensors = (Tensor("rows", "FP32", (3,), features), Tensor("more", "FP32", (-1, 1), (PLAIN,)))
    drift = Drift(Contract(tensors, ()), Reference(0, {("", "b"): bins([0.0])}))
    for _ in range(4):
        drift.note({"rows": fp32([1, -1, 1]), "more": fp32([[1], [2]])}, {})
    drift.collect()
    assert [counts(column) for column in drift.features] == [{"+Inf": 4}, {"0.0": 4}, {"+Inf": 4}]


def test_the_first_hundred_features_of_all_inputs_are_watched() -> None:
    tensors = tuple(
        Tensor(name, "FP32", (-1, 70), tuple(Feature(f"{name}{at}", None, None, True) for at in range(70)))
        for name in "ab"
    )
    drift = Drift(Contract(tensors, ()), Reference())
    seen(drift, {name: np.arange(140, dtype=np.float32).reshape(2, 70) for name in "ab"})
    assert [column.names["feature"] for column in drift.features][-31:] == ["a69", *(f"b{at}" for at in range(30))]
    assert all(counts(column) == {"+Inf": 2} for column in drift.features)


@pytest.mark.parametrize("module", ["bins", "exposition"])
def test_worked_examples_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"pilotage.runtime.{module}"))
    assert (found.failed, found.attempted > 0) == (0, True)
