"""A deployment's children as the API server has them now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilotage_operator.api import names
from pilotage_operator.clients.kube import (
    AUTOSCALER,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    POD,
    SERVICE,
    Kind,
    Kube,
)
from pilotage_operator.domain.manifests.revision import Revision, read_revision
from pilotage_operator.domain.manifests.serving import backend_mirror, backend_weights
from pilotage_operator.domain.rollout import health
from pilotage_operator.domain.rollout.seen import Root, Route, Workload

OWNED: Mapping[str, Kind] = {
    "ControllerRevision": CONTROLLER_REVISION,
    "Deployment": DEPLOYMENT,
    "HorizontalPodAutoscaler": AUTOSCALER,
    "Service": SERVICE,
    "HTTPRoute": HTTP_ROUTE,
}


@dataclass(frozen=True)
class Children:
    """Bodies by (kind, name); `taken` says which name belongs to somebody else, "" if none does."""

    bodies: Mapping[tuple[str, str], dict[str, Any]]
    revisions: Mapping[str, Revision]
    workloads: Mapping[str, Workload]
    root: Root | None
    route: Route | None
    taken: str
    gateway_api: bool


async def observe(kube: Kube, deployment: dict[str, Any]) -> Children:
    """Lists the children live. Pods are listed here too, since nothing watches them."""
    name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    labelled = {names.DEPLOYMENT_LABEL: name}
    snapshots, deployments, scalers, services, pods, slices = await asyncio.gather(
        kube.list(CONTROLLER_REVISION, namespace, selector=labelled),
        kube.list(DEPLOYMENT, namespace, selector=labelled),
        kube.list(AUTOSCALER, namespace, selector=labelled),
        kube.list(SERVICE, namespace, selector=labelled),
        kube.list(POD, namespace, selector=labelled),
        kube.list(ENDPOINT_SLICE, namespace, selector={"kubernetes.io/service-name": name}),
    )
    root = await kube.get(SERVICE, namespace, name)
    gateway_api = await kube.exists_kind(HTTP_ROUTE)
    route = await kube.get(HTTP_ROUTE, namespace, name) if gateway_api else None
    named = [("Service", body) for body in services] + ([("Service", root)] if root else [])
    named += [("HTTPRoute", route)] if route else []
    named += [("HorizontalPodAutoscaler", body) for body in scalers]
    named += [("Deployment", body) for body in deployments] + [("ControllerRevision", body) for body in snapshots]
    bodies = {(kind, body["metadata"]["name"]): body for kind, body in named}
    taken = next((f"{kind} {key}" for (kind, key), body in bodies.items() if _foreign(body, deployment)), "")
    revisions = {r.name: r for r in map(read_revision, snapshots)}
    return Children(
        bodies=bodies,
        revisions=revisions,
        workloads=_workloads(deployments, pods, revisions),
        root=_root(root, slices, pods) if root and not _foreign(root, deployment) else None,
        route=_route(route, name) if route else None,
        taken=taken,
        gateway_api=gateway_api,
    )


def _foreign(body: dict[str, Any], deployment: dict[str, Any]) -> bool:
    """Whether an object belongs to somebody else. A labelled child that has lost its owner is taken in again."""
    metadata = body["metadata"]
    controller = next((ref for ref in metadata.get("ownerReferences") or [] if ref.get("controller")), None)
    if controller is not None:
        return bool(controller["uid"] != deployment["metadata"]["uid"])
    return bool((metadata.get("labels") or {}).get(names.DEPLOYMENT_LABEL) != deployment["metadata"]["name"])


def _workloads(
    deployments: list[dict[str, Any]], pods: list[dict[str, Any]], revisions: Mapping[str, Revision]
) -> dict[str, Workload]:
    found = {}
    alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    # The pods of a deleted Deployment live on for a while, and a Service of all revisions would still find them.
    wanted = dict.fromkeys(filter(None, map(_revision_of, alive)), 0)
    for body in deployments:
        if "deletionTimestamp" not in body["metadata"]:
            wanted[_revision_of(body)] = body["spec"].get("replicas", 1)
    for name, replicas in wanted.items():
        mine = [pod for pod in alive if _revision_of(pod) == name]
        revision = revisions.get(name)
        found[name] = Workload(
            revision=name,
            version=revision.model_version if revision else name,
            wanted=replicas,
            ready=sum(map(health.ready, mine)),
            trouble=health.trouble(mine),
            promoted=revision.promoted if revision else False,
            order=revision.order if revision else 0,
        )
    return found


def _revision_of(body: dict[str, Any]) -> str:
    return str((body["metadata"].get("labels") or {}).get(names.REVISION_LABEL, ""))


def _root(service: dict[str, Any], slices: list[dict[str, Any]], pods: list[dict[str, Any]]) -> Root:
    revision_of = {p["metadata"]["name"]: p["metadata"]["labels"].get(names.REVISION_LABEL, "") for p in pods}
    endpoints: dict[str, int] = {}
    for endpoint in (e for body in slices for e in body.get("endpoints") or []):
        pod = (endpoint.get("targetRef") or {}).get("name", "")
        if (endpoint.get("conditions") or {}).get("ready", True) and pod in revision_of:
            endpoints[revision_of[pod]] = endpoints.get(revision_of[pod], 0) + 1
    selector = service["spec"].get("selector") or {}
    return Root(revision=selector.get(names.REVISION_LABEL, ""), endpoints=endpoints)


def _route(body: dict[str, Any], name: str) -> Route:
    """Accepted means: by every parent that the route names, for the route as it is now written."""
    parents = body.get("status", {}).get("parents") or []
    generation = body["metadata"].get("generation", 0)
    missing = ""
    if len(parents) < len(body["spec"].get("parentRefs") or []):
        missing = "the gateway has not answered for the HTTPRoute yet; does it exist and run?"
    for parent in parents:
        for wanted in ("Accepted", "ResolvedRefs"):
            condition = next((c for c in parent.get("conditions") or [] if c["type"] == wanted), None)
            if condition is None or condition.get("observedGeneration", 0) < generation:
                missing = missing or f"gateway {parent['parentRef']['name']} has not seen the HTTPRoute as it is now"
            elif condition["status"] != "True":
                missing = f"gateway {parent['parentRef']['name']} refuses the HTTPRoute: {condition.get('message', '')}"
    return Route(backend_weights(body, name), accepted=not missing, message=missing, mirror=backend_mirror(body, name))
