"""What one Job says about a ModelVersion: its state as seen, and what follows from it.

Only evidence about the bundle itself may reject it: a report that refuses it, or a kernel that killed the model at the
memory limit. A registry, a node or a pod that is away is an attempt that ended without a verdict. A model that ends or
outlasts the probe without a report may be the node's fault or its own; such an attempt carries the blame with it, and
version.py believes it when it comes again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pilotage_operator.api.modelversion import Contract, GateCheck, ModelVersionSpec
from pilotage_operator.domain.manifests.check_job import DEADLINE_SECONDS
from pilotage_operator.domain.manifests.pod import registry_of

PROBE_SECONDS = 300.0
UNAVAILABLE_EXIT = 75
"""`pilotage fetch` ends with it (EX_TEMPFAIL of sysexits.h) when the same call may succeed later."""


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What a container wrote into its termination message; already validated, never trusted to be complete."""

    outcome: Literal["passed", "refused", "unavailable"]
    report: tuple[GateCheck, ...] = ()
    contract: Contract | None = None
    model: str = ""
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class ContainerSeen:
    """A container's state. `reason` is Kubernetes' word for why it waits or ended; `exit_code` is None until it did."""

    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    exit_code: int | None = None
    report: StepReport | None = None


@dataclass(frozen=True, kw_only=True)
class PodSeen:
    """The Job's pod. `reason` and `message` are the pod's own (Evicted, …); `unschedulable` is the scheduler's."""

    fetch: ContainerSeen = ContainerSeen()
    probe: ContainerSeen = ContainerSeen()
    unschedulable: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class JobSeen:
    """A Job that the ModelVersion controls. `finished` is empty, Complete, or the reason for which it failed."""

    name: str
    uid: str
    generation: int
    finished: str = ""
    pod: PodSeen | None = None


@dataclass(frozen=True)
class Running:
    """No end yet; `message` is what is being done or waited for."""

    message: str


@dataclass(frozen=True)
class Unfinished:
    """Ended without a verdict. `blame` is the check that failed if the model is to blame and not the cluster; `stop`
    asks for the end of a Job that would otherwise run on."""

    reason: str
    message: str
    blame: GateCheck | None = None
    stop: bool = False


@dataclass(frozen=True)
class Passed:
    """Everything in the gate held."""

    report: tuple[GateCheck, ...]
    contract: Contract


@dataclass(frozen=True)
class Refused:
    """Something in the gate did not hold; the report names it."""

    report: tuple[GateCheck, ...]


Outcome = Running | Unfinished | Passed | Refused


def conclude(job: JobSeen, spec: ModelVersionSpec, now: datetime) -> Outcome:
    """What the Job's state says. A container's own report goes before anything that Kubernetes says of the pod."""
    pod = job.pod or PodSeen()
    if pod.fetch.exit_code not in (None, 0):
        return _after_fetch(pod.fetch, spec)
    if pod.probe.exit_code is not None:
        return _after_probe(pod, spec)
    if job.finished or pod.reason:
        return _lost(job, pod)
    if pod.probe.started_at is not None:
        return _while_probing(pod.probe.started_at, now)
    return Running(_waits_for(job, spec))


def _after_fetch(fetch: ContainerSeen, spec: ModelVersionSpec) -> Outcome:
    said = fetch.report
    if said is not None and said.outcome == "refused":
        return Refused(said.report)
    if fetch.exit_code == UNAVAILABLE_EXIT:
        why = failures(said.report) if said is not None else ""
        host = registry_of(spec.source.uri)
        return Unfinished("RegistryUnavailable", f"the registry {host} gave no bundle{f': {why}' if why else ''}")
    return Unfinished("FetchFailed", f"the container `fetch` {_ended(fetch)} without a report")


def _after_probe(pod: PodSeen, spec: ModelVersionSpec) -> Outcome:
    probe, said = pod.probe, pod.probe.report
    before = pod.fetch.report.report if pod.fetch.report is not None else ()
    if said is not None and said.outcome == "refused":
        return Refused((*before, *said.report))
    if said is not None and said.outcome == "passed" and said.contract is not None and probe.exit_code == 0:
        report = (*before, *said.report)
        if (said.model, said.version) != (spec.model, spec.version):
            return Refused((*report, _another_model(said, spec)))
        return Passed(report, said.contract)
    if probe.reason == "OOMKilled":
        return Refused((*before, _out_of_memory(spec)))
    if pod.reason:
        return Unfinished(pod.reason, f"the check's pod was stopped: {pod.message or pod.reason}")
    message = f"the model's process {_ended(probe)} without a report"
    blame = GateCheck(check="load", verdict="fail", figure=_ended(probe), limit="a report", message=message)
    return Unfinished("ProbeCrashed", message, blame)


def _lost(job: JobSeen, pod: PodSeen) -> Unfinished:
    if pod.reason:
        return Unfinished(pod.reason, f"the check's pod was stopped: {pod.message or pod.reason}")
    if job.finished == "DeadlineExceeded":
        return Unfinished("DeadlineExceeded", f"Job {job.name} was not done after {DEADLINE_SECONDS // 60} minutes")
    return Unfinished("PodLost", f"Job {job.name} ended ({job.finished}) and its pod left no report")


def _while_probing(since: datetime, now: datetime) -> Outcome:
    if (now - since).total_seconds() <= PROBE_SECONDS:
        return Running("the model is loaded and answers its golden requests")
    limit = f"{PROBE_SECONDS:.0f} s"
    message = f"the model did not load and answer its golden requests within {limit}"
    blame = GateCheck(check="time", verdict="fail", figure=f"over {limit}", limit=limit, message=message)
    return Unfinished("ProbeTimedOut", message, blame, stop=True)


def _waits_for(job: JobSeen, spec: ModelVersionSpec) -> str:
    pod = job.pod
    if pod is None:
        return f"Job {job.name} has no pod yet; if this lasts, `kubectl describe job {job.name}` says why"
    if pod.unschedulable:
        return f"no node takes the check's pod: {pod.unschedulable}"
    for name, container in (("fetch", pod.fetch), ("probe", pod.probe)):
        if container.message:
            return f"the container `{name}` cannot start: {container.reason}: {container.message}"
    if pod.fetch.started_at is not None:
        return f"the bundle is fetched from {spec.source.uri}"
    if spec.source.credentials is not None and pod.fetch.exit_code is None:
        return f"the check's pod is starting; it needs Secret {spec.source.credentials.secret_ref.name}"
    return "the check's pod is starting"


def failures(report: tuple[GateCheck, ...]) -> str:
    """The failed checks of a report on one line: name, figure, limit, and what it means."""
    return "; ".join(_line(row) for row in report if row.verdict == "fail")


def _line(row: GateCheck) -> str:
    figures = f" {row.figure}" if row.figure else ""
    figures += f" (limit {row.limit})" if row.limit else ""
    return f"{row.check}{figures}: {row.message}" if row.message else f"{row.check}{figures}"


def _ended(container: ContainerSeen) -> str:
    reason = f", {container.reason}" if container.reason not in ("", "Error", "Completed") else ""
    return f"ended with exit code {container.exit_code}{reason}"


def _out_of_memory(spec: ModelVersionSpec) -> GateCheck:
    memory = spec.gate.memory
    message = "the model needs more memory to load and answer; raise gate.memory, or make the model smaller"
    return GateCheck(check="memory", verdict="fail", figure=f"over {memory}", limit=memory, message=message)


def _another_model(said: StepReport, spec: ModelVersionSpec) -> GateCheck:
    return GateCheck(
        check="identity",
        verdict="fail",
        figure=f"{said.model} {said.version}",
        limit=f"{spec.model} {spec.version}",
        message="the bundle is of another model or version; create a ModelVersion that names those of its bundle",
    )
