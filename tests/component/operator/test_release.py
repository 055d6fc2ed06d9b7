"""A release from the first version to the second's promotion, with pods that the test makes."""

from typing import Any

from tests.component.operator.stage import GROUP, Stage


def test_a_first_install_goes_as_far_as_it_can_and_says_what_it_waits_for(stage: Stage) -> None:
    stage.deploy("1")
    status = stage.until("waits for the version", phase="Initializing", reason="WaitingForVersion")
    assert f"ModelVersion {stage.name}-v1 does not exist; create it" in status["message"]
    stage.ready_version("1")
    waits = "nothing is served: 0 of 2 pods are ready"
    status = stage.until("waits for pods", phase="Initializing", reason="StartingPods", message=waits)
    revision = status["stable"]["revision"]
    stage.until_selected(revision)
    stage.pods(revision, 2)
    status = stage.until("healthy", phase="Healthy", reason="AllReady")
    assert status["message"] == f"{stage.name}-v1 serves all: all pods are ready"
    assert status["url"] == f"http://{stage.name}.{stage.namespace}.svc/v2/models/{stage.name}"


def test_a_second_version_is_promoted_step_by_step(stage: Stage) -> None:
    first = stage.install()
    stage.ready_version("2")
    stage.deploy("2", rollout={"steps": [{"weight": 25}, {"approval": True}], "bake": {"for": "1s"}})
    stage.until("the canary's pods start", phase="Progressing", reason="StartingPods")
    second = stage.revision("canary")
    assert stage.get("service")["spec"]["selector"][f"{GROUP}/revision"] == first
    canary = stage.until_live("its Deployment", "deploy", f"{stage.name}-{second}", lambda _: True)
    assert canary["spec"]["replicas"] == 1
    stage.pods(second, 1)
    stage.until_selected()
    status = stage.until("waits for an approval", phase="Paused", reason="AwaitingApproval")
    assert status["weights"] == "75/25"
    assert "1 of 3 pods give 33 %" in _conditions(status)["WeightApproximate"]["message"]
    stage.act("approve", f"one/{second}/1")
    stage.until("the bake's pods start", phase="Baking", reason="StartingPods")
    stage.pods(second, 2)
    stage.until_selected(second)
    status = stage.until("promoted", phase="Healthy", reason="AllReady")
    assert status["stable"]["modelVersion"] == f"{stage.name}-v2"
    stage.until_live("nothing is left of the first", "service", stage.name, lambda _: _gone(stage, first))
    assert stage.find("controllerrevision", f"{stage.name}-{first}") is not None, "its snapshot is the way back"
    events = stage.kubectl("get", "events", "-o", "jsonpath={.items[*].reason}").split()
    assert {"Installed", "Started", "WeightChanged", "Approve", "Promoted"} <= set(events)


def test_every_child_is_named_labelled_and_owned(stage: Stage) -> None:
    revision = stage.install()
    owner = stage.get("mdeploy")["metadata"]
    assert "finalizers" not in owner
    assert [key for key in owner["annotations"] if "kopf" in key] == []
    child = f"{stage.name}-{revision}"
    found = {(body["kind"], body["metadata"]["name"]) for body in _children(stage)}
    assert found == {
        ("ControllerRevision", child),
        ("Deployment", child),
        ("Service", child),
        ("Service", stage.name),
    }
    for body in _children(stage):
        metadata = body["metadata"]
        assert metadata["ownerReferences"] == [
            {
                "apiVersion": f"{GROUP}/v1alpha1",
                "kind": "ModelDeployment",
                "name": stage.name,
                "uid": owner["uid"],
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ]
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "pilotage"
        assert metadata["labels"].get(f"{GROUP}/revision", revision) == revision
        assert "finalizers" not in metadata
        assert [key for key in metadata.get("annotations", {}) if "kopf" in key] == []


def test_an_action_is_done_once(stage: Stage) -> None:
    stage.install()
    stage.ready_version("2")
    stage.deploy("2")
    stage.until("the canary's pods start", phase="Progressing", reason="StartingPods")
    second = stage.revision("canary")
    stage.act("abort", f"one/{second}/1")
    stage.until("aborted", phase="RolledBack", reason="Aborted")
    stage.act("retry", f"two/{second}/1")
    status = stage.until("tried again", phase="Progressing", reason="StartingPods")
    assert status["canary"]["attempt"] == 2, "the abort that still stands there is not done twice"
    history = [entry for entry in status["history"] if entry["event"] in ("Abort", "Retry")]
    assert [(entry["event"], entry["by"]) for entry in history] == [("Abort", "maria"), ("Retry", "maria")]
    stage.act("abort", f"three/{second}/1")
    done = [f"abort/one/{second}/1", f"retry/two/{second}/1", f"abort/three/{second}/1"]
    status = stage.until("refused", phase="Progressing", actions=done)
    assert "it is for" in status["history"][-1]["message"]


def test_a_deletion_is_blocked_by_nothing(stage: Stage) -> None:
    stage.install()
    stage.ready_version("2")
    stage.deploy("2")
    stage.until("a canary is on its way", phase="Progressing", reason="StartingPods")
    assert [body["metadata"]["name"] for body in _children(stage) if body["metadata"].get("finalizers")] == []
    stage.kubectl("delete", "mdeploy", stage.name, "--timeout=20s")
    stage.kubectl("delete", "mv", f"{stage.name}-v1", f"{stage.name}-v2", "--timeout=20s")
    assert stage.find("mdeploy", stage.name) is None
    assert stage.find("mv", f"{stage.name}-v1") is None


def _gone(stage: Stage, revision: str) -> bool:
    return not stage.items("deploy,service", f"{GROUP}/revision={revision}")


def _children(stage: Stage) -> list[dict[str, Any]]:
    kinds = ("controllerrevisions", "deployments", "services")
    return [body for kind in kinds for body in stage.items(kind)]


def _conditions(status: dict[str, Any]) -> dict[str, Any]:
    return {condition["type"]: condition for condition in status["conditions"]}
