"""A Prometheus for one namespace, as the platform's is, so that a test may kill it while others are measured."""

from __future__ import annotations

import yaml

from tests.e2e.world import ROOT, kubectl

PLATFORM = ROOT / "tests/cluster/manifests/platform.yaml"
SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def private_prometheus(namespace: str) -> str:
    """Its address, once it answers."""
    bodies = [body for body in yaml.safe_load_all(PLATFORM.read_text()) if body["metadata"]["name"] == "prometheus"]
    for body in bodies:
        body["metadata"]["namespace"] = namespace
        if body["kind"] == "ConfigMap":
            _only(namespace, body)
        if body["kind"] == "Deployment":
            body["spec"]["template"]["spec"]["containers"][0]["securityContext"] = SECURITY
    rights = ["--role=prometheus", f"--serviceaccount={namespace}:prometheus"]
    kubectl("create", "role", "prometheus", "-n", namespace, "--verb=get,list,watch", "--resource=pods")
    kubectl("create", "rolebinding", "prometheus", "-n", namespace, *rights)
    kubectl("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(bodies))
    kubectl("rollout", "status", "-n", namespace, "deploy/prometheus", "--timeout=120s")
    return f"http://prometheus.{namespace}.svc.cluster.local:9090"


def _only(namespace: str, body: dict[str, dict[str, str]]) -> None:
    config = yaml.safe_load(body["data"]["prometheus.yml"])
    for job in config["scrape_configs"]:
        for discovery in job["kubernetes_sd_configs"]:
            discovery["namespaces"] = {"names": [namespace]}
    body["data"]["prometheus.yml"] = yaml.safe_dump(config)
