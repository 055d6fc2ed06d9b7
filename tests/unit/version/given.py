"""Versions, Jobs and reports to decide about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pilotage_operator.api.modelversion import Contract, GateCheck, ModelVersionSpec, TensorContract
from pilotage_operator.domain.checking import ContainerSeen, JobSeen, PodSeen, StepReport

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TENSOR = TensorContract(name="input", datatype="FP32", shape=(-1, 30))
CONTRACT = Contract(inputs=(TENSOR,), outputs=(TENSOR,), hash="ab" * 32)
GOOD = GateCheck(check="golden", verdict="pass", figure="4e-07", limit="rtol 0.0001")
BAD = GateCheck(check="golden", verdict="fail", figure="0.2", limit="rtol 0.0001", message="the answers differ")
DIGEST_OK = GateCheck(check="digest", verdict="pass", figure="sha256:00")


def spec(**gate: Any) -> ModelVersionSpec:
    """The version 3 of fraud."""
    source = {"uri": "oci://registry:5000/models/fraud", "digest": "sha256:" + "0" * 64}
    return ModelVersionSpec.model_validate({"model": "fraud", "version": "3", "source": source, "gate": gate})


FETCHED = ContainerSeen(exit_code=0, report=StepReport(outcome="passed", report=(DIGEST_OK,)))
PASS = StepReport(outcome="passed", report=(GOOD,), contract=CONTRACT, model="fraud", version="3")
PASSED = ContainerSeen(exit_code=0, report=PASS)
REFUSED = ContainerSeen(exit_code=1, report=StepReport(outcome="refused", report=(BAD,)))
AWAY = ContainerSeen(
    exit_code=75,
    report=StepReport(
        outcome="unavailable",
        report=(GateCheck(check="registry", verdict="fail", message="no connection to registry:5000"),),
    ),
)
OOM_KILLED = ContainerSeen(exit_code=137, reason="OOMKilled")
CRASHED = ContainerSeen(exit_code=139, reason="Error")


def job(
    *,
    uid: str = "uid-1",
    generation: int = 1,
    finished: str = "",
    fetch: ContainerSeen = FETCHED,
    probe: ContainerSeen | None = None,
    **pod: str,
) -> JobSeen:
    """A Job with a pod whose containers are in these states."""
    seen = PodSeen(fetch=fetch, probe=probe or ContainerSeen(), **pod)
    return JobSeen(name="fraud-v3-check-1", uid=uid, generation=generation, finished=finished, pod=seen)
