"""What the door lets in, what it refuses, and how it says so."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pilotage.bundle.format import DATATYPES, Contract, Feature, Tensor
from pilotage.runtime.door import Door, Refusal
from pilotage.runtime.session import dtype_of

AGE = Feature("age", 0.0, 120.0, missing=False, refuse=True)
SIZE = Feature("size", 10.0, 250.0, missing=False)  # counted, not refused
BMI = Feature("bmi", 10.0, 100.0, missing=True, refuse=True)
RATE = Feature("rate", None, None, missing=True, categories=(0.1, 0.2), refuse=True)
PIN = Feature("pin", 0.0, 9999.0, missing=False, refuse=True, redact=True)
FEATURES = (AGE, SIZE, BMI, RATE, PIN)
GOOD = (30.0, 180.0, 22.0, 0.1, 1234.0)


def door(*features: Feature, datatype: str = "FP32", shape: tuple[int, ...] | None = None) -> Door:
    tensor = Tensor("person", datatype, (-1, len(features)) if shape is None else shape, features)
    return Door(Contract((tensor,), ()))


def check(at: Door, rows: Any, datatype: str = "FP32") -> list[Refusal]:
    return list(at.check({"person": np.array(rows, dtype=dtype_of(datatype))}))


def changed(**values: float) -> list[float]:
    by_name = dict(zip((f.name for f in FEATURES), GOOD, strict=True))
    return list({**by_name, **values}.values())


def test_good_rows_pass() -> None:
    assert not door(*FEATURES).check({"person": np.array([GOOD] * 3, dtype=np.float32)})


@pytest.mark.parametrize(
    ("row", "says", "kind"),
    [
        pytest.param(
            changed(age=130.5),
            "input 'person', row 1, feature 'age': 130.5 is above 120, the most that is allowed",
            "above",
            id="above the most",
        ),
        pytest.param(
            changed(age=-1),
            "input 'person', row 1, feature 'age': -1 is below 0, the least that is allowed",
            "below",
            id="below the least",
        ),
        pytest.param(
            changed(age=math.nan),
            "input 'person', row 1, feature 'age': a value is missing (null or NaN) and must be there",
            "missing",
            id="missing",
        ),
        pytest.param(
            changed(rate=0.3),
            "input 'person', row 1, feature 'rate': 0.3 is none of 0.1, 0.2",
            "unknown_category",
            id="no category",
        ),
        pytest.param(
            changed(size=math.inf),
            "input 'person', row 1, feature 'size': an infinite value is no number that a model can use; a missing "
            "value is null in JSON, NaN in binary",
            "infinite",
            id="infinite, whatever the policy",
        ),
        pytest.param(
            changed(pin=10_000),
            "input 'person', row 1, feature 'pin': a value is above 9999, the most that is allowed",
            "above",
            id="a redacted value is not said back",
        ),
    ],
)
def test_a_bad_value_is_refused_with_its_place_and_what_was_expected(row: list[float], says: str, kind: str) -> None:
    at = door(*FEATURES)
    (refusal,) = check(at, [GOOD, row, GOOD])
    assert refusal.row == 1
    assert refusal.message() == says
    (violation,) = refusal.violations
    assert violation.kind == kind
    assert dict(at.refused) == {(violation.feature, kind): 1}


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(changed(size=1000), id="beyond a range that is only counted"),
        pytest.param(changed(size=math.nan), id="a gap that is only counted"),
        pytest.param(changed(bmi=math.nan), id="a gap that is allowed"),
        pytest.param(changed(rate=math.nan), id="a gap among categories"),
        pytest.param(changed(age=0.0, bmi=100.0), id="the limits themselves"),
    ],
)
def test_what_the_contract_lets_in_passes(row: list[float]) -> None:
    assert not check(door(*FEATURES), [row])


def test_rows_are_numbered_as_the_caller_sent_them() -> None:
    (refusal,) = check(door(AGE), [[1], [2], [3], [121]])
    assert refusal.message(first_row=2).startswith("input 'person', row 1,")


def test_a_rows_first_violations_are_worded_and_the_rest_counted() -> None:
    at = door(*(Feature(f"x{i}", 0.0, 1.0, missing=False, refuse=True) for i in range(10)))
    (refusal,) = check(at, [[2.0] * 10])
    assert refusal.message() == (
        "input 'person', row 0, feature 'x0': 2 is above 1, the most that is allowed; "
        "feature 'x1': 2 is above 1, the most that is allowed; feature 'x2': 2 is above 1, the most that is allowed; "
        "and 7 more in this row"
    )
    assert sum(at.refused.values()) == 10


def test_each_request_gets_one_refusal_however_many_rows_are_bad() -> None:
    at = door(AGE)
    rows = np.full((1000, 1), 200.0, dtype=np.float32)
    rows[:10] = 20
    rows[900:] = 20
    found = at.check({"person": rows}, starts=[0, 10, 500, 900])
    assert [refusal.row for refusal in found] == [10, 500]
    assert dict(at.refused) == {("age", "above"): 890}


def test_several_inputs_are_checked_row_by_row() -> None:
    tensors = (Tensor("a", "FP32", (-1, 1), (AGE,)), Tensor("b", "INT64", (-1, 1), (BMI,)))
    rows = {"a": np.array([[1], [999], [1]], dtype=np.float32), "b": np.array([[50], [5], [5]])}
    assert [refusal.message() for refusal in Door(Contract(tensors, ())).check(rows)] == [
        "input 'a', row 1, feature 'age': 999 is above 120, the most that is allowed; "
        "input 'b', row 1, feature 'bmi': 5 is below 10, the least that is allowed",
        "input 'b', row 2, feature 'bmi': 5 is below 10, the least that is allowed",
    ]


@pytest.mark.parametrize(
    ("datatype", "value", "allowed"),
    [
        pytest.param("FP16", 0.1, True, id="0.1 in FP16 is the category 0.1"),
        pytest.param("FP64", 0.1, True, id="0.1 in FP64 is the category 0.1"),
        pytest.param("FP64", 0.1000001, False, id="what FP32 could not tell apart"),
    ],
)
def test_categories_are_compared_in_the_inputs_own_precision(datatype: str, value: float, allowed: bool) -> None:
    assert (not check(door(RATE, datatype=datatype), [[value]], datatype)) is allowed


@pytest.mark.parametrize("rows", [1, 5000], ids=["a row", "many rows"])
@pytest.mark.parametrize("datatype", ["UINT8", "INT32", "FP32"])
def test_categories_of_numbers_hold_for_every_row(datatype: str, rows: int) -> None:
    at = door(Feature("kind", None, None, missing=False, categories=(1.0, 2.0, 5.0), refuse=True), datatype=datatype)
    assert not check(at, [[5]] * rows, datatype)
    assert [refusal.row for refusal in check(at, [[5]] * rows + [[3]], datatype)] == [rows]


def test_texts_have_categories() -> None:
    sex = Feature("sex", None, None, missing=False, categories=("F", "M"), refuse=True)
    at = door(sex, datatype="BYTES")
    assert not check(at, [["F"], ["M"], [b"F"]], "BYTES")
    first, second = check(at, [["f"], ["M"], [b"\xff\n"]], "BYTES")
    assert first.message() == "input 'person', row 0, feature 'sex': 'f' is none of 'F', 'M'"
    assert second.message(first_row=2) == "input 'person', row 0, feature 'sex': '\\ufffd\\n' is none of 'F', 'M'"


def test_what_is_said_back_stays_short() -> None:
    categories = tuple(f"{i:0200}" for i in range(1000))
    at = door(Feature("n" * 5000, None, None, missing=False, categories=categories, refuse=True), datatype="BYTES")
    (refusal,) = check(at, [["\N{SNOWMAN}" * 10_000]], "BYTES")
    assert len(refusal.message()) < 1000
    assert refusal.message().endswith("and 995 more")


@pytest.mark.parametrize(
    ("shape", "sent", "place"),
    [
        pytest.param((-1,), [1.0, math.inf], "row 1, column 0", id="a row is one value"),
        pytest.param((-1, 2, 2), [[[0, 0], [0, 0]], [[0, 0], [math.inf, 0]]], "row 1, column 2", id="a row is a table"),
        pytest.param((2,), [0, math.inf], "row 0, column 1", id="no batch: the whole is one row"),
        pytest.param((), math.inf, "row 0, column 0", id="a single value"),
    ],
)
def test_columns_without_a_name_are_numbered(shape: tuple[int, ...], sent: Any, place: str) -> None:
    at = Door(Contract((Tensor("person", "FP32", shape),), ()))
    (refusal,) = check(at, sent)
    assert f"input 'person', {place}: an infinite value" in refusal.message()
    assert dict(at.refused) == {("person", "infinite"): 1}


@pytest.mark.parametrize("columns", [1, 3], ids=["fewer columns", "more columns"])
def test_columns_beyond_the_contracts_features_are_no_trouble(columns: int) -> None:
    at = door(AGE, RATE, shape=(-1, -1))
    assert not check(at, [[30.0, 0.1, 7.0][:columns]])
    assert [refusal.row for refusal in check(at, [[30.0, 0.1, 7.0][:columns], [130.0, 0.1, 7.0][:columns]])] == [1]


def test_a_limit_beyond_the_datatype_limits_no_number() -> None:
    at = door(Feature("x", -1e30, 1e30, missing=False, refuse=True), datatype="FP16")
    assert not check(at, [[65_504], [-65_504]], "FP16")
    assert [refusal.violations[0].kind for refusal in check(at, [[math.inf], [-math.inf]], "FP16")] == ["infinite"] * 2


@pytest.mark.parametrize("datatype", DATATYPES)
def test_every_datatype_passes_where_nothing_is_refused(datatype: str) -> None:
    value = "a" if datatype == "BYTES" else 1
    assert not check(door(SIZE, datatype=datatype), [[value]], datatype)


VALUES = st.one_of(st.sampled_from([math.nan, math.inf, -math.inf, 0.1, 0.2, 120.0]), st.floats(-200, 12_000, width=32))


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(len(FEATURES))), elements=VALUES))
def test_the_fast_way_agrees_with_looking_at_each_value(rows: Any) -> None:
    at = door(*FEATURES)
    wrong = [
        (row, feature.name, kind)
        for row, values in enumerate(rows)
        for feature, value in zip(FEATURES, values, strict=True)
        if (kind := judged(feature, value))
    ]
    found = list(at.check({"person": rows}))
    assert [refusal.row for refusal in found] == sorted({row for row, _, _ in wrong})
    assert [(r.row, v.feature, v.kind) for r in found for v in r.violations] == [
        entry for row in {row: None for row, _, _ in wrong} for entry in [e for e in wrong if e[0] == row][:3]
    ]
    assert sum(at.refused.values()) == len(wrong)


def judged(feature: Feature, value: Any) -> str:
    if np.isinf(value):
        return "infinite"
    if not feature.refuse:
        return ""
    if np.isnan(value):
        return "" if feature.missing else "missing"
    if feature.low is not None and value < feature.low:
        return "below"
    if feature.high is not None and value > feature.high:
        return "above"
    if feature.categories and value not in [np.float32(entry) for entry in feature.categories]:
        return "unknown_category"
    return ""
