"""One ModelVersion on a real API server, and what the controllers of a whole cluster would do about its Job."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pilotage_operator.api import names
from pilotage_operator.clients.kube import JOB, MODEL_VERSION, POD, AlreadyExists, Kind, Kube
from pilotage_operator.control.config import Config
from pilotage_operator.control.modelversion import ModelVersions

Json = dict[str, Any]
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
DIGEST = "sha256:" + "0123456789abcdef" * 4
CONTRACT = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 2]}], "outputs": [], "hash": "0f" * 32}
ROW = {"check": "golden", "verdict": "pass", "figure": "4e-07", "limit": "1e-4"}
BAD_ROW = {"check": "golden", "verdict": "fail", "figure": "0.2", "limit": "1e-4", "message": "the answers differ"}


def ended(code: int, report: Json | None = None, reason: str = "Completed") -> Json:
    """A container that has ended; `report` is its termination message."""
    message = {"message": json.dumps(report)} if report is not None else {}
    return {"terminated": {"exitCode": code, "reason": reason, **message}}


FETCHED = ended(0, {"step": "fetch", "outcome": "passed", "report": [{"check": "digest", "verdict": "pass"}]})
AWAY = ended(75, {"step": "fetch", "outcome": "unavailable", "report": []}, "Error")
REFUSED = ended(1, {"step": "probe", "outcome": "refused", "report": [ROW, BAD_ROW]}, "Error")
OOM_KILLED = ended(137, reason="OOMKilled")


def passed(version: str = "3") -> Json:
    """A probe that passed a bundle of this version."""
    report = {"step": "probe", "outcome": "passed", "report": [ROW], "contract": CONTRACT}
    return ended(0, report | {"model": "fraud", "version": version})


class HandsOff(Kube):
    """Where the cluster has a Job controller, it leaves these Jobs to the test."""

    async def create(self, kind: Kind, body: Json) -> Json:
        if kind is JOB:
            body = {**body, "spec": {**body["spec"], "managedBy": "tests.pilotage.dev/stage"}}
        return await super().create(kind, body)


class Stage:
    """The ModelVersion `name`, its operator, and a clock that is moved by hand."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self.kube = kube
        self.namespace = namespace
        self.name = name
        self.ahead = 0.0
        config = Config.model_validate({"servingImage": "localhost/pilotage/serving:dev", "prometheus": {"url": ""}})
        self.versions = ModelVersions(kube, config, lambda: datetime.now(UTC).timestamp() + self.ahead)

    async def open(self) -> None:
        """Creates the ModelVersion, and what the controllers of a cluster would put into its namespace."""
        with suppress(AlreadyExists):
            await self.kube.create(SERVICE_ACCOUNT, self._metadata("default"))
        spec = {"model": "fraud", "version": "3", "source": {"uri": "oci://registry:5000/fraud", "digest": DIGEST}}
        head = {"apiVersion": names.API_VERSION, "kind": names.MODEL_VERSION_KIND}
        await self.kube.create(MODEL_VERSION, {**head, **self._metadata(self.name), "spec": spec})

    async def reconcile(self, *, after: float = 0.0) -> float | None:
        """One pass, `after` so many seconds more."""
        self.ahead += after
        return await self.versions.reconcile(self.namespace, self.name)

    async def jobs(self) -> list[Json]:
        return await self.kube.list(JOB, self.namespace, selector={names.MODEL_VERSION_LABEL: self.name})

    async def job(self) -> Json:
        """The one Job that there is."""
        (job,) = await self.jobs()
        return job

    async def status(self) -> Json:
        body = await self.kube.get(MODEL_VERSION, self.namespace, self.name)
        assert body is not None
        status: Json = body.get("status") or {}
        return status

    async def change_gate(self, **gate: Any) -> None:
        """A person changes the limits."""
        head = {"apiVersion": names.API_VERSION, "kind": names.MODEL_VERSION_KIND}
        await self.kube.apply(MODEL_VERSION, {**head, **self._metadata(self.name), "spec": {"gate": gate}})

    async def pod_reports(self, fetch: Json, probe: Json | None = None) -> None:
        """The Job's pod, made as the Job controller makes it, with its containers in these states."""
        job = await self.job()
        template = job["spec"]["template"]
        spec = {**template["spec"], "schedulerName": "nobody"}  # so that no kubelet has a say in it
        metadata = self._metadata(f"{job['metadata']['name']}-{job['metadata']['uid'][:5]}")["metadata"]
        metadata["labels"] = template["metadata"]["labels"]
        pod = await self.kube.create(POD, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        pod["status"] = {
            "phase": "Running",
            "initContainerStatuses": [_container(pod, "initContainers", fetch)],
            "containerStatuses": [_container(pod, "containers", probe or {"waiting": {"reason": "PodInitializing"}})],
        }
        await self.kube.write_status(POD, pod)

    def _metadata(self, name: str) -> Json:
        return {"metadata": {"name": name, "namespace": self.namespace}}


def _container(pod: Json, of: str, state: Json) -> Json:
    (container,) = pod["spec"][of]
    image = container["image"]
    return {
        "name": container["name"], "image": image, "imageID": image, "ready": False, "restartCount": 0, "state": state,
    }  # fmt: skip
