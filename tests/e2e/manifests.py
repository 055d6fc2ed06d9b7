"""What the tests apply: as a user would write it, with short times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PROMETHEUS = "http://prometheus.platform.svc.cluster.local:9090"
REGISTRY = "registry.platform.svc.cluster.local:5000"
GATEWAY = "http://public.gateways.svc.cluster.local"

STEPS = [{"weight": 25, "for": "5s"}, {"weight": 50, "for": "5s"}]
ROLLOUT = {"steps": STEPS, "bake": {"for": "10s"}, "progressDeadline": "10m", "readyDeadline": "3m"}
# Two cores carry every pod of every test: differences of a few milliseconds are the machine's, not a version's.
CHECKS = [
    {"errorRate": {"maxIncrease": 0.05}},
    {"latency": {"quantile": 0.9, "maxRatio": 2.0, "minDifference": "100ms"}},
]


@dataclass(frozen=True)
class Published:
    uri: str
    digest: str


def model_version(model: str, version: str, bundle: Published, **gate: Any) -> dict[str, Any]:
    return {
        "apiVersion": "pilotage.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": f"{model}-{version}"},
        "spec": {
            "model": model,
            "version": version,
            "source": {"uri": bundle.uri, "digest": bundle.digest},
            **({"gate": gate} if gate else {}),
        },
    }


def model_deployment(name: str, model_version: str, spec: dict[str, Any], host: str) -> dict[str, Any]:
    traffic = {"parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": [host]} if host else None
    return {
        "apiVersion": "pilotage.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {
            "modelVersion": model_version,
            "replicas": 3,
            "server": {"resources": {"requests": {"cpu": "20m", "memory": "64Mi"}}},
            "rollout": ROLLOUT,
            "analysis": {"interval": "5s", "checks": CHECKS},
            **({"traffic": traffic} if traffic else {}),
            **spec,
        },
    }
