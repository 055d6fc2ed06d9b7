"""What the tests of the logs share: one contract, one identity, requests of it, and a sink that only remembers."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings

from pilotage.bundle.format import Contract, Feature, Tensor
from pilotage.runtime.identity import Identity

Array = np.ndarray[Any, Any]
WAIT = 30.0  # seconds before a test gives up; nothing is expected to take long
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
IDENTITY = Identity("fraud", "3", "fraud-prod", "fraud-v3", "1a2b3c4d5e", 1_700_000_000)


def feature(name: str, *, redact: bool = False) -> Feature:
    return Feature(name, None, None, True, redact=redact)


CONTRACT = Contract(
    inputs=(Tensor("input", "FP32", (-1, 3), (feature("age"), feature("income", redact=True), feature("debt"))),),
    outputs=(Tensor("label", "INT64", (-1,)), Tensor("probabilities", "FP32", (-1, 2))),
)


@dataclass
class Asked:
    """A request as the payload log sees it."""

    id: str
    inputs: Mapping[str, Array]


def asked(rows: int = 1, request_id: str = "r-1") -> Asked:
    return Asked(request_id, {"input": np.arange(3 * rows, dtype=np.float32).reshape(rows, 3)})


def answers(rows: int = 1) -> dict[str, Array]:
    return {"label": np.zeros(rows, np.int64), "probabilities": np.full((rows, 2), 0.5, np.float32)}


@dataclass
class FakeSink:
    """Takes what `open` lets through, and fails with what is in `failures` first."""

    most: int = 10
    failures: list[Exception] = field(default_factory=list)
    name: str = "the sink"
    batches: list[list[Any]] = field(default_factory=list)
    attempts: int = 0
    called: threading.Event = field(default_factory=threading.Event)
    delivered: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)

    def send(self, items: Sequence[Any]) -> None:
        self.attempts += 1
        self.called.set()
        assert self.open.wait(WAIT)
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append(list(items))
        self.delivered.set()
