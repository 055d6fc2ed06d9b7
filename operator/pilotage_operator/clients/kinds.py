"""The kinds that the operator reads and writes. A kind knows its path, so nothing has to be discovered."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage_operator.api import names


@dataclass(frozen=True)
class Kind:
    """A namespaced kind."""

    api_version: str
    kind: str
    plural: str

    @property
    def group_path(self) -> str:
        """Where its API group is served."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"

    def path(self, namespace: str | None, name: str = "") -> str:
        """The path of one object, of a namespace's collection, or (namespace None) of the whole cluster's."""
        within = f"/namespaces/{namespace}" if namespace is not None else ""
        return f"{self.group_path}{within}/{self.plural}" + (f"/{name}" if name else "")


MODEL_VERSION = Kind(names.API_VERSION, names.MODEL_VERSION_KIND, names.MODEL_VERSION_PLURAL)
MODEL_DEPLOYMENT = Kind(names.API_VERSION, names.MODEL_DEPLOYMENT_KIND, names.MODEL_DEPLOYMENT_PLURAL)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
CONTROLLER_REVISION = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
SERVICE = Kind("v1", "Service", "services")
POD = Kind("v1", "Pod", "pods")
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
JOB = Kind("batch/v1", "Job", "jobs")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
EVENT = Kind("events.k8s.io/v1", "Event", "events")
