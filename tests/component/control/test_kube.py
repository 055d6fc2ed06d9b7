"""What the operator relies on when it writes: asked of the real API server."""

from typing import Any

import pytest
from kubernetes.aio.client import ApiClient

from pilotage_operator.api import names
from pilotage_operator.clients import kube as port
from pilotage_operator.clients.kube import (
    EVENT,
    HTTP_ROUTE,
    MODEL_DEPLOYMENT,
    MODEL_VERSION,
    SERVICE,
    AlreadyExists,
    Conflict,
    Invalid,
    Kind,
    Kube,
    NotFound,
    Unavailable,
)
from pilotage_operator.control.lease import LeaseLost


def service(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]},
    }


def version(namespace: str, name: str) -> dict[str, Any]:
    source = {"uri": "oci://registry.example.com/models/fraud", "digest": "sha256:" + "0" * 64}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "ModelVersion",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"model": "fraud", "version": "1", "source": source},
    }


async def test_an_object_that_is_not_there_is_none(kube: Kube, namespace: str) -> None:
    assert await kube.get(SERVICE, namespace, "nobody") is None


async def test_what_is_created_is_read_listed_by_label_and_deleted(kube: Kube, namespace: str) -> None:
    created = await kube.create(SERVICE, service(namespace, "crud", **{names.DEPLOYMENT_LABEL: "crud"}))
    assert await kube.get(SERVICE, namespace, "crud") == created
    for where in (namespace, None):
        listed = await kube.list(SERVICE, where, selector={names.DEPLOYMENT_LABEL: "crud"})
        assert [(body["kind"], body["apiVersion"], body["metadata"]["name"]) for body in listed] == [
            ("Service", "v1", "crud")
        ]
    await kube.delete(SERVICE, namespace, "crud", uid=created["metadata"]["uid"])
    assert await kube.get(SERVICE, namespace, "crud") is None
    await kube.delete(SERVICE, namespace, "crud")


async def test_a_list_longer_than_a_page_is_whole(kube: Kube, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "PAGE", 2)
    for number in range(5):
        await kube.create(SERVICE, service(namespace, f"page-{number}", pages="yes"))
    listed = await kube.list(SERVICE, namespace, selector={"pages": "yes"})
    assert {body["metadata"]["name"] for body in listed} == {f"page-{number}" for number in range(5)}


async def test_a_taken_name_is_told_from_a_conflict(kube: Kube, namespace: str) -> None:
    await kube.create(SERVICE, service(namespace, "taken"))
    with pytest.raises(AlreadyExists):
        await kube.create(SERVICE, service(namespace, "taken"))


async def test_an_apply_on_a_stale_version_is_a_conflict_and_changes_nothing(kube: Kube, namespace: str) -> None:
    stale = await kube.create(SERVICE, service(namespace, "stale"))
    await kube.apply(SERVICE, service(namespace, "stale", round="two"))
    late = service(namespace, "stale", round="late")
    late["metadata"]["resourceVersion"] = stale["metadata"]["resourceVersion"]
    with pytest.raises(Conflict):
        await kube.apply(SERVICE, late)
    live = await kube.get(SERVICE, namespace, "stale")
    assert live is not None
    assert live["metadata"]["labels"] == {"round": "two"}


async def test_an_apply_has_one_field_manager(kube: Kube, namespace: str) -> None:
    applied = await kube.apply(SERVICE, service(namespace, "managed"))
    assert [(entry["manager"], entry["operation"]) for entry in applied["metadata"]["managedFields"]] == [
        (names.FIELD_MANAGER, "Apply")
    ]


async def test_what_a_route_no_longer_says_is_gone_after_an_apply(kube: Kube, namespace: str) -> None:
    def route(**more: Any) -> dict[str, Any]:
        metadata = {"name": "fraud", "namespace": namespace}
        rule = {"backendRefs": [{"name": "fraud", "port": 80}], **more}
        return {
            "apiVersion": HTTP_ROUTE.api_version,
            "kind": "HTTPRoute",
            "metadata": metadata,
            "spec": {"rules": [rule]},
        }

    await kube.create(HTTP_ROUTE, route(timeouts={"request": "5s"}))
    await kube.apply(HTTP_ROUTE, route())
    live = await kube.get(HTTP_ROUTE, namespace, "fraud")
    assert live is not None
    assert "timeouts" not in live["spec"]["rules"][0]


async def test_a_status_written_on_a_stale_version_is_a_conflict(kube: Kube, namespace: str) -> None:
    read = await kube.create(MODEL_VERSION, version(namespace, "guarded"))
    await kube.write_status(MODEL_VERSION, {**read, "status": {"phase": "Checking"}})
    with pytest.raises(Conflict):
        await kube.write_status(MODEL_VERSION, {**read, "status": {"phase": "Ready"}})
    live = await kube.get(MODEL_VERSION, namespace, "guarded")
    assert live is not None
    assert live["status"]["phase"] == "Checking"
    assert live["spec"] == read["spec"]


async def test_a_delete_of_another_object_of_that_name_is_a_conflict(kube: Kube, namespace: str) -> None:
    await kube.create(SERVICE, service(namespace, "reborn"))
    with pytest.raises(Conflict):
        await kube.delete(SERVICE, namespace, "reborn", uid="00000000-0000-0000-0000-000000000000")
    assert await kube.get(SERVICE, namespace, "reborn") is not None


async def test_a_body_that_the_api_server_refuses_says_why(kube: Kube, namespace: str) -> None:
    wrong = service(namespace, "wrong")
    wrong["spec"]["ports"] = [{"port": 70000}]
    with pytest.raises(Invalid, match="between 1 and 65535"):
        await kube.create(SERVICE, wrong)


async def test_a_namespace_that_is_not_there_is_named(kube: Kube) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        await kube.create(SERVICE, service("nowhere", "lost"))


async def test_a_write_that_the_fence_stops_is_never_sent(client: ApiClient, kube: Kube, namespace: str) -> None:
    def closed() -> None:
        raise LeaseLost("not held")

    fenced = Kube(client, closed)
    live = await kube.create(SERVICE, service(namespace, "fenced"))
    with pytest.raises(LeaseLost):
        await fenced.create(SERVICE, service(namespace, "fenced-too"))
    with pytest.raises(LeaseLost):
        await fenced.apply(SERVICE, service(namespace, "fenced", round="two"))
    with pytest.raises(LeaseLost):
        await fenced.update(SERVICE, live)
    with pytest.raises(LeaseLost):
        await fenced.write_status(SERVICE, live)
    with pytest.raises(LeaseLost):
        await fenced.delete(SERVICE, namespace, "fenced")
    await fenced.emit(live, type="Normal", reason="Never", message="not sent")
    assert await kube.get(SERVICE, namespace, "fenced") == live
    assert await kube.get(SERVICE, namespace, "fenced-too") is None
    assert not [body for body in await kube.list(EVENT, namespace) if body["reason"] == "Never"]


async def test_an_event_is_recorded_even_with_a_message_that_is_too_long(kube: Kube, namespace: str) -> None:
    about = await kube.create(MODEL_VERSION, version(namespace, "told"))
    await kube.emit(about, type="Warning", reason="Rejected", message="é" * 3000)
    recorded = [body for body in await kube.list(EVENT, namespace) if body["involvedObject"]["name"] == "told"]
    assert [(body["type"], body["reason"]) for body in recorded] == [("Warning", "Rejected")]
    assert recorded[0]["involvedObject"]["uid"] == about["metadata"]["uid"]


async def test_kinds_that_are_served_are_told_from_those_that_are_not(kube: Kube) -> None:
    assert await kube.exists_kind(MODEL_DEPLOYMENT)
    assert not await kube.exists_kind(Kind("pilotage.dev/v9", "Nothing", "nothings"))
    assert not await kube.exists_kind(Kind(HTTP_ROUTE.api_version, "Nothing", "nothings"))


async def test_an_api_server_that_is_away_is_unavailable(
    client: ApiClient, namespace: str, unused_tcp_port: int
) -> None:
    client.configuration.host = f"https://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(Unavailable, match="cannot be reached"):
        await Kube(client, lambda: None).get(SERVICE, namespace, "any")
