"""The payload log: a fair share of requests, cut to a size, without what the contract redacts."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import Contract, Tensor
from pilotage.transport.log.excerpt import Bounds, Excerpts
from pilotage.transport.log.line import json_line
from pilotage.transport.log.outlet import Outlet
from pilotage.transport.log.payload import Entry, PayloadLog, Wording
from tests.unit.serving.logged import CONTRACT, IDENTITY, PATIENT, WAIT, Array, Asked, FakeSink, answers, asked, feature


def logged(
    requests: list[tuple[Asked, dict[str, Array]]],
    contract: Contract = CONTRACT,
    share: float = 1.0,
    bounds: Bounds | None = None,
) -> list[dict[str, Any]]:
    """The entries of these requests, as a reader of their lines finds them."""
    sink = FakeSink()
    sink.open.set()
    outlet: Outlet[Entry] = Outlet(sink, capacity=100_000)
    log = PayloadLog(contract, outlet, share, bounds=bounds, now=lambda: 1_700_000_000.0)
    for request, given_answers in requests:
        log.offer(request, given_answers)
        for array in (*request.inputs.values(), *given_answers.values()):
            array.fill(0)  # the buffer is used for the next batch
    outlet.start()
    outlet.close(WAIT)
    wording = Wording(IDENTITY)
    return [json.loads(json_line(wording.document(entry))) for batch in sink.batches for entry in batch]


def excerpt(tensor: Tensor, array: Array, *, rows: int = 32, size: int = 64 << 10) -> dict[str, Any]:
    taken = Excerpts(tensor, rows=rows, size=size).take(array)
    document: dict[str, Any] = json.loads(json_line(taken.document()))
    return document


def test_an_entry_holds_question_and_answer_by_tensor_and_feature_and_names_who_answered() -> None:
    assert logged([(asked(2), answers(2))]) == [
        {
            "time": "2023-11-14T22:13:20.000+00:00",
            "id": "r-1",
            "model": "fraud",
            "deployment": "fraud-prod",
            "version": "fraud-v3",
            "revision": "1a2b3c4d5e",
            "inputs": {
                "input": {
                    "datatype": "FP32",
                    "shape": [2, 3],
                    "features": {"age": [0.0, 3.0], "income": "redacted", "debt": [2.0, 5.0]},
                }
            },
            "outputs": {
                "label": {"datatype": "INT64", "shape": [2], "data": [0, 0]},
                "probabilities": {"datatype": "FP32", "shape": [2, 2], "data": [[0.5, 0.5], [0.5, 0.5]]},
            },
        }
    ]


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (1.0, 20_000, 20_000), (0.1, 1700, 2300)])
def test_every_request_has_the_same_chance(share: float, low: int, high: int) -> None:
    """A tenth of 20,000 is 2,000 with a standard deviation of 42: beyond seven of them is no chance."""
    sink = FakeSink()
    outlet: Outlet[Entry] = Outlet(sink, capacity=20_000)
    log = PayloadLog(CONTRACT, outlet, share)
    request, answer = asked(), answers()
    for _ in range(20_000):
        log.offer(request, answer)
    outlet.close(0)
    assert low <= log.dropped <= high  # nobody took them


def test_the_gap_to_the_next_is_geometric() -> None:
    throws = iter([0.0, 0.5, 0.9, 0.999])
    outlet: Outlet[Entry] = Outlet(FakeSink(), capacity=100)
    log = PayloadLog(CONTRACT, outlet, 0.5, chance=lambda: next(throws))
    gaps, last = [], 0
    for number in range(1, 10):
        before = outlet._queue.qsize()
        log.offer(asked(), answers())
        if outlet._queue.qsize() > before:
            gaps.append(number - last)
            last = number
        if len(gaps) == 3:
            break
    assert gaps == [1, 2, 4]  # 1 + floor(log2(1 / u)) for u = 1, 0.5, 0.1


def test_one_that_lies_far_off_is_drawn_anew_when_half_a_billion_requests_are_over() -> None:
    throws = iter([0.5, 0.0, 0.5])
    outlet: Outlet[Entry] = Outlet(FakeSink(), capacity=100)
    log = PayloadLog(CONTRACT, outlet, 1e-12, chance=lambda: next(throws))
    assert log._until == 1 << 29
    log._until = 1
    log.offer(asked(), answers())
    assert outlet._queue.qsize() == 0
    log.offer(asked(), answers())  # drawn as the very next
    assert outlet._queue.qsize() == 1


def test_numbers_that_are_not_finite_are_null() -> None:
    found = excerpt(Tensor("x", "FP32", (-1,)), np.array([1, np.nan, np.inf, -np.inf], np.float32))
    assert found["data"] == [1.0, None, None, None]


@pytest.mark.parametrize(
    ("dtype", "datatype", "value"),
    [(np.float16, "FP16", 0.5), (np.uint64, "UINT64", 2**64 - 1), (np.int8, "INT8", -128), (np.bool_, "BOOL", True)],
)
def test_every_datatype_stands_as_json_has_it(dtype: type[np.generic], datatype: str, value: object) -> None:
    assert excerpt(Tensor("x", datatype, (-1, 2)), np.array([[value, value]], dtype))["data"] == [[value, value]]


@pytest.mark.parametrize(
    ("tensor", "shape", "shown"),
    [
        pytest.param(Tensor("x", "FP32", (-1, 2), (feature("a", redact=True), feature("b"))), (1, 2),
                     {"features": {"a": "redacted", "b": [1.0]}}, id="one column of two"),
        pytest.param(Tensor("x", "FP32", (-1, 1), (feature("a", redact=True),)), (3, 1),
                     {"features": {"a": "redacted"}}, id="an input for each feature"),
        pytest.param(Tensor("x", "FP32", (-1,), (feature("a", redact=True),)), (3,),
                     {"features": {"a": "redacted"}}, id="one dimension"),
        pytest.param(Tensor("x", "FP32", (-1, -1), (feature("a", redact=True), feature("b"))), (1, 3),
                     {"data": "redacted"}, id="more columns than the contract names"),
        pytest.param(Tensor("x", "FP32", (-1, 2), (feature("a", redact=True), feature("a"))), (1, 2),
                     {"data": "redacted"}, id="two columns of one name"),
        pytest.param(Tensor("x", "FP32", (2,), (feature("a", redact=True), feature("b"))), (2,),
                     {"features": {"a": "redacted", "b": [1.0]}}, id="no free dimension: one row"),
        pytest.param(Tensor("x", "FP32", (-1, -1), (feature("a"), feature("b"))), (1, 3),
                     {"data": [[1.0, 1.0, 1.0]]}, id="nothing redacted"),
    ],
)  # fmt: skip
def test_what_the_contract_redacts_is_not_shown(tensor: Tensor, shape: tuple[int, ...], shown: dict[str, Any]) -> None:
    assert excerpt(tensor, np.ones(shape, np.float32)) == {"datatype": "FP32", "shape": list(shape), **shown}


@PATIENT
@given(st.integers(1, 40), st.integers(1, 40), st.integers(16, 2000), st.sampled_from(["FP32", "BYTES"]))
def test_no_cut_shows_a_redacted_value(rows: int, columns: int, size: int, datatype: str) -> None:
    features = tuple(feature(f"f{column}", redact=column % 2 == 0) for column in range(columns))
    array = np.array([[7_654_321 if column % 2 == 0 else 5 for column in range(columns)]] * rows)
    array = array.astype(np.float32) if datatype == "FP32" else array.astype(str).astype(object)
    found = excerpt(Tensor("x", datatype, (-1, columns), features), array, rows=8, size=size)
    assert "7654321" not in json.dumps(found)


def test_a_large_request_is_cut_to_its_first_rows_and_says_so() -> None:
    found = excerpt(Tensor("x", "FP32", (-1, 2)), np.arange(200, dtype=np.float32).reshape(100, 2), rows=3)
    assert found == {
        "datatype": "FP32",
        "shape": [100, 2],
        "data": [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]],
        "truncated": True,
    }


def test_a_row_that_is_too_wide_is_cut() -> None:
    found = excerpt(Tensor("x", "FP32", (-1, 3, 100, 100)), np.ones((2, 3, 100, 100), np.float32), size=1600)
    assert (found["data"], found["truncated"]) == ([[1.0] * 100], True)


def test_texts_are_cut_and_their_bytes_need_not_be_text() -> None:
    array = np.array([["short", "x" * 5000], [b"\xff\xfe", "\U0001f600"]], object)
    found = excerpt(Tensor("x", "BYTES", (-1, 2)), array)
    assert found["data"] == [["short", "x" * 1024], ["��", "\U0001f600"]]
    assert found["truncated"]
    assert array[0, 1] == "x" * 5000  # the caller's own is as it was


@PATIENT
@given(
    st.integers(0, 200),
    st.integers(0, 50),
    st.sampled_from(["FP64", "INT64", "BYTES"]),
    st.integers(1, 5000),
)
def test_an_entry_is_bounded_whatever_is_asked(rows: int, columns: int, datatype: str, letters: int) -> None:
    dtype = {"FP64": np.float64, "INT64": np.int64, "BYTES": object}[datatype]
    value: Any = "\x00" * letters if datatype == "BYTES" else -(2**63) / 3 if datatype == "FP64" else -(2**63)
    array = np.full((rows, columns), value, dtype)
    found = excerpt(Tensor("x", datatype, (-1, columns)), array, size=4096)
    assert len(json.dumps(found)) < 8 * 4096  # a NUL takes six bytes
    assert found.get("truncated", False) == (rows > 32 or rows * columns > 256 or _cut(array, found))


def _cut(array: Array, found: dict[str, Any]) -> bool:
    return array.dtype == object and array.size > 0 and len(str(found["data"][0])) < len(array[0, 0])


def test_an_output_without_rows_is_shown_as_it_is() -> None:
    found = excerpt(Tensor("boxes", "FP32", (-1, 4)), np.empty((0, 4), np.float32))
    assert found == {"datatype": "FP32", "shape": [0, 4], "data": []}


def test_the_bound_is_shared_by_all_tensors_of_an_entry() -> None:
    tensors = tuple(Tensor(f"t{number}", "FP64", (-1, 1000)) for number in range(50))
    contract = Contract(tensors, CONTRACT.outputs)
    request = Asked("r", {tensor.name: np.full((30, 1000), 1 / 3) for tensor in tensors})
    (entry,) = logged([(request, answers())], contract)
    assert len(json.dumps(entry)) < 128 << 10


def test_while_the_queue_is_full_nothing_is_copied() -> None:
    class Untouchable(dict[str, Array]):
        def items(self) -> Any:
            raise AssertionError("looked at")

    outlet: Outlet[Entry] = Outlet(FakeSink(), capacity=1)
    log = PayloadLog(CONTRACT, outlet, 1.0)
    log.offer(asked(), answers())
    log.offer(Asked("r", Untouchable()), Untouchable())
    assert log.dropped == 1
