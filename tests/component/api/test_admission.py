"""What the API server accepts and refuses, and the sentence that it refuses with."""

import pytest
import yaml

from tests.component.api.cluster import ROOT, ApiServer, Json, manifest
from tests.unit.api.specs import ACCEPTED, REFUSED, Case, deployment, source, version


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_a_good_spec_is_accepted(api_server: ApiServer, case: Case) -> None:
    answer = api_server.create(manifest(case.kind, "fraud", case.spec))
    assert answer.code == 201, answer.message


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_bad_spec_is_refused_with_the_place_and_the_sentence(api_server: ApiServer, case: Case) -> None:
    answer = api_server.create(manifest(case.kind, "fraud", case.spec))
    assert answer.code == 422
    assert case.says in answer.message
    assert all(part in answer.message for part in case.where.split("."))
    assert "evaluating rule" not in answer.message, "a rule broke where it should have said what is wrong"


@pytest.mark.parametrize(("kind", "spec"), [("ModelVersion", version()), ("ModelDeployment", deployment())])
@pytest.mark.parametrize(
    "name", ["a" * 53, "3-fraud", "fraud.v3"], ids=["too long", "begins with a digit", "has a dot"]
)
def test_a_name_that_its_children_could_not_bear_is_refused(
    api_server: ApiServer, kind: str, spec: Json, name: str
) -> None:
    answer = api_server.create(manifest(kind, name, spec))
    assert answer.code == 422
    assert "choose a name of at most 52 characters" in answer.message


@pytest.mark.parametrize("name", ["a" * 52, "f", "fraud-v3"])
def test_a_name_that_its_children_can_bear_is_accepted(api_server: ApiServer, name: str) -> None:
    assert api_server.create(manifest("ModelDeployment", name, deployment())).code == 201


def test_an_unknown_field_is_refused_by_strict_clients(api_server: ApiServer) -> None:
    answer = api_server.create(manifest("ModelDeployment", "fraud", deployment(replica=3)))
    assert answer.code == 400
    assert 'unknown field "spec.replica"' in answer.message


def test_an_unknown_field_is_pruned_for_all_others(api_server: ApiServer) -> None:
    answer = api_server.create(manifest("ModelDeployment", "fraud", deployment(replica=3)), strict=False)
    assert answer.code == 201
    assert answer.body["spec"] == deployment(replicas=1)


def test_what_belongs_to_the_pod_is_passed_through_unpruned(api_server: ApiServer) -> None:
    server = {"affinity": {"nodeAffinity": {"later": {"than": "us"}}}, "tolerations": [{"key": "models"}]}
    answer = api_server.create(manifest("ModelDeployment", "fraud", deployment(server=server)))
    assert answer.body["spec"]["server"] == server


def test_a_model_version_without_a_gate_gets_its_limits(api_server: ApiServer) -> None:
    answer = api_server.create(manifest("ModelVersion", "fraud-v3", version()))
    assert answer.body["spec"]["gate"] == {"golden": {"rtol": 1e-4, "atol": 1e-5}, "memory": "512Mi"}


def test_the_quickstart_is_accepted(api_server: ApiServer) -> None:
    for body in yaml.safe_load_all((ROOT / "examples" / "quickstart.yaml").read_text()):
        answer = api_server.create(body)
        assert answer.code == 201, answer.message


def test_a_model_versions_identity_is_immutable_and_its_gate_is_not(api_server: ApiServer) -> None:
    stored = api_server.create(manifest("ModelVersion", "immutable", version()), store=True).body

    def replaced(**changes: object) -> str:
        return api_server.replace(stored | {"spec": stored["spec"] | changes}).message

    assert "source is immutable: create a new ModelVersion" in replaced(source=source(uri="oci://elsewhere/fraud"))
    assert "source is immutable: create a new ModelVersion" in replaced(
        source=source(credentials={"secretRef": {"name": "registry-pull"}})
    )
    assert "model and version are immutable: create a new ModelVersion" in replaced(version="4")
    assert replaced(gate={"memory": "1Gi"}) == ""
