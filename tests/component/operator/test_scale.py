"""Replicas, by the spec or by an autoscaler; and the way back by a person, whose pods come from a snapshot."""

from __future__ import annotations

from tests.component.operator.stage import Stage


def test_an_autoscaler_has_the_replicas_while_the_spec_asks_for_one(stage: Stage) -> None:
    child = f"{stage.name}-{stage.install()}"
    stage.deploy("1", autoscaling={"min": 1, "max": 5, "cpu": 60})
    scaler = stage.until_live("its autoscaler", "hpa", child, lambda _: True)
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (1, 5)
    assert scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
    deployment = stage.get("deploy", child)
    assert deployment["spec"]["replicas"] == 2, "handed over as they were"
    stage.kubectl("scale", "deploy", child, "--replicas=4")  # as the autoscaler would
    stage.until("it is seen", phase="Healthy", reason="Scaling")
    stage.kubectl("label", "mdeploy", stage.name, "woken=yes")
    assert stage.get("deploy", child)["spec"]["replicas"] == 4
    stage.deploy("1", autoscaling=None)
    stage.until_live("as the spec says", "deploy", child, lambda body: body["spec"]["replicas"] == 2)
    assert stage.find("hpa", child) is None


def test_an_autoscaler_that_is_edited_is_put_right(stage: Stage) -> None:
    stage.spec["autoscaling"] = {"min": 2, "max": 5}
    child = f"{stage.name}-{stage.install()}"
    stage.until_live("its autoscaler", "hpa", child, lambda _: True)
    stage.kubectl("patch", "hpa", child, "--type=merge", "-p", '{"spec": {"maxReplicas": 50}}')
    stage.kubectl("label", "mdeploy", stage.name, "woken=yes")  # no event tells of an autoscaler
    stage.until_live("as it was", "hpa", child, lambda body: body["spec"]["maxReplicas"] == 5)


def test_a_person_goes_back_after_the_bake(stage: Stage) -> None:
    first = stage.install()
    stage.ready_version("2")
    stage.deploy("2", rollout={"steps": [{"weight": 50}], "bake": {"for": "1s"}})
    stage.until("the canary's pods start", phase="Progressing", reason="StartingPods")
    second = stage.revision("canary")
    stage.pods(second, 2)
    stage.until_selected()
    stage.until_selected(second)
    stage.until("promoted", phase="Healthy", reason="AllReady")
    stage.until_live(
        "nothing is left of the first", "deploy", f"{stage.name}-{second}", lambda _: stage.served_by(second)
    )
    stage.pods(first, 0)
    stage.act("rollback", f"one/{second}/1")
    status = stage.until("its pods start", phase="RolledBack", reason="StartingPods")
    assert (status["canary"]["revision"], status["canary"]["returning"]) == (first, True)
    stage.pods(first, 2)
    stage.until_selected(first)
    status = stage.until("gone back", phase="RolledBack", reason="RolledBackByPerson", weights="100/0")
    assert status["message"].startswith(f"{stage.name}-v1 serves all: {stage.name}-v2 was rolled back")
    assert status["returned"]["by"] == "maria"
    stage.deploy("1")
    stage.until("the spec says so too", phase="Healthy", reason="AllReady")
