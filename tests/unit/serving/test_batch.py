"""Who shares a call of the model, who waits, who is told at once, and that one request's trouble is its own."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import Contract, Feature, Tensor
from pilotage.runtime.batch import BURST_SECONDS, Batcher, Job
from pilotage.runtime.cost import Cost
from pilotage.runtime.errors import DeadlinePassed, NotFinite, Overloaded, Refused, RunError
from pilotage.runtime.model import Model
from pilotage.runtime.part import Given, Part

CONTRACT = Contract((Tensor("x", "FP32", (-1, 2)),), (Tensor("y", "FP32", (-1, 2)),))
POISON, NAN = 666.0, -1.0
Arrays = dict[str, Any]


class Counted:
    """What the metrics were told."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.sheds: list[str] = []
        self.noted = 0
        self.waits: list[float] = []

    def ran(self, rows: int, seconds: float) -> None:
        self.batches.append(rows)

    def shed(self, reason: str) -> None:
        self.sheds.append(reason)

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def note(self, inputs: Arrays, outputs: Arrays) -> None:
        self.noted += len(outputs["y"])


class Bench:
    """A batcher over a model y = 2x, on a loop and a clock that the test moves."""

    def __init__(self, contract: Contract = CONTRACT, seconds_per_row: float = 0.0, mixes_rows: bool = False) -> None:
        self.now = 1000.0
        self.soon: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.from_threads: queue.Queue[tuple[Callable[..., Any], tuple[Any, ...]]] = queue.Queue()
        self.counted = Counted()
        self.seconds_per_row = seconds_per_row
        self.mixes_rows = mixes_rows
        self.stall = self.waited = 0.0  # seconds that a call, and all of them, wait for a processor
        golden = [{"x": np.full((1, 2), value, dtype=np.float32)} for value in (1, 2)]
        self.model = Model(self, contract, self.counted, golden)  # type: ignore[arg-type]
        self.batcher = Batcher(
            self.model,
            self.counted,  # type: ignore[arg-type]
            lambda call, *args: self.soon.append((call, args)),
            lambda call, *args: self.from_threads.put((call, args)),
            lambda: self.now,
            lambda: self.now - self.waited,
        )
        self.batcher._cost = Cost()  # what the warm-up took is the machine's, not the test's
        self.batcher._learn(1, seconds_per_row or 1e-6)
        self.calls: list[int] = []
        self.outcomes: dict[int, Part | Exception] = {}

    def run(self, inputs: Arrays) -> Arrays:
        x = inputs["x"]
        if hasattr(self, "calls"):
            self.calls.append(len(x))
            self.now += len(x) * self.seconds_per_row + self.stall
            self.waited += self.stall
        if (x == POISON).any():
            raise RunError("the model failed: poison")
        y = np.where(x == NAN, np.nan, 2 * x).astype(np.float32)
        return {"y": y + len(x) if self.mixes_rows else y}

    def ask(self, number: int, value: float = 1.0, rows: int = 1, columns: int = 2, **job: Any) -> None:
        inputs = {"x": np.full((rows, columns), value, dtype=np.float32)}

        if wait := self.batcher.overload(self.now):
            self.outcomes[number] = Overloaded(wait)
        else:
            self.batcher.submit(Asked(inputs, self.now, job.pop("deadline", None), number=number, bench=self, **job))

    def turn(self) -> None:
        """One turn of the loop: what was asked for before it."""
        for _ in range(len(self.soon)):
            call, args = self.soon.popleft()
            call(*args)

    def step(self) -> None:
        """A turn; where nothing is to be done but to wait for the worker's call, its end."""
        if not self.soon and not self.batcher.idle:
            self.soon.append(self.from_threads.get(timeout=30))
        self.turn()

    def settle(self) -> None:
        while self.soon or not self.batcher.idle:
            self.step()

    def value(self, number: int) -> float:
        outcome = self.outcomes[number]
        assert not isinstance(outcome, Exception), outcome
        return float(outcome["y"][0, 0])


class Asked(Job, kw_only=True):
    number: int
    bench: Bench

    def answered(self, given: Given, first: int) -> None:
        self._told(given.part(first, self.rows))

    def failed(self, error: Exception) -> None:
        self._told(error)

    def _told(self, outcome: Part | Exception) -> None:
        assert self.number not in self.bench.outcomes, "answered twice"
        self.bench.outcomes[self.number] = outcome


def test_requests_of_one_poll_share_a_call_and_each_gets_its_own_rows() -> None:
    bench = Bench()
    for number in range(5):
        bench.ask(number, value=number, rows=number + 1)
    assert bench.outcomes == {}
    bench.turn()
    assert bench.calls == [15]
    assert [bench.value(n) for n in range(5)] == [0, 2, 4, 6, 8]
    assert [len(bench.outcomes[n]["y"]) for n in range(5)] == [1, 2, 3, 4, 5]  # type: ignore[index]
    assert (bench.counted.batches, bench.counted.noted, len(bench.counted.waits)) == ([15], 15, 5)


def test_a_single_request_waits_for_no_other() -> None:
    bench = Bench()
    bench.ask(1)
    bench.turn()
    assert bench.calls == [1]


def test_unequal_shapes_never_mix() -> None:
    free = Contract((Tensor("x", "FP32", (-1, -1)),), (Tensor("y", "FP32", (-1, -1)),))
    bench = Bench(free)
    for number, columns in enumerate((2, 2, 3, 2)):
        bench.ask(number, columns=columns)
    bench.settle()
    assert bench.calls == [2, 1, 1]
    assert sorted(bench.outcomes) == [0, 1, 2, 3]


def test_a_poisoned_request_fails_alone() -> None:
    bench = Bench()
    for number, value in enumerate((1, POISON, 3)):
        bench.ask(number, value=value)
    bench.settle()
    assert bench.calls == [3, 1, 1, 1]
    assert (bench.value(0), bench.value(2)) == (2, 6)
    assert isinstance(bench.outcomes[1], RunError)


def test_an_answer_that_is_not_finite_fails_alone_and_is_not_counted_as_seen() -> None:
    bench = Bench()
    for number, value in enumerate((1, NAN, 3)):
        bench.ask(number, value=value)
    bench.turn()
    assert (bench.value(0), bench.value(2)) == (2, 6)
    assert isinstance(bench.outcomes[1], NotFinite)
    assert str(bench.outcomes[1]) == "the model's answer is not finite: output 'y', row 0"
    assert bench.counted.noted == 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("mixes_rows", [False, True])
def test_the_answer_to_a_request_that_came_by_itself_is_looked_at_whole(mixes_rows: bool) -> None:
    bench = Bench(mixes_rows=mixes_rows)
    x = np.ones((2, 2), dtype=np.float32)
    rows = [bench.model.rows({"x": x})]
    (fault,) = bench.model.faults(rows, {"x": x}, {"y": np.array([[1, 1], [1, np.inf]], dtype=np.float32)})
    assert str(fault) == "the model's answer is not finite: output 'y', row 1"
    assert bench.counted.noted == 0
    # The sum of the squares of these is not finite, but they are.
    assert not any(bench.model.faults(rows, {"x": x}, {"y": np.full((2, 2), 1e30, dtype=np.float32)}))
    assert bench.counted.noted == 2


@pytest.mark.parametrize("value", [1, NAN, POISON])
def test_who_leaves_while_the_model_runs_is_told_nothing(value: float) -> None:
    bench = Bench(seconds_per_row=0.02)
    job = Asked({"x": np.full((1, 2), value, dtype=np.float32)}, bench.now, None, number=0, bench=bench)
    bench.batcher.submit(job)
    bench.turn()
    job.gone = True
    bench.settle()
    assert (bench.calls, bench.outcomes) == ([1], {})


def test_what_the_contract_refuses_fails_alone_with_the_row_of_its_own_request() -> None:
    age = Feature("age", 0.0, 120.0, False, refuse=True)
    contract = Contract((Tensor("x", "FP32", (-1, 2), (age, Feature("b", None, None, True))),), CONTRACT.outputs)
    bench = Bench(contract)
    bench.ask(0, value=30, rows=2)
    bench.ask(1, value=130, rows=1)
    bench.ask(2, value=31)
    bench.turn()
    assert (bench.value(0), bench.value(2)) == (60, 62)
    assert isinstance(bench.outcomes[1], Refused)
    assert "row 0" in str(bench.outcomes[1])
    assert "age" in str(bench.outcomes[1])


def test_a_model_that_looks_at_all_rows_at_once_is_never_given_those_of_two_requests() -> None:
    bench = Bench(mixes_rows=True)
    assert not bench.model.batchable
    bench.ask(0)
    bench.ask(1)
    bench.settle()
    assert bench.calls == [1, 1]


def test_a_model_without_a_free_first_dimension_runs_one_request_at_a_time() -> None:
    fixed = Contract((Tensor("x", "FP32", (1, 2)),), (Tensor("y", "FP32", (1, 2)),))
    bench = Bench(fixed)
    bench.ask(0)
    bench.ask(1)
    bench.settle()
    assert bench.calls == [1, 1]


def test_inputs_with_unequal_numbers_of_rows_are_refused() -> None:
    two = Contract((*CONTRACT.inputs, Tensor("z", "FP32", (-1, 2))), CONTRACT.outputs)
    model = Bench(two).model
    rows = np.zeros((2, 2), dtype=np.float32)
    model.batchable = True
    with pytest.raises(Refused, match="different numbers of rows, 2 and 1"):
        model.rows({"x": rows, "z": rows[:1]})


def test_who_has_left_or_waits_no_longer_does_not_run() -> None:
    bench = Bench()
    bench.ask(0, gone=True)
    bench.ask(1, deadline=bench.now - 0.001)
    bench.ask(2, deadline=bench.now + 1)
    bench.turn()
    assert bench.calls == [1]
    assert 0 not in bench.outcomes
    assert isinstance(bench.outcomes[1], DeadlinePassed)
    assert bench.value(2) == 2
    assert bench.counted.sheds == ["client_gone", "deadline"]


def test_a_call_is_no_longer_than_its_budget_allows() -> None:
    bench = Bench(seconds_per_row=0.001)
    for number in range(40):
        bench.ask(number)
    bench.settle()
    assert sum(bench.calls) == 40
    assert max(bench.calls) == 16
    assert min(bench.calls[1:]) < 16  # 16 ms were too long


def test_short_calls_take_ever_more_rows() -> None:
    bench = Bench()
    for number in range(200):
        bench.ask(number)
    bench.settle()
    assert bench.calls == [16, 32, 64, 88]


def test_a_burst_is_taken_in_whole_and_a_standing_queue_is_kept_short() -> None:
    bench = Bench(seconds_per_row=0.001)
    for number in range(60):
        bench.ask(number)
    assert bench.outcomes == {}  # 60 ms of work at once is a burst
    asked = 60
    while bench.now < 1000 + 3 * BURST_SECONDS:  # three times as many as it can answer
        for _ in range(3 * (bench.calls[-1] if bench.calls else 1)):
            bench.ask(asked)
            asked += 1
        bench.step()
    refused = sum(isinstance(outcome, Overloaded) for outcome in bench.outcomes.values())
    assert refused > asked / 3
    assert set(bench.counted.sheds) == {"overload"}
    standing = bench.counted.waits[-20:]
    assert max(standing) < 0.02
    # When it is over, it is over.
    bench.settle()
    bench.outcomes.clear()
    bench.ask(0)
    bench.settle()
    assert bench.value(0) == 2


def test_a_process_that_did_not_run_for_a_while_takes_in_whole_what_came_meanwhile() -> None:
    bench = Bench(seconds_per_row=0.0005)
    for number in range(50):
        bench.ask(number)
        bench.settle()
    bench.seconds_per_row = 1.0  # its share of the processor ended in the middle of a call
    bench.ask(50)
    bench.settle()
    bench.seconds_per_row = 0.0005
    for number in range(51, 111):
        bench.ask(number)
    bench.settle()
    assert bench.counted.sheds == []
    assert len(bench.outcomes) == 111


def test_calls_that_wait_for_a_processor_do_not_make_batches_smaller() -> None:
    bench = Bench(seconds_per_row=0.0001)
    for number in range(200):
        bench.ask(number)
    bench.settle()
    most = max(bench.calls)
    bench.stall = 1.0
    for number in range(200, 600):
        bench.ask(number)
    bench.settle()
    assert min(bench.calls[-3:-1]) >= most


def test_a_slow_call_leaves_the_loop_free_and_what_comes_meanwhile_waits_for_it() -> None:
    bench = Bench(seconds_per_row=0.02)
    bench.ask(0)
    bench.turn()  # the worker has it
    bench.ask(1)
    bench.ask(2)
    assert not bench.soon  # nothing is begun while it runs
    bench.settle()
    assert bench.calls[0] == 1
    assert sum(bench.calls) == 3
    assert sorted(bench.outcomes) == [0, 1, 2]


@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, POISON, NAN]), st.integers(1, 3)), max_size=30))
def test_everybody_is_answered_once_and_as_if_alone(requests: list[tuple[float, int]]) -> None:
    bench = Bench()
    for number, (value, rows) in enumerate(requests):
        bench.ask(number, value=value, rows=rows)
        if number % 7 == 6:
            bench.turn()
    bench.settle()
    for number, (value, rows) in enumerate(requests):
        outcome = bench.outcomes[number]
        if value == POISON:
            assert isinstance(outcome, RunError)
        elif value == NAN:
            assert isinstance(outcome, NotFinite)
        else:
            assert not isinstance(outcome, Exception)
            assert outcome["y"].tolist() == [[2 * value] * 2] * rows


def test_a_size_that_was_too_long_is_not_tried_again_until_calls_are_much_shorter() -> None:
    bench = Bench(seconds_per_row=0.006)  # a model for the worker, whose calls may take 50 ms
    sizes = []
    for rows, seconds in ((16, 0.020), (32, 0.024), (64, 0.055), (32, 0.024), (32, 0.024), (32, 0.012)):
        bench.batcher._learn(rows, seconds)
        sizes.append(bench.batcher._most_rows)
    assert sizes == [32, 64, 32, 32, 32, 64]
