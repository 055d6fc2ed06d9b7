"""A revision's Deployment and Services, and the route."""

from __future__ import annotations

from typing import Any

import pytest

from pilotage_operator.api.modeldeployment import Autoscaling, Traffic
from pilotage_operator.control.apply import agrees
from pilotage_operator.domain.manifests.revision import Revision
from pilotage_operator.domain.manifests.serving import (
    autoscaler,
    backend_mirror,
    backend_weights,
    deployment,
    http_route,
    service,
)

OWNER = {"metadata": {"name": "fraud", "namespace": "team", "uid": "uid-1"}}
REVISION = Revision("1a2b3c4d5e", 1, "v1", "1", "sha256:00", "ab", {"metadata": {}, "spec": {"containers": []}})


def route(weights: dict[str, int], **traffic: Any) -> dict[str, Any]:
    given = {"parentRefs": [{"name": "public", "namespace": "gateways"}], **traffic}
    return http_route(OWNER, Traffic.model_validate(given), weights)


def test_a_deployment_has_the_template_of_its_snapshot_and_selects_its_pods_alone() -> None:
    body = deployment(OWNER, REVISION, 3)
    assert body["metadata"]["name"] == "fraud-1a2b3c4d5e"
    assert body["spec"]["replicas"] == 3
    assert body["spec"]["template"] == REVISION.template
    assert body["spec"]["selector"]["matchLabels"] == {
        "pilotage.dev/deployment": "fraud",
        "pilotage.dev/revision": "1a2b3c4d5e",
    }
    assert body["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize(
    ("selected", "selector"),
    [
        ("1a2b3c4d5e", {"pilotage.dev/deployment": "fraud", "pilotage.dev/revision": "1a2b3c4d5e"}),
        ("", {"pilotage.dev/deployment": "fraud"}),
    ],
    ids=["one revision", "all revisions"],
)
def test_the_root_service_selects(selected: str, selector: dict[str, str]) -> None:
    body = service(OWNER, "fraud", selected)
    assert body["spec"]["selector"] == selector
    assert "pilotage.dev/revision" not in body["metadata"]["labels"]
    ports = [(port["name"], port["port"], port["targetPort"], port["appProtocol"]) for port in body["spec"]["ports"]]
    assert ports == [("http", 80, 8080, "http"), ("grpc", 9000, 9000, "kubernetes.io/h2c")]


def test_the_service_of_a_revision_is_its_child() -> None:
    body = service(OWNER, "fraud-1a2b3c4d5e", "1a2b3c4d5e", "1a2b3c4d5e")
    assert body["metadata"]["labels"]["pilotage.dev/revision"] == "1a2b3c4d5e"


def test_a_route_divides_between_the_services_of_the_revisions() -> None:
    weights = {"1a2b3c4d5e": 75, "5e4d3c2b1a": 25}
    body = route(weights, hostnames=["fraud.example.com"], timeouts={"request": "5s"})
    assert backend_weights(body, "fraud") == weights
    spec = body["spec"]
    assert spec["hostnames"] == ["fraud.example.com"]
    assert spec["parentRefs"] == [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "gateways"}
    ]
    for rule in spec["rules"]:
        shares = [(ref["name"], ref["weight"]) for ref in rule["backendRefs"]]
        assert shares == [("fraud-1a2b3c4d5e", 75), ("fraud-5e4d3c2b1a", 25)]
        assert rule["timeouts"] == {"request": "5s"}
        assert rule["filters"] == []


def test_grpc_goes_to_a_port_of_its_own() -> None:
    http, grpc = route({"1a2b3c4d5e": 100})["spec"]["rules"]
    assert http["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert grpc["matches"] == [{"path": {"type": "PathPrefix", "value": "/inference.GRPCInferenceService/"}}]
    assert [http["backendRefs"][0]["port"], grpc["backendRefs"][0]["port"]] == [80, 9000]


def test_a_host_that_is_shared_by_prefixes_has_no_grpc_since_that_has_none() -> None:
    (rule,) = route({"1a2b3c4d5e": 100}, path="/models")["spec"]["rules"]
    assert rule["backendRefs"][0]["port"] == 80


def test_a_prefix_is_taken_off_since_pods_answer_below_v2() -> None:
    (rule,) = route({"1a2b3c4d5e": 100}, path="/models")["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/models"}}]
    assert rule["filters"][0]["urlRewrite"]["path"] == {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}


@pytest.mark.parametrize(
    ("rules", "weights"),
    [
        pytest.param([], {}, id="no rule"),
        pytest.param([{"matches": []}], {}, id="no backend"),
        pytest.param([{"backendRefs": [{"name": "fraud-1a2b3c4d5e"}]}], {"1a2b3c4d5e": 1}, id="a weight left out is 1"),
        pytest.param([{"backendRefs": [{"name": "other", "weight": 7}]}], {"other": 7}, id="not ours"),
    ],
)
def test_the_weights_of_a_route(rules: list[dict[str, Any]], weights: dict[str, int]) -> None:
    assert backend_weights({"spec": {"rules": rules}}, "fraud") == weights


@pytest.mark.parametrize("path", ["/", "/fraud"])
def test_a_shadow_gets_a_copy_of_what_every_rule_takes(path: str) -> None:
    traffic = Traffic.model_validate({"parentRefs": [{"name": "public"}], "path": path})
    body = http_route(OWNER, traffic, {"0123456789": 100}, "abcdef0123")
    for rule in body["spec"]["rules"]:
        (copy,) = (f["requestMirror"]["backendRef"] for f in rule["filters"] if f["type"] == "RequestMirror")
        assert (copy["name"], copy["port"]) == ("fraud-abcdef0123", rule["backendRefs"][0]["port"])
    assert backend_mirror(body, "fraud") == "abcdef0123"
    assert backend_mirror(route({"0123456789": 100}), "fraud") == ""
    assert not agrees(http_route(OWNER, traffic, {"0123456789": 100}), body), "a copy that shall end would be kept"


def test_a_time_limit_that_shall_end_is_noticed() -> None:
    limited = Traffic.model_validate({"parentRefs": [{"name": "public"}], "timeouts": {"request": "5s"}})
    free = Traffic.model_validate({"parentRefs": [{"name": "public"}]})
    before, after = (http_route(OWNER, traffic, {"0123456789": 100}) for traffic in (limited, free))
    assert agrees(before, before)
    assert not agrees(after, before)
    assert not agrees(before, after)


def test_an_autoscaler_scales_the_deployment_of_its_revision() -> None:
    body = autoscaler(OWNER, "1a2b3c4d5e", Autoscaling(min=1, max=4, cpu=60), 5)
    assert body["spec"]["scaleTargetRef"]["name"] == "fraud-1a2b3c4d5e" == body["metadata"]["name"]
    assert (body["spec"]["minReplicas"], body["spec"]["maxReplicas"]) == (5, 5), (
        "what is needed goes before what may be"
    )
