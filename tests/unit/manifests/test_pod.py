"""The pods that serve and that check, as the API server would judge them."""

from typing import Any

import pytest

from pilotage_operator.api.modeldeployment import Server
from pilotage_operator.api.modelversion import ModelVersionSpec, Source
from pilotage_operator.domain.manifests.check_job import check_job
from pilotage_operator.domain.manifests.pod import fetch_container, registry_of, serving_template

DIGEST = "sha256:" + "0" * 64
OPEN = Source(uri="oci://registry:5000/models/fraud", digest=DIGEST)
CLOSED = Source.model_validate(OPEN.dump() | {"credentials": {"secretRef": {"name": "pull"}}})


def serving(source: Source = OPEN, **server: Any) -> dict[str, Any]:
    return serving_template(
        deployment="fraud", revision="1a2b3c4d5e", model="fraud", version="3", source=source, image="serving:1",
        server=Server.model_validate(server), connection_seconds=60, plain_http=True,
    )  # fmt: skip


def checking(source: Source = OPEN, *, name: str = "fraud-v3", attempt: int = 1) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "team", "uid": "mv-uid", "generation": 4}
    spec = ModelVersionSpec.model_validate({"model": "fraud", "version": "3", "source": source.dump()})
    return check_job(owner={"metadata": metadata}, spec=spec, attempt=attempt, image="serving:1", plain_http=False)


def checking_pod(source: Source = OPEN) -> dict[str, Any]:
    pod: dict[str, Any] = checking(source)["spec"]["template"]
    return pod


@pytest.mark.parametrize("template", [serving(CLOSED), checking_pod(CLOSED)], ids=["serving", "checking"])
class TestBothPods:
    def test_satisfy_pod_security_restricted(self, template: dict[str, Any]) -> None:
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all("emptyDir" in volume or "secret" in volume for volume in spec["volumes"])
        for container in spec["initContainers"] + spec["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["readOnlyRootFilesystem"] is True

    def test_have_no_token(self, template: dict[str, Any]) -> None:
        assert template["spec"]["automountServiceAccountToken"] is False
        assert template["spec"]["enableServiceLinks"] is False

    def test_give_the_credentials_to_fetch_alone(self, template: dict[str, Any]) -> None:
        spec = template["spec"]
        having = [
            container["name"]
            for container in spec["initContainers"] + spec["containers"]
            if any(mount["name"] == "credentials" for mount in container["volumeMounts"])
        ]
        assert having == ["fetch"]
        assert {"name": "credentials", "secret": {"secretName": "pull"}} in spec["volumes"]

    def test_let_only_fetch_write_the_bundle(self, template: dict[str, Any]) -> None:
        (container,) = template["spec"]["containers"]
        assert container["volumeMounts"] == [{"name": "bundle", "mountPath": "/bundle", "readOnly": True}]


def test_fetch_without_credentials_mounts_none() -> None:
    container = fetch_container(image="i", source=OPEN, plain_http=False)
    assert "--credentials" not in container["args"]
    assert "--plain-http" not in container["args"]
    assert container["args"][:5] == ["fetch", "--uri", OPEN.uri, "--digest", DIGEST]


def test_plain_http_is_passed_on() -> None:
    assert "--plain-http" in fetch_container(image="i", source=OPEN, plain_http=True)["args"]


def test_the_server_verifies_the_digest_and_knows_who_it_is() -> None:
    (server,) = serving()["spec"]["containers"]
    assert server["args"][:4] == ["serve", "/bundle/model", "--digest", DIGEST]
    assert {entry["name"]: entry["value"] for entry in server["env"]} == {
        "PILOTAGE_DEPLOYMENT": "fraud",
        "PILOTAGE_VERSION": "3",
        "PILOTAGE_REVISION": "1a2b3c4d5e",
    }


def test_the_pod_is_found_by_services_and_by_prometheus() -> None:
    metadata = serving()["metadata"]
    assert metadata["labels"] == {
        "pilotage.dev/deployment": "fraud",
        "pilotage.dev/revision": "1a2b3c4d5e",
        "app.kubernetes.io/managed-by": "pilotage",
    }
    assert metadata["annotations"]["prometheus.io/port"] == "8080"


def test_http_and_grpc_have_a_port_each() -> None:
    (server,) = serving()["spec"]["containers"]
    assert {port["name"]: port["containerPort"] for port in server["ports"]} == {"http": 8080, "grpc": 9000}
    assert server["args"][4:8] == ["--port", "8080", "--grpc-port", "9000"]


def test_resources_have_a_default_that_the_users_replace() -> None:
    def resources(**server: Any) -> Any:
        return serving(**server)["spec"]["containers"][0]["resources"]

    assert resources() == {"requests": {"cpu": "100m", "memory": "128Mi"}}
    assert resources(resources={"limits": {"memory": "1Gi"}}) == {"limits": {"memory": "1Gi"}}


def test_scheduling_fields_are_passed_on() -> None:
    given: dict[str, Any] = {
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "ml", "operator": "Exists"}],
        "priorityClassName": "high",
        "serviceAccountName": "models",
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    }
    spec = serving(**given)["spec"]
    assert {name: spec[name] for name in given} == given


def test_pods_prefer_different_nodes_by_default() -> None:
    (constraint,) = serving()["spec"]["topologySpreadConstraints"]
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
    assert constraint["labelSelector"]["matchLabels"]["pilotage.dev/revision"] == "1a2b3c4d5e"


def test_the_check_runs_once_within_its_memory() -> None:
    job = checking()["spec"]
    (probe,) = job["template"]["spec"]["containers"]
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert probe["resources"]["limits"] == {"memory": "512Mi"}
    assert probe["args"] == ["probe", "/bundle/model", "--rtol", "0.0001", "--atol", "1e-05"]


def test_the_check_belongs_to_its_version_and_never_blocks_its_deletion() -> None:
    metadata = checking()["metadata"]
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (
        "ModelVersion", "mv-uid", True, False,
    )  # fmt: skip
    assert metadata["labels"]["pilotage.dev/model-version"] == "fraud-v3"
    assert metadata["annotations"]["pilotage.dev/generation"] == "4"


def test_the_longest_name_is_still_a_label() -> None:
    assert len(checking(name="a" * 52, attempt=9999)["metadata"]["name"]) == 63


@pytest.mark.parametrize(
    ("uri", "host"),
    [("oci://registry:5000/models/fraud", "registry:5000"), ("oci://registry.example.com/m", "registry.example.com")],
)
def test_the_registry_of_an_address(uri: str, host: str) -> None:
    assert registry_of(uri) == host
