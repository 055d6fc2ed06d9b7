"""One pass over a ModelVersion: read, look at its Job, decide, write the status, then act on the Job, then tell."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from pilotage_operator.api import names
from pilotage_operator.api.modelversion import ModelVersionSpec, ModelVersionStatus
from pilotage_operator.api.schema import sentence
from pilotage_operator.clients.kube import JOB, MODEL_VERSION, POD, AlreadyExists, Conflict, Kube
from pilotage_operator.control.check_seen import see_job
from pilotage_operator.control.config import Config
from pilotage_operator.domain.checking import JobSeen, Unfinished
from pilotage_operator.domain.manifests.check_job import check_job
from pilotage_operator.domain.manifests.pod import registry_of
from pilotage_operator.domain.version import Decision, decide_version, settled, unfinished, unreadable

SOON_SECONDS = 1.0
# On the pods of a Job, written by the Job controller: unlike the Job's name it cannot mean another Job.
JOB_UID_LABEL = "batch.kubernetes.io/controller-uid"


class ModelVersions:
    """Reconciles ModelVersions. `clock` gives seconds since the epoch."""

    def __init__(self, kube: Kube, config: Config, clock: Callable[[], float]) -> None:
        self._kube = kube
        self._config = config
        self._clock = clock

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Seconds until the next pass, or None: an event will wake us. Raises KubeError."""
        body = await self._kube.get(MODEL_VERSION, namespace, name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            return None
        status = _status(body)
        generation = body["metadata"]["generation"]
        if settled(status, generation):
            return None
        try:
            spec = ModelVersionSpec.model_validate(body["spec"])
        except ValidationError as error:
            await self._write(body, status, unreadable(generation, status, sentence(error), self._now()))
            return None
        decision = decide_version(spec, generation, status, await self._jobs(body), self._now())
        return await self._carry_out(body, spec, status, decision)

    async def _jobs(self, body: dict[str, Any]) -> list[JobSeen]:
        """The Jobs that this object controls, newest first; one of its name that somebody else made is not among them,
        nor is one that is being deleted."""
        namespace, name, uid = (body["metadata"][key] for key in ("namespace", "name", "uid"))
        found = await self._kube.list(JOB, namespace, selector={names.MODEL_VERSION_LABEL: name})
        ours = [job for job in found if _controlled_by(job, uid) and "deletionTimestamp" not in job["metadata"]]
        ours.sort(key=lambda job: str(job["metadata"]["creationTimestamp"]), reverse=True)
        return [see_job(job, await self._pods(namespace, job["metadata"]["uid"])) for job in ours]

    async def _pods(self, namespace: str, job_uid: str) -> list[dict[str, Any]]:
        return await self._kube.list(POD, namespace, selector={JOB_UID_LABEL: job_uid})

    async def _carry_out(
        self, body: dict[str, Any], spec: ModelVersionSpec, before: ModelVersionStatus, decision: Decision
    ) -> float | None:
        written = await self._write(body, before, decision.status)
        if written is None:
            return SOON_SECONDS
        namespace = body["metadata"]["namespace"]
        for job in decision.delete:
            await self._kube.delete(JOB, namespace, job.name, uid=job.uid)
        if decision.create is not None:
            job_body = self._job(body, spec, decision.create)
            try:
                await self._kube.create(JOB, job_body)
            except AlreadyExists:
                taken = _name_taken(job_body["metadata"]["name"])
                instead = unfinished(body["metadata"]["generation"], decision.status, taken, self._now())
                return await self._carry_out(written, spec, decision.status, instead)
        for event in decision.events:
            await self._kube.emit(body, type=event.type, reason=event.reason, message=event.message)
        return decision.requeue

    async def _write(
        self, body: dict[str, Any], before: ModelVersionStatus, after: ModelVersionStatus
    ) -> dict[str, Any] | None:
        """The object as it stands now, or None where somebody was faster: then nothing acts, the next pass looks
        anew."""
        if after == before:
            return body
        try:
            return await self._kube.write_status(MODEL_VERSION, {**body, "status": after.dump()})
        except Conflict:
            return None

    def _job(self, body: dict[str, Any], spec: ModelVersionSpec, attempt: int) -> dict[str, Any]:
        plain_http = registry_of(spec.source.uri) in self._config.registries.plain_http
        return check_job(
            owner=body, spec=spec, attempt=attempt, image=self._config.serving_image, plain_http=plain_http
        )

    def _now(self) -> datetime:
        """In whole seconds, as Kubernetes writes times."""
        return datetime.fromtimestamp(int(self._clock()), UTC)


def _status(body: dict[str, Any]) -> ModelVersionStatus:
    """The status as read. One that cannot be read is like one that was lost: the version is checked again."""
    try:
        return ModelVersionStatus.parse(body.get("status"))
    except ValidationError:
        return ModelVersionStatus()


def _controlled_by(body: dict[str, Any], uid: str) -> bool:
    owners = body["metadata"].get("ownerReferences") or ()
    return any(owner.get("controller") and owner["uid"] == uid for owner in owners)


def _name_taken(name: str) -> Unfinished:
    return Unfinished("NameTaken", f"a Job {name} that belongs to somebody else is in the way; delete or rename it")
