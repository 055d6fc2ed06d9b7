"""The chart, rendered and shown to a real API server."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.component.api.cluster import ApiServer

ROOT = Path(__file__).parents[3]
CHART = str(ROOT / "charts/pilotage")
RESTRICTED = ("pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted")
EVERY_VALUE = {
    "images": {"operator": "registry:5000/operator:1", "serving": "registry:5000/serving:1", "pullPolicy": "Always"},
    "crds": {"enabled": True},
    "replicas": 3,
    "prometheus": {
        "url": "https://metrics:9443/tenant",
        "headers": {"Authorization": 'Bearer "x": y'},
        "tenantQueries": True,
    },
    "registries": {"plainHTTP": ["registry:5000"]},
    "connectionSeconds": 30,
    "defaults": {
        "rollout": {"steps": [{"weight": 10, "for": "1m"}]},
        "analysis": {"interval": "5s"},
        "traffic": {"parentRefs": [{"name": "public"}]},
    },
    "resources": {"requests": {"cpu": "10m"}},
    "admissionPolicy": {"enabled": True},
    "networkPolicy": {"enabled": False},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
}
# What the operator calls (clients/kube.py and its callers) and kopf watches (handlers.py); nothing else.
WATCHED = {"list", "watch"}
USED = {
    "modeldeployments.pilotage.dev": {"get"} | WATCHED,
    "modelversions.pilotage.dev": {"get"} | WATCHED,
    "modeldeployments.pilotage.dev/status": {"update"},
    "modelversions.pilotage.dev/status": {"update"},
    "deployments.apps": WATCHED | {"create", "patch", "delete"},
    "controllerrevisions.apps": {"list", "create", "patch", "delete"},
    "horizontalpodautoscalers.autoscaling": {"list", "create", "patch", "delete"},
    "services": {"get"} | WATCHED | {"create", "patch", "delete"},
    "httproutes.gateway.networking.k8s.io": {"get"} | WATCHED | {"create", "patch", "delete"},
    "gateways.gateway.networking.k8s.io": {"get"},
    "gatewayclasses.gateway.networking.k8s.io": {"get"},
    "endpointslices.discovery.k8s.io": WATCHED,
    "jobs.batch": WATCHED | {"create", "delete"},
    "pods": {"list"},
    "events": {"create"},
}
LEASES = "leases.coordination.k8s.io"


def run(*command: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def template(namespace: str, values: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    return run("helm", "template", "pilotage", CHART, "-n", namespace, "-f", "-", stdin=yaml.safe_dump(values))


def rendered(namespace: str, **values: Any) -> list[dict[str, Any]]:
    done = template(namespace, values)
    assert done.returncode == 0, done.stderr
    return [body for body in yaml.safe_load_all(done.stdout) if body]


def apply(bodies: list[dict[str, Any]], *how: str) -> None:
    done = run("kubectl", "apply", "--server-side", *how, "-f", "-", stdin=yaml.safe_dump_all(bodies))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """It admits only restricted pods."""
    server = ApiServer()
    server.install_definitions()
    server.open_namespace()
    assert run("kubectl", "label", "namespace", server.namespace, *RESTRICTED).returncode == 0
    yield server.namespace
    server.close_namespace()


def test_helm_has_nothing_against_it() -> None:
    done = run("helm", "lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", [{}, EVERY_VALUE], ids=["defaults", "every value"])
def test_an_api_server_takes_all_of_it(namespace: str, values: dict[str, Any]) -> None:
    apply(rendered(namespace, **values), "--dry-run=server", "--force-conflicts")


def test_every_value_is_tried_and_described_by_the_schema() -> None:
    schema = json.loads(Path(CHART, "values.schema.json").read_text())
    known = set(yaml.safe_load(Path(CHART, "values.yaml").read_text()))
    assert set(schema["properties"]) - {"global"} == known
    assert set(EVERY_VALUE) | {"watchNamespaces"} == known


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 2}, "'replica' not allowed"),
        ({"replicas": 0}, "minimum: got 0, want 1"),
        ({"replicas": "2"}, "got string, want integer"),
        ({"prometheus": {"url": "prometheus:9090"}}, "does not match pattern"),
        ({"prometheus": {"uri": ""}}, "'uri' not allowed"),
        ({"registries": {"plainHTTP": ["http://registry:5000"]}}, "does not match pattern"),
        ({"watchNamespaces": "team"}, "got string, want array"),
        ({"watchNamespaces": ["Team A"]}, "does not match pattern"),
        ({"connectionSeconds": 0}, "minimum: got 0, want 1"),
        ({"defaults": {"steps": []}}, "'steps' not allowed"),
        ({"images": {"serving": ""}}, "minLength: got 0, want 1"),
        ({"crds": {"enabled": "yes"}}, "got string, want boolean"),
    ],
)
def test_a_wrong_value_is_refused(values: dict[str, Any], said: str) -> None:
    done = template("default", values)
    assert done.returncode != 0
    assert said in done.stderr


def test_the_configuration_arrives_as_it_was_given() -> None:
    (config,) = (
        body["data"]["config.yaml"] for body in rendered("system", **EVERY_VALUE) if body["kind"] == "ConfigMap"
    )
    read = yaml.safe_load(config)
    assert read["prometheus"] == EVERY_VALUE["prometheus"]
    assert read["defaults"] == EVERY_VALUE["defaults"]
    assert read["servingImage"] == "registry:5000/serving:1"


def test_its_pod_is_admitted_where_only_restricted_ones_are(namespace: str) -> None:
    bodies = {body["kind"]: body for body in rendered(namespace)}
    apply([bodies["ServiceAccount"]])
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", "namespace": namespace}}
    apply([{**head, "spec": bodies["Deployment"]["spec"]["template"]["spec"]}], "--dry-run=server")


def test_definitions_stay_when_it_is_uninstalled_and_can_be_left_out() -> None:
    definitions = [body for body in rendered("system") if body["kind"] == "CustomResourceDefinition"]
    assert len(definitions) == 2
    assert {body["metadata"]["annotations"]["helm.sh/resource-policy"] for body in definitions} == {"keep"}
    assert "CustomResourceDefinition" not in {body["kind"] for body in rendered("system", crds={"enabled": False})}


def test_its_rights_are_exactly_what_it_calls() -> None:
    (role,) = (body for body in rendered("system") if body["kind"] == "ClusterRole")
    assert _granted([role]) == USED
    (lease,) = (body for body in rendered("system") if body["kind"] == "Role")
    assert _granted([lease]) == {LEASES: {"create", "get", "update"}}


def test_with_namespaces_it_has_no_right_beyond_them(namespace: str) -> None:
    bodies = rendered(namespace, watchNamespaces=[namespace])
    assert not [body["kind"] for body in bodies if body["kind"].startswith("ClusterRole")]
    apply([body for body in bodies if body["kind"] in ("ServiceAccount", "Role", "RoleBinding")])
    as_operator = f"--as=system:serviceaccount:{namespace}:pilotage"
    for word, allowed in (
        (["update", "modeldeployments", "--subresource=status"], True),
        (["patch", "deployments.apps"], True),
        (["update", "leases/pilotage"], True),
        (["update", "leases/another"], False),
        (["get", "secrets"], False),
        (["list", "secrets"], False),
        (["update", "modeldeployments"], False),
        (["patch", "modeldeployments"], False),
        (["create", "pods"], False),
        (["get", "configmaps"], False),
    ):
        answer = run("kubectl", "auth", "can-i", *word, "-n", namespace, as_operator).stdout.strip()
        assert answer == ("yes" if allowed else "no"), word
        assert run("kubectl", "auth", "can-i", *word, "-n", "default", as_operator).stdout.strip() == "no", word


def _granted(roles: list[dict[str, Any]]) -> dict[str, set[str]]:
    granted: dict[str, set[str]] = {}
    for rule in (rule for role in roles for rule in role["rules"]):
        for resource in rule["resources"]:
            plural, _, below = resource.partition("/")
            group = rule["apiGroups"][0]
            name = f"{plural}.{group}".rstrip(".") + (f"/{below}" if below else "")
            granted.setdefault(name, set()).update(rule["verbs"])
    return granted
