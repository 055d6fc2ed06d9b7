"""What cannot be used: a clear sentence in the status, and nothing that serves is touched."""

from typing import Any

import pytest

from tests.component.operator.stage import ROW_OF_2, ROW_OF_3, Stage


def _says(status: dict[str, Any], sentence: str) -> bool:
    """Whether the conditions say it too, and that the deployment is not as it was asked for."""
    degraded = next(c for c in status["conditions"] if c["type"] == "Degraded")
    return degraded["status"] == "True" and sentence in degraded["message"] and sentence in status["message"]


def test_a_version_that_does_not_exist_is_waited_for(stage: Stage) -> None:
    first = stage.install()
    stage.deploy("2")
    status = stage.until("waits", phase="Progressing", reason="WaitingForVersion")
    assert status["message"].startswith(f"{stage.name}-v1 serves all: ModelVersion {stage.name}-v2 does not exist")
    assert stage.served_by(first)


def test_a_rejected_version_is_not_served(stage: Stage) -> None:
    first = stage.install()
    stage.rejected_version("2", "golden 0.2 (limit 1e-4): the answers differ")
    stage.deploy("2")
    status = stage.until("refused", phase="Invalid", reason="VersionRejected")
    assert _says(status, f"{stage.name}-v2 is rejected: golden 0.2 (limit 1e-4): the answers differ")
    assert stage.served_by(first)


def test_a_contract_that_differs_is_refused_until_it_is_allowed(stage: Stage) -> None:
    first = stage.install()
    stage.ready_version("2", ROW_OF_3)
    stage.deploy("2")
    status = stage.until("refused", phase="Invalid", reason="ContractChanged")
    assert _says(status, f"{stage.name}-v2 has other inputs or outputs than {stage.name}-v1, which serves")
    assert stage.served_by(first)
    stage.deploy("2", rollout={**stage.spec["rollout"], "allow": {"contractChange": True}})
    stage.until("starts", phase="Progressing", reason="StartingPods")


def test_a_check_of_a_class_that_the_model_does_not_have_is_refused_with_those_that_it_has(stage: Stage) -> None:
    first = stage.install()
    label = {"name": "label", "datatype": "INT64", "shape": [-1], "classes": ["0", "1"]}
    stage.ready_version("2", {**ROW_OF_2, "outputs": [label]})
    stage.deploy("2", analysis={"checks": [{"predictionShare": {"class": "fraud"}}]})
    status = stage.until("refused", phase="Invalid", reason="BadSpec")
    assert _says(status, f"predictionShare-fraud: {stage.name}-v2 has no class fraud; it has 0, 1")
    assert stage.served_by(first)
    stage.deploy("2", analysis={"checks": [{"predictionShare": {"class": "1"}}]})
    stage.until("corrected", phase="Progressing", reason="StartingPods")


def test_a_query_of_a_team_is_refused_where_only_the_platform_may(stage: Stage) -> None:
    first = stage.install()
    query = {"name": "revenue", "promql": "sum(revenue)", "min": 10}
    stage.deploy("1", analysis={"checks": [{"query": query}]})
    status = stage.until("refused", phase="Invalid", reason="BadSpec")
    assert _says(status, "query-revenue: queries of one's own are not allowed here")
    assert stage.served_by(first)


def test_a_service_of_somebody_else_is_left_alone_until_it_is_gone(stage: Stage) -> None:
    stage.kubectl("create", "service", "clusterip", stage.name, "--tcp=80:9000")
    stranger = stage.get("service")
    stage.ready_version("1")
    stage.deploy("1")
    status = stage.until("refused", phase="Invalid", reason="NameTaken")
    assert _says(status, f"Service {stage.name} belongs to somebody else; rename or delete it")
    assert stage.get("service") == stranger
    assert stage.items("deploy") == []
    stage.kubectl("delete", "service", stage.name)
    stage.until("goes on by itself", phase="Initializing", reason="StartingPods")


def test_steps_longer_than_the_platforms_deadline_are_refused(stage: Stage) -> None:
    first = stage.install()
    (before,) = stage.items("deploy")
    stage.ready_version("2")
    stage.deploy("2", rollout={"steps": [{"weight": 25, "for": "90m"}]})
    status = stage.until("refused", phase="Invalid", reason="BadSpec")
    assert _says(status, "progressDeadline is shorter than the steps and the bake together: raise it, or shorten them")
    assert status["message"].startswith(f"{stage.name}-v1 serves all: ")
    (after,) = stage.items("deploy")
    assert [after["metadata"][key] for key in ("uid", "generation")] == [before["metadata"]["uid"], 1]
    assert stage.served_by(first)
    stage.deploy("2", rollout={"steps": [{"weight": 25, "for": "1s"}]})
    stage.until("corrected", phase="Progressing", reason="StartingPods")


def test_a_spec_that_only_the_operator_can_refuse_takes_the_canary_back(stage: Stage) -> None:
    first = stage.install()
    stage.ready_version("2")
    stage.deploy("2", rollout={"steps": [{"weight": 25, "for": "30m"}], "bake": {"for": "1s"}})
    stage.until("the canary's pods start", phase="Progressing", reason="StartingPods")
    second = stage.revision("canary")
    stage.pods(second, 1)
    stage.until_selected()
    stage.deploy("2", rollout={"steps": [{"weight": 25, "for": "90m"}], "bake": {"for": "1s"}})
    stage.until_selected(first)
    status = stage.until("taken back", phase="Invalid", reason="BadSpec", weights="100/0")
    assert _says(status, f"{stage.name}-v1 serves all: spec: progressDeadline is shorter")
    stage.until_live("its pods end", "deploy", f"{stage.name}-{first}", lambda _: stage.served_by(first))


def test_an_action_that_cannot_be_read_says_how_it_is_written(stage: Stage) -> None:
    stage.install()
    stage.act("rollback", "now")
    stage.until("remembered", phase="Healthy", actions=["rollback/now"])
    assert "write pilotage.dev/rollback as <id>/<revision>/<attempt>[/<revision to go back to>]" in stage.said(
        "ActionRefused"
    )


def test_pod_fields_that_the_api_server_refuses_are_refused_with_its_sentence(stage: Stage) -> None:
    first = stage.install()
    stage.deploy("1", server={"affinity": {"nodeAffinity": {"required": ["ssd"]}}})
    status = stage.until("refused", phase="Invalid", reason="BadSpec")
    assert _says(status, "the API server refuses it: ")
    assert 'unknown field "spec.template.spec.affinity.nodeAffinity.required"' in status["message"]
    stage.deploy("1", server={"tolerations": [{"operator": "Sometimes"}]})
    status = stage.until("refused", phase="Invalid", reason="BadSpec", observedGeneration=3)
    assert "spec.template.spec.tolerations[0].operator" in status["message"]
    assert stage.served_by(first)
    assert len(stage.items("controllerrevisions")) == 1
    stage.deploy("1", server={})
    stage.until("corrected", phase="Healthy", reason="AllReady")


def test_a_first_version_that_the_api_server_refuses_is_said_to_be_refused(stage: Stage) -> None:
    stage.ready_version("1")
    stage.deploy("1", server={"affinity": {"podAffinity": "near"}})
    status = stage.until("refused", phase="Invalid", reason="BadSpec")
    assert _says(status, "nothing is served: the API server refuses it: ")
    assert stage.items("deploy") == []
    assert f"{stage.name}: the pass failed" not in stage.log()


def test_a_manifest_with_an_unknown_field_is_refused_by_kubectl(stage: Stage) -> None:
    with pytest.raises(AssertionError, match=r'unknown field "spec\.replica"'):
        stage.deploy("1", replica=3)


def test_a_route_that_cannot_be_had_is_refused(stage: Stage) -> None:
    first = stage.install()
    stage.deploy("1", traffic={"parentRefs": [{"name": "public"}], "hostnames": ["Not A Host"]})
    status = stage.until("refused", phase="Invalid", observedGeneration=2)
    if status["reason"] == "GatewayMissing":
        assert _says(status, "spec.traffic needs the Gateway API, and this cluster has no HTTPRoute; install a gateway")
    else:
        assert _says(status, "the API server refuses it: HTTPRoute")
        assert "spec.hostnames[0]" in status["message"]
    assert stage.served_by(first)
    stage.deploy("1", traffic=None)
    stage.until("corrected", phase="Healthy", reason="AllReady")
