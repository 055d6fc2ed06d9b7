"""A worker outlives whatever goes wrong in a pass, and tries again."""

import asyncio
import json
import logging

import pytest

from pilotage_operator.clients.kube import KubeError, Unavailable
from pilotage_operator.control.health import Metrics
from pilotage_operator.control.lease import LeaseLost
from pilotage_operator.control.logs import JsonLines
from pilotage_operator.control.loop import Key, work
from pilotage_operator.control.queue import Queue
from tests.unit.control.fakes import FakeClock

FRAUD = Key("ModelDeployment", "models", "fraud")


class Scripted:
    """A reconciler whose passes end as told, one after the other."""

    def __init__(self, *outcomes: float | Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.finished = asyncio.Event()

    async def reconcile(self, namespace: str, name: str) -> float | None:
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.finished.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Idle:
    async def reconcile(self, namespace: str, name: str) -> float | None:
        return None


async def passes(*outcomes: float | Exception | None) -> Metrics:
    """Runs one worker through these passes; the nudges make it look at the clock, which moves on by a day each time."""
    clock, metrics, scripted = FakeClock(), Metrics(), Scripted(*outcomes)
    queue: Queue[Key] = Queue(clock)
    queue.add(FRAUD)
    worker = asyncio.ensure_future(work(queue, {"ModelDeployment": scripted, "Nudge": Idle()}, metrics))
    async with asyncio.timeout(30):
        while not scripted.finished.is_set():
            await asyncio.sleep(0)
            clock.advance(86400)
            queue.add(Key("Nudge", "", ""))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not worker.done()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    return metrics


def count(metrics: Metrics, outcome: str) -> float:
    labels = {"kind": "ModelDeployment", "outcome": outcome}
    return metrics.registry.get_sample_value("pilotage_operator_reconciles_total", labels) or 0.0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(KubeError("refused"), "error", id="the API server refuses"),
        pytest.param(Unavailable("away", retry_after=7.0), "error", id="the API server is away"),
        pytest.param(ZeroDivisionError("ours"), "defect", id="a defect of ours"),
        pytest.param(TimeoutError(), "defect", id="something takes too long"),
    ],
)
async def test_a_pass_that_fails_is_tried_again(error: Exception, outcome: str) -> None:
    metrics = await passes(error, None)
    assert count(metrics, outcome) == 1
    assert count(metrics, "done") == 1


async def test_a_pass_without_the_lease_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    metrics = await passes(LeaseLost("not held"), None)
    assert count(metrics, "error") == count(metrics, "defect") == 0
    assert not caplog.records


async def test_a_failure_is_logged_with_the_object_and_the_sentence(caplog: pytest.LogCaptureFixture) -> None:
    await passes(KubeError("PUT /x: 403 no right"), None)
    assert "ModelDeployment models/fraud: PUT /x: 403 no right" in caplog.text


def test_a_log_line_is_one_json_object_with_its_trace() -> None:
    try:
        raise ValueError("a\nb")
    except ValueError as error:
        record = logging.LogRecord("pilotage", logging.ERROR, "", 0, "it %s", ("broke",), (type(error), error, None))
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "it broke"
    assert "ValueError" in json.loads(line)["error"]
