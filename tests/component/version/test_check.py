"""A ModelVersion's way to its verdict, on a real API server."""

from pilotage_operator.clients.kube import JOB, MODEL_VERSION
from tests.component.version.stage import AWAY, FETCHED, OOM_KILLED, REFUSED, Stage, passed


async def test_a_good_version_becomes_ready(stage: Stage) -> None:
    await stage.reconcile()
    job = await stage.job()
    assert job["metadata"]["name"] == f"{stage.name}-check-1"
    await stage.pod_reports(FETCHED, passed())
    assert await stage.reconcile() is None
    status = await stage.status()
    assert status["phase"] == "Ready"
    assert status["contract"]["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 2]}]
    assert [row["check"] for row in status["report"]] == ["digest", "golden"]
    assert {c["type"]: c["status"] for c in status["conditions"]} == {"Ready": "True", "Progressing": "False"}


async def test_the_api_server_takes_the_job_and_names_its_pods(stage: Stage) -> None:
    await stage.reconcile()
    job = await stage.job()
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels["batch.kubernetes.io/controller-uid"] == job["metadata"]["uid"]
    assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


async def test_a_refused_version_names_check_figure_and_limit(stage: Stage) -> None:
    await stage.reconcile()
    await stage.pod_reports(FETCHED, REFUSED)
    await stage.reconcile()
    status = await stage.status()
    assert status["phase"] == "Rejected"
    assert status["message"] == "golden 0.2 (limit 1e-4): the answers differ"


async def test_a_memory_hog_is_rejected(stage: Stage) -> None:
    await stage.reconcile()
    await stage.pod_reports(FETCHED, OOM_KILLED)
    await stage.reconcile()
    status = await stage.status()
    assert (status["phase"], status["report"][-1]["check"]) == ("Rejected", "memory")


async def test_a_bundle_of_another_version_is_rejected(stage: Stage) -> None:
    await stage.reconcile()
    await stage.pod_reports(FETCHED, passed(version="4"))
    await stage.reconcile()
    status = await stage.status()
    assert (status["phase"], status["report"][-1]["figure"]) == ("Rejected", "fraud 4")


async def test_a_registry_that_comes_back_ends_in_ready(stage: Stage) -> None:
    await stage.reconcile()
    first = await stage.job()
    await stage.pod_reports(AWAY)
    await stage.reconcile()
    status = await stage.status()
    assert status["phase"] == "Checking"
    assert "RegistryUnavailable" in {c["reason"] for c in status["conditions"]}
    await stage.reconcile(after=6)
    second = await stage.job()
    assert second["metadata"]["name"] == f"{stage.name}-check-2"
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    await stage.pod_reports(FETCHED, passed())
    await stage.reconcile()
    assert (await stage.status())["phase"] == "Ready"


async def test_a_job_deleted_by_hand_is_made_again(stage: Stage) -> None:
    await stage.reconcile()
    await stage.reconcile()
    job = await stage.job()
    await stage.kube.delete(JOB, stage.namespace, job["metadata"]["name"])
    await stage.reconcile()
    assert await stage.jobs() == []
    await stage.reconcile(after=6)
    assert (await stage.job())["metadata"]["uid"] != job["metadata"]["uid"]


async def test_changed_limits_are_checked_while_ready_stays(stage: Stage) -> None:
    await stage.reconcile()
    await stage.pod_reports(FETCHED, passed())
    await stage.reconcile()
    before = await stage.job()
    await stage.change_gate(memory="1Gi")
    await stage.reconcile()
    job = await stage.job()
    assert job["metadata"]["uid"] != before["metadata"]["uid"]
    assert job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"memory": "1Gi"}
    assert (await stage.status())["phase"] == "Ready"
    await stage.pod_reports(FETCHED, REFUSED)
    await stage.reconcile()
    status = await stage.status()
    assert (status["phase"], status["observedGeneration"]) == ("Rejected", 2)


async def test_a_lost_status_finds_its_job_again(stage: Stage) -> None:
    await stage.reconcile()
    await stage.reconcile()
    job = await stage.job()
    body = await stage.kube.get(MODEL_VERSION, stage.namespace, stage.name)
    assert body is not None
    await stage.kube.write_status(MODEL_VERSION, {**body, "status": {}})
    await stage.reconcile()
    assert (await stage.status())["job"]["uid"] == job["metadata"]["uid"]
    assert len(await stage.jobs()) == 1


async def test_a_second_operator_makes_no_second_job(stage: Stage) -> None:
    await stage.reconcile()
    other = Stage(stage.kube, stage.namespace, stage.name)
    await other.reconcile()
    assert len(await stage.jobs()) == 1


async def test_the_object_is_left_without_finalizer_and_annotation(stage: Stage) -> None:
    await stage.reconcile()
    await stage.pod_reports(FETCHED, passed())
    await stage.reconcile()
    body = await stage.kube.get(MODEL_VERSION, stage.namespace, stage.name)
    assert body is not None
    assert "finalizers" not in body["metadata"]
    assert "annotations" not in body["metadata"]
