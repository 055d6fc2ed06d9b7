"""Asks the API server whether it would take the children of a spec, before anything is decided on them.

What is passed on as it stands (affinity, tolerations, host names, ...) only the API server can judge. Asked beforehand,
a spec that it refuses is like any other that cannot be used: nothing is begun, and what serves is not touched.
"""

from __future__ import annotations

from typing import Any

from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.clients.kube import DEPLOYMENT, HTTP_ROUTE, Kube
from pilotage_operator.domain.manifests import serving
from pilotage_operator.domain.manifests.revision import Revision


async def refusal(
    kube: Kube, owner: dict[str, Any], spec: ModelDeploymentSpec, made: Revision | None, *, route: bool
) -> str:
    """The API server's sentence against a revision that is not written yet, or against the route; "" for none."""
    said = ""
    if made is not None:
        said = await kube.preview(DEPLOYMENT, serving.deployment(owner, made, spec.replicas))
    if not said and route and spec.traffic is not None:
        said = await kube.preview(HTTP_ROUTE, serving.http_route(owner, spec.traffic, {}))
    return said
