"""Whether the gateways of a deployment copy requests, by what their classes say of themselves."""

from __future__ import annotations

from typing import Any

from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.clients.kube import GATEWAY, GATEWAY_CLASS, Forbidden, Kube

MIRROR = "HTTPRouteRequestMirror"


async def cannot_mirror(kube: Kube, namespace: str, spec: ModelDeploymentSpec) -> str:
    """The name of a GatewayClass that lists what it supports and RequestMirror not among it; "" where there is none.

    One that says nothing, or that the operator may not read, is tried: then the route's own conditions tell.
    """
    if spec.traffic is None or not any(step.shadow for step in spec.rollout.steps):
        return ""
    for parent in spec.traffic.parent_refs:
        try:
            gateway = await kube.get(GATEWAY, parent.namespace or namespace, parent.name)
            name = gateway["spec"]["gatewayClassName"] if gateway else ""
            of_class = await kube.get(GATEWAY_CLASS, None, name) if name else None
        except Forbidden:
            continue
        supported = (of_class or {}).get("status", {}).get("supportedFeatures") or []
        if supported and MIRROR not in map(_name, supported):
            return str(name)
    return ""


def _name(feature: Any) -> str:
    """Older gateways list plain names."""
    return str(feature.get("name", "")) if isinstance(feature, dict) else str(feature)
