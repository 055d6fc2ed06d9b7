"""Requests that arrived in one poll of the loop run in one call of the model.

No timer forms a batch: the first request of a poll asks for a flush, and the loop gets to it when it has read what
there was to read. So an idle server adds nothing, and a busy one answers many for little more than the price of one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic, thread_time
from typing import Any, NamedTuple

import msgspec
import numpy as np

from pilotage.runtime.cost import Cost
from pilotage.runtime.errors import DeadlinePassed, RunError
from pilotage.runtime.metrics import Metrics
from pilotage.runtime.model import Model
from pilotage.runtime.part import Array, Arrays, Given

CallSoon = Callable[..., Any]

INLINE_SECONDS = 0.005
"""A call that takes longer runs in the worker thread, so that health, metrics and other connections stay prompt."""
SHORT_SECONDS = INLINE_SECONDS / 10
WORKER_SECONDS = 0.05  # what a batch of such a model may take
MOST_ROWS = 4096  # of several requests together; a single larger one runs by itself

BURST_SECONDS = 0.1
STANDING_SECONDS = 0.005
"""How long a request may have to wait. A burst is taken in whole; but a queue that has been late for as long as a
burst may last is no burst, and is kept short (Ben Maurer, "Fail at Scale", ACM Queue 13:8, 2015)."""


class Job(msgspec.Struct):
    """One request, of which the last byte has `arrived`; who sends it says how it is answered. Times are monotonic
    seconds."""

    inputs: Arrays
    arrived: float
    deadline: float | None
    gone: bool = False  # nobody waits for an answer any more
    rows: int = 1  # known once it is submitted
    alone: bool = False  # runs by itself: it was in a batch that failed
    shape: Any = None  # what must be equal to share a call

    def answered(self, given: Given, first: int) -> None:
        """Its rows of what a call gave begin at `first`. This or `failed` is called once on the loop, unless it has
        `gone`."""
        raise NotImplementedError

    def failed(self, error: Exception) -> None:
        """There is no answer."""
        raise NotImplementedError


class _Call(NamedTuple):
    """Requests that run together. `size` is the sum of their `rows`; `began` in monotonic seconds."""

    jobs: list[Job]
    inputs: Arrays
    rows: list[int]
    size: int
    began: float


class Batcher:
    """The queue before the model. All of it happens on the loop but a slow model's call itself."""

    def __init__(
        self,
        model: Model,
        metrics: Metrics,
        call_soon: CallSoon,
        call_soon_threadsafe: CallSoon,
        clock: Callable[[], float] = monotonic,
        work_clock: Callable[[], float] = thread_time,
    ) -> None:
        """`work_clock` is the processor's time of the calling thread: a call that had to wait for a processor is no
        dearer than others, and batches must not become smaller just when there is most to do. To ask it is a system
        call; it is asked after a call that took long, and while calls are short `clock` says the same."""
        self._model = model
        self._metrics = metrics
        self._call_soon = call_soon
        self._call_soon_threadsafe = call_soon_threadsafe
        self._clock = clock
        self._work_clock = work_clock
        self._cost = Cost()
        self._exact = True  # the next call's work is measured by `work_clock`
        self._worker: ThreadPoolExecutor | None = None  # most models never need it
        self._queue: deque[Job] = deque()
        self._queued_rows = 0
        self._most_rows = 16 if model.batchable else 1  # of one call; follows what calls take
        self._row_seconds = 0.0  # what one row more costs, in calls of that size
        self._is_long = False  # a single row's call is
        self._scheduled = False
        self._running = False  # the worker has a call
        self._late_since: float | None = None  # the first of the queue has waited long, each time that it was looked at
        self._done_at = clock()  # when a call has ended
        model.warm(self._learn)

    def overload(self, now: float) -> float:
        """0; or the seconds that a request which has arrived now would wait, when that is too long: it is to be turned
        away. Asked before its body is looked at, since where more come than can be answered that must cost little."""
        if self._queue:
            wait = self._wait(now)
            if wait > BURST_SECONDS or (wait > STANDING_SECONDS and self._is_standing(now)):
                self._metrics.shed("overload")
                return wait
        elif now - self._done_at > STANDING_SECONDS and not self._running:
            self._late_since = None  # there was nothing to do
        return 0.0

    def submit(self, job: Job) -> None:
        """Queue a request for which there was no overload. Raises Refused when its inputs do not fit each other."""
        model = self._model
        job.rows = rows = model.rows(job.inputs)
        if not model.uniform:
            job.shape = model.shape_of(job.inputs)
        self._queue.append(job)
        self._queued_rows += rows
        self._wake()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._queue and not self._running

    def _wait(self, now: float) -> float:
        """Seconds from the arrival of the first in the queue to the answer of one more. Where a single call takes long
        that is in nobody's hands, and only the calls count that are full before its own."""
        if self._is_long:
            return self._queued_rows // self._most_rows * self._most_rows * self._row_seconds
        return now - self._queue[0].arrived + self._queued_rows * self._row_seconds

    def _is_standing(self, now: float) -> bool:
        return self._late_since is not None and now - self._late_since > BURST_SECONDS

    def _wake(self) -> None:
        if not (self._scheduled or self._running):
            self._scheduled = True
            self._call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        now = self._clock()
        if not self._queue or self._wait(now) <= STANDING_SECONDS / 2:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = now
        if jobs := self._take(now):
            self._start(jobs)
        if self._queue:
            self._wake()

    def _take(self, now: float) -> list[Job]:
        """The next jobs that may share a call; those that nobody waits for any more are dropped."""
        jobs: list[Job] = []
        rows, queue, alone = 0, self._queue, not self._model.batchable
        most, waited = self._most_rows, self._metrics.waited
        while queue:
            job = queue[0]
            count = job.rows
            if jobs and (alone or job.alone or job.shape != jobs[0].shape or rows + count > most):
                return jobs
            queue.popleft()
            self._queued_rows -= count
            if job.gone:
                self._metrics.shed("client_gone")
            elif job.deadline is not None and job.deadline < now:
                self._metrics.shed("deadline")
                job.failed(DeadlinePassed())
            else:
                waited(now - job.arrived)
                jobs.append(job)
                rows += count
                alone = alone or job.alone
        return jobs

    def _start(self, jobs: list[Job]) -> None:
        inputs, rows = _joined(jobs)
        if refusals := self._model.refusals(inputs, rows):
            jobs = [job for job, refusal in zip(jobs, refusals, strict=True) if not _told(job, refusal)]
            if not jobs:
                return
            inputs, rows = _joined(jobs)
        call = _Call(jobs, inputs, rows, sum(rows), self._clock())
        if self._cost.of(call.size) <= INLINE_SECONDS:
            self._finish(call, *self._run(inputs))
            return
        self._running = True
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "model")
        self._worker.submit(self._run, inputs).add_done_callback(
            lambda done: self._call_soon_threadsafe(self._back, call, done)
        )

    def _run(self, inputs: Arrays) -> tuple[Arrays | RunError, float]:
        """What a call gives, and the seconds of work that it was."""
        clock = self._work_clock if self._exact else self._clock
        began = clock()
        try:
            outputs: Arrays | RunError = self._model.run(inputs)
        except RunError as error:
            outputs = error
        return outputs, clock() - began

    def _back(self, call: _Call, done: Future[tuple[Arrays | RunError, float]]) -> None:
        """A call of the worker has ended."""
        self._running = False
        self._finish(call, *done.result())
        if self._queue:
            self._wake()

    def _finish(self, call: _Call, outputs: Arrays | RunError, work: float) -> None:
        if isinstance(outputs, RunError):
            self._failed(call.jobs, outputs)
            return
        seconds = self._clock() - call.began
        self._metrics.ran(call.size, seconds)
        if self._exact or work <= SHORT_SECONDS:
            self._learn(call.size, work)
        self._exact = seconds > SHORT_SECONDS
        faults = self._model.faults(call.rows, call.inputs, outputs)
        given = Given(outputs, len(call.jobs) > 1)
        first = 0
        for place, job in enumerate(call.jobs):
            if not (job.gone or (faults and _told(job, faults[place]))):
                job.answered(given, first)
            first += job.rows
        self._done_at = self._clock()

    def _failed(self, jobs: list[Job], error: Exception) -> None:
        """One poisoned request fails alone: the others of its batch run again, each by itself."""
        if len(jobs) == 1:
            if not jobs[0].gone:
                jobs[0].failed(error)
            return
        for job in reversed(jobs):
            job.alone = True
            self._queue.appendleft(job)
            self._queued_rows += job.rows

    def _learn(self, rows: int, seconds: float) -> None:
        """Twice the rows while calls are short, half of them when they got too long. A size that was too long before is
        tried again only where there is room for twice its time: to and fro would be a queue of several calls."""
        self._cost.learn(rows, seconds)
        self._is_long = self._cost.of(1) > INLINE_SECONDS
        budget = WORKER_SECONDS if self._is_long else INLINE_SECONDS
        if rows > self._most_rows // 2 and seconds < budget / 2 and self._model.batchable:
            if seconds < budget / 4 or self._cost.of(2 * self._most_rows) <= budget:
                self._most_rows = min(2 * self._most_rows, MOST_ROWS)
        elif 1 < rows <= self._most_rows and seconds > budget:
            self._most_rows = max(1, self._most_rows // 2)
        self._row_seconds = self._cost.of(self._most_rows) / self._most_rows


def _joined(jobs: list[Job]) -> tuple[Arrays, list[int]]:
    """The inputs of all, and how many rows each has of them."""
    if len(jobs) == 1:
        return jobs[0].inputs, [jobs[0].rows]
    rows = [job.rows for job in jobs]
    return {name: _stacked([job.inputs[name] for job in jobs], rows) for name in jobs[0].inputs}, rows


def _stacked(arrays: list[Array], rows: list[int]) -> Array:
    """As numpy's concatenate, in a third of its time where the arrays are small and many."""
    first = arrays[0]
    if first.dtype.kind == "O":
        return np.concatenate(arrays)
    whole = b"".join(arrays)  # type: ignore[arg-type]  # they are buffers, which is known of them from Python 3.12 on
    return np.ndarray((sum(rows), *first.shape[1:]), first.dtype, whole)


def _told(job: Job, error: Exception | None) -> bool:
    """Whether there is an error; its request is told."""
    if error is not None:
        job.failed(error)
    return error is not None
