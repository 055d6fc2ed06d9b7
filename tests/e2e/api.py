"""Reads from the API server without starting a program for each look."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from kubernetes import client, config

PATHS = {
    "mdeploy": "/apis/pilotage.dev/v1alpha1/namespaces/{}/modeldeployments",
    "mv": "/apis/pilotage.dev/v1alpha1/namespaces/{}/modelversions",
    "deploy": "/apis/apps/v1/namespaces/{}/deployments",
    "pods": "/api/v1/namespaces/{}/pods",
    "hpa": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "events": "/api/v1/namespaces/{}/events",
}


@cache
def _client() -> client.ApiClient:
    config.load_kube_config()  # type: ignore[no-untyped-call]
    return client.ApiClient()


def read(kind: str, namespace: str, name: str = "", selector: str = "") -> dict[str, Any]:
    """One object, or the list of all that carry a label; raises AssertionError with what the API server said."""
    path = PATHS[kind].format(namespace) + (f"/{name}" if name else "")
    query = [("labelSelector", selector)] if selector else []
    headers = {"Accept": "application/json"}
    asked = _client().param_serialize("GET", path, None, query, headers, auth_settings=["BearerToken"])
    response = _client().call_api(*asked)
    body: bytes = response.response.data
    assert response.status == 200, f"{path}: {response.status} {body!r}"
    return dict(json.loads(body))
