"""What somebody edits or deletes by hand is put right; what was lost is found again."""

from tests.component.operator.stage import GROUP, Stage


def test_a_deployment_that_was_edited_is_put_right(stage: Stage) -> None:
    child = f"{stage.name}-{stage.install()}"
    stage.kubectl("scale", "deploy", child, "--replicas=7")
    stage.until_live("scaled back", "deploy", child, lambda body: body["spec"]["replicas"] == 2)
    stage.kubectl("set", "image", f"deploy/{child}", "server=other:1")
    stage.until_live("its image is the snapshot's", "deploy", child, lambda body: "other:1" not in str(body["spec"]))
    assert f"Deployment {child}: not as it should be, and put right" in stage.said("PutRight")


def test_a_deployment_that_was_deleted_is_made_again(stage: Stage) -> None:
    child = f"{stage.name}-{stage.install()}"
    before = stage.get("deploy", child)["metadata"]["uid"]
    stage.kubectl("delete", "deploy", child, "--wait=false")
    stage.until_live("made again", "deploy", child, lambda body: body["metadata"]["uid"] != before)


def test_services_that_were_edited_are_put_right(stage: Stage) -> None:
    revision = stage.install()
    wanted = {f"{GROUP}/deployment": stage.name, f"{GROUP}/revision": revision}
    for service in (stage.name, f"{stage.name}-{revision}"):
        patch = '{"spec": {"selector": {"app": "mine"}, "ports": [{"port": 80, "targetPort": 9999}]}}'
        stage.kubectl("patch", "service", service, "-p", patch)
        stage.until_live(
            f"{service} as it was",
            "service",
            service,
            lambda body: body["spec"]["selector"] == wanted and body["spec"]["ports"][0]["targetPort"] == 8080,
        )


def test_a_labelled_child_without_an_owner_is_taken_in_again(stage: Stage) -> None:
    child = f"{stage.name}-{stage.install()}"
    uid = stage.get("mdeploy")["metadata"]["uid"]
    for kind, name in (("deploy", child), ("service", stage.name), ("controllerrevision", child)):
        stage.kubectl("patch", kind, name, "--type=merge", "-p", '{"metadata": {"ownerReferences": null}}')
    stage.kubectl("label", "mdeploy", stage.name, "woken=yes")  # no event tells of a snapshot
    for kind, name in (("deploy", child), ("service", stage.name), ("controllerrevision", child)):
        stage.until_live(
            f"{kind} {name} is owned",
            kind,
            name,
            lambda body: [owner["uid"] for owner in body["metadata"].get("ownerReferences", [])] == [uid],
        )


def test_a_status_that_was_deleted_at_rest_is_found_again(stage: Stage) -> None:
    revision = stage.install()
    before = stage.get("deploy", f"{stage.name}-{revision}")["metadata"]
    stage.kubectl("patch", "mdeploy", stage.name, "--subresource=status", "--type=merge", "-p", '{"status": null}')
    status = stage.until("healthy again", phase="Healthy", reason="AllReady")
    assert status["stable"]["revision"] == revision
    assert stage.get("deploy", f"{stage.name}-{revision}")["metadata"]["uid"] == before["uid"]


def test_a_status_that_was_deleted_under_a_canary_waits_for_a_person(stage: Stage) -> None:
    first = stage.install()
    stage.ready_version("2")
    stage.deploy("2", rollout={"steps": [{"weight": 25}, {"approval": True}], "bake": {"for": "1s"}})
    stage.until("the canary's pods start", phase="Progressing", reason="StartingPods")
    second = stage.revision("canary")
    stage.pods(second, 1)
    stage.until_selected()
    stage.until("waits for an approval", phase="Paused", reason="AwaitingApproval")
    stage.kubectl("patch", "mdeploy", stage.name, "--subresource=status", "--type=merge", "-p", '{"status": null}')
    status = stage.until("paused", phase="Paused", reason="StatusLost")
    assert (status["stable"]["revision"], status["canary"]["revision"]) == (first, second)
    assert f"{GROUP}/revision" not in stage.get("service")["spec"]["selector"], "the shares stay as they were found"
    stage.act("resume", f"one/{second}/{status['canary']['attempt']}")
    stage.until("goes on", phase="Paused", reason="AwaitingApproval")


def test_a_version_that_was_deleted_serves_on(stage: Stage) -> None:
    revision = stage.install()
    stage.kubectl("delete", "mv", f"{stage.name}-v1")
    stage.deploy("1", replicas=3)
    stage.until("scales from its snapshot", phase="Healthy", reason="Scaling")
    stage.until_live("scaled", "deploy", f"{stage.name}-{revision}", lambda body: body["spec"]["replicas"] == 3)
