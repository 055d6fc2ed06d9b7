"""A check's Job and its pod, as the API server gives them, read into what the domain judges.

A termination message is input from a container that ran somebody's model: it is validated whole, and what does not fit
counts as no report at all.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from pilotage_operator.api.modelversion import Contract, GateCheck
from pilotage_operator.domain.checking import ContainerSeen, JobSeen, PodSeen, StepReport
from pilotage_operator.domain.manifests.check_job import GENERATION_ANNOTATION

MAX_MESSAGE_BYTES = 4096
Word = Annotated[str, Field(pattern=r"^[A-Z0-9]+$", max_length=8)]


class _Tensor(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=256)]
    datatype: Word
    shape: Annotated[list[Annotated[int, Field(ge=-1)]], Field(max_length=16)]
    classes: Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=128)] | None = None


class _Contract(BaseModel):
    """The lists are empty where they did not fit beside the report; the hash always stands for them."""

    inputs: list[_Tensor]
    outputs: list[_Tensor]
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Message(BaseModel):
    step: Literal["fetch", "probe"]
    outcome: Literal["passed", "refused", "unavailable"]
    report: Annotated[list[GateCheck], Field(max_length=32)] = []
    contract: _Contract | None = None
    model: Annotated[str, Field(max_length=63)] = ""
    version: Annotated[str, Field(max_length=63)] = ""


def read_report(text: str, step: str) -> StepReport | None:
    """The report that the container of this step left, or None for anything else."""
    if not text or len(text.encode()) > MAX_MESSAGE_BYTES:
        return None
    try:
        message = _Message.model_validate_json(text)
    except ValidationError:
        return None
    if message.step != step:
        return None
    return StepReport(
        outcome=message.outcome,
        report=tuple(message.report),
        contract=Contract.model_validate(message.contract.model_dump()) if message.contract else None,
        model=message.model,
        version=message.version,
    )


def see_job(job: dict[str, Any], pods: list[dict[str, Any]]) -> JobSeen:
    """The Job with its newest pod."""
    metadata = job["metadata"]
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
    annotated = (metadata.get("annotations") or {}).get(GENERATION_ANNOTATION, "")
    return JobSeen(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=int(annotated) if annotated.isdigit() else 0,
        finished=_finished(job.get("status") or {}),
        pod=_see_pod(newest) if newest is not None else None,
    )


def _finished(status: dict[str, Any]) -> str:
    for condition in status.get("conditions") or ():
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
            return "Complete" if condition["type"] == "Complete" else str(condition.get("reason") or "Failed")
    return ""


def _see_pod(pod: dict[str, Any]) -> PodSeen:
    status = pod.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    disrupted = conditions.get("DisruptionTarget", {})
    stopped = disrupted if disrupted.get("status") == "True" else {}
    return PodSeen(
        fetch=_see_container(status.get("initContainerStatuses"), "fetch"),
        probe=_see_container(status.get("containerStatuses"), "probe"),
        unschedulable=str(scheduled.get("message") or "") if scheduled.get("status") == "False" else "",
        reason=str(status.get("reason") or stopped.get("reason") or ""),
        message=str(status.get("message") or stopped.get("message") or ""),
    )


def _see_container(statuses: list[dict[str, Any]] | None, name: str) -> ContainerSeen:
    state = next((status.get("state") or {} for status in statuses or () if status["name"] == name), {})
    if ended := state.get("terminated"):
        return ContainerSeen(
            reason=str(ended.get("reason") or ""),
            exit_code=int(ended["exitCode"]),
            report=read_report(str(ended.get("message") or ""), name),
        )
    if running := state.get("running"):
        return ContainerSeen(started_at=_time(running.get("startedAt")))
    waiting = state.get("waiting") or {}
    return ContainerSeen(reason=str(waiting.get("reason") or ""), message=str(waiting.get("message") or ""))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
