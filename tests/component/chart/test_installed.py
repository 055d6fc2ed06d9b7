"""The chart installed for real: two operators where only restricted pods are admitted, of which one leads."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.component.api.cluster import ApiServer
from tests.component.chart.test_chart import CHART, RESTRICTED, run

VALUES = {
    "images": {"operator": "localhost/pilotage/operator:dev", "serving": "localhost/pilotage/serving:dev"},
    "crds": {"enabled": False},  # the cluster is shared, and so are they
    "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
}


def done(*command: str, stdin: str | None = None) -> str:
    ended = run(*command, stdin=stdin)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}"
    return ended.stdout


@pytest.fixture
def installed() -> Iterator[str]:
    """The namespace; the chart is installed and ready."""
    server = ApiServer()
    server.install_definitions()
    server.open_namespace()
    namespace = server.namespace
    done("kubectl", "label", "namespace", namespace, *RESTRICTED)
    values = yaml.safe_dump({**VALUES, "watchNamespaces": [namespace]})
    done("helm", "install", "pilotage", CHART, "-n", namespace, "--wait", "--timeout", "180s", "-f", "-", stdin=values)
    yield namespace
    server.close_namespace()


def test_it_becomes_ready_leads_once_is_refused_nothing_and_leaves(installed: str) -> None:
    def get(*what: str) -> Any:
        return json.loads(done("kubectl", "-n", installed, "get", *what, "-o", "json"))

    pods = [pod["metadata"]["name"] for pod in get("pods")["items"]]
    assert len(pods) == 2
    logs = {pod: done("kubectl", "-n", installed, "logs", pod) for pod in pods}
    (leader,) = (pod for pod, log in logs.items() if "the lease is held" in log)
    assert get("lease", "pilotage")["spec"]["holderIdentity"].startswith(leader)
    for log in logs.values():
        lines = [json.loads(line) for line in log.splitlines()]  # no terminal: JSON, every line
        assert [line for line in lines if "403" in str(line) or "Forbidden" in str(line)] == []
    metrics = done("kubectl", "get", "--raw", f"/api/v1/namespaces/{installed}/pods/{leader}:8081/proxy/metrics")
    assert "pilotage_operator_leader 1.0" in metrics
    done("helm", "uninstall", "pilotage", "-n", installed, "--wait")
    assert (
        get("serviceaccount,configmap,role,rolebinding,deploy,pdb", "-l", "app.kubernetes.io/name=pilotage")["items"]
        == []
    )
    assert "modeldeployments" in done("kubectl", "get", "crd", "modeldeployments.pilotage.dev", "-o", "name")
