"""Whole passes over a ModelVersion against an API server in memory."""

import json
from typing import Any, cast

import pytest

from pilotage_operator.clients.kube import KubeError
from pilotage_operator.control.config import Config
from pilotage_operator.control.modelversion import ModelVersions
from tests.unit.version.fake_kube import FakeKube
from tests.unit.version.given import NOW, spec

HASH = {"inputs": [], "outputs": [], "hash": "0f" * 32}
ROW = {"check": "digest", "verdict": "pass"}
FETCHED = {"exitCode": 0, "message": json.dumps({"step": "fetch", "outcome": "passed", "report": [ROW]})}
PASS = {"step": "probe", "outcome": "passed", "report": [ROW], "contract": HASH, "model": "fraud", "version": "3"}
PASSED = {"exitCode": 0, "message": json.dumps(PASS)}
AWAY = {"exitCode": 75, "message": json.dumps({"step": "fetch", "outcome": "unavailable"})}


class World:
    """The version fraud-v3, its operator, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.kube = FakeKube()
        self.now = NOW.timestamp()
        config = Config.model_validate(
            {"servingImage": "serving:1", "registries": {"plainHTTP": ["registry:5000"]}, "prometheus": {"url": ""}}
        )
        self.versions = ModelVersions(cast(Any, self.kube), config, lambda: self.now)
        metadata = {"name": "fraud-v3", "namespace": "team", "uid": "mv", "generation": 1}
        self.kube.put("ModelVersion", {"metadata": metadata, "spec": spec().dump()})

    async def run(self, until_phase: str, *, passes: int = 12) -> None:
        """Passes, an hour apart, until the phase is reached; an API server that went away is back in the next."""
        for _ in range(passes):
            try:
                await self.versions.reconcile("team", "fraud-v3")
            except KubeError:
                self.kube.writes_left = None
            self.now += 3600
            if self.phase == until_phase:
                return

    def pod_ended(self, fetch: dict[str, Any], probe: dict[str, Any] | None = None) -> None:
        """What the Job controller and the kubelet leave behind for the Job that is there."""
        (name,) = self.kube.named("Job")
        job = self.kube.objects["Job", name]
        labels = {"batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}
        status: dict[str, Any] = {"initContainerStatuses": [{"name": "fetch", "state": {"terminated": fetch}}]}
        if probe is not None:
            status["containerStatuses"] = [{"name": "probe", "state": {"terminated": probe}}]
        self.kube.put("Pod", {"metadata": {"name": f"{name}-pod", "labels": labels}, "status": status})

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.kube.objects["ModelVersion", "fraud-v3"].get("status") or {}
        return found

    @property
    def phase(self) -> str:
        return str(self.status.get("phase", ""))


async def test_a_version_is_checked_and_becomes_ready() -> None:
    world = World()
    await world.versions.reconcile("team", "fraud-v3")
    assert world.kube.named("Job") == ["fraud-v3-check-1"]
    world.pod_ended(FETCHED, PASSED)
    await world.run("Ready")
    assert world.phase == "Ready"
    assert world.kube.events == ["Checking", "Ready"]
    assert await world.versions.reconcile("team", "fraud-v3") is None


async def test_a_registry_that_is_away_is_tried_again_with_one_job_at_a_time() -> None:
    world = World()
    await world.versions.reconcile("team", "fraud-v3")
    for _ in range(3):
        world.pod_ended(AWAY)
        for _ in range(3):
            await world.versions.reconcile("team", "fraud-v3")
            world.now += 3600
        assert len(world.kube.named("Job")) == 1
    assert world.status["attempts"] == 3
    world.pod_ended(FETCHED, PASSED)
    await world.run("Ready")
    assert world.phase == "Ready"


@pytest.mark.parametrize("writes", range(8))
@pytest.mark.parametrize("away_first", [False, True], ids=["at once", "after its registry was away"])
async def test_an_operator_killed_after_any_write_comes_to_the_same_end(writes: int, away_first: bool) -> None:
    world = World()
    world.kube.writes_left = writes
    ends = [(AWAY, None), (FETCHED, PASSED)] if away_first else [(FETCHED, PASSED)]
    for fetch, probe in ends:
        # until a Job without a pod is there to be answered
        for _ in range(8):
            await world.run("", passes=1)
            jobs = {world.kube.objects["Job", name]["metadata"]["uid"] for name in world.kube.named("Job")}
            answered = {
                world.kube.objects["Pod", name]["metadata"]["labels"]["batch.kubernetes.io/controller-uid"]
                for name in world.kube.named("Pod")
            }
            if jobs - answered:
                break
        world.pod_ended(fetch, probe)
    await world.run("Ready")
    assert world.phase == "Ready"
    assert world.status.get("job") is None
    assert len(world.kube.named("Job")) == 1


async def test_where_somebody_was_faster_nothing_acts() -> None:
    world = World()
    read = world.kube.get

    async def read_then_changed(kind: Any, namespace: str, name: str) -> dict[str, Any] | None:
        body = await read(kind, namespace, name)
        world.kube.put("ModelVersion", world.kube.objects["ModelVersion", name])
        return body

    world.kube.get = read_then_changed  # type: ignore[method-assign]
    assert await world.versions.reconcile("team", "fraud-v3") == 1.0
    assert world.kube.named("Job") == []
    assert world.kube.events == []


async def test_a_job_of_that_name_that_is_not_ours_is_left_alone_and_said() -> None:
    world = World()
    theirs = world.kube.put("Job", {"metadata": {"name": "fraud-v3-check-1"}})
    await world.versions.reconcile("team", "fraud-v3")
    assert world.kube.objects["Job", "fraud-v3-check-1"] == theirs
    assert "a Job fraud-v3-check-1 that belongs to somebody else is in the way" in world.status["message"]
    world.now += 5
    await world.versions.reconcile("team", "fraud-v3")
    assert world.kube.named("Job") == ["fraud-v3-check-1", "fraud-v3-check-2"]


async def test_a_job_with_our_label_and_another_owner_is_not_believed() -> None:
    world = World()
    labels = {"pilotage.dev/model-version": "fraud-v3"}
    forged = {"name": "forged", "labels": labels, "annotations": {"pilotage.dev/generation": "1"}}
    world.kube.put("Job", {"metadata": forged})
    world.pod_ended(FETCHED, PASSED)
    await world.versions.reconcile("team", "fraud-v3")
    await world.versions.reconcile("team", "fraud-v3")
    assert world.phase == "Checking"
    assert "forged" in world.kube.named("Job")


async def test_a_spec_that_cannot_be_read_is_said_and_starts_nothing() -> None:
    world = World()
    world.kube.objects["ModelVersion", "fraud-v3"]["spec"]["gate"] = {"memory": "much"}
    assert await world.versions.reconcile("team", "fraud-v3") is None
    assert world.status["message"].startswith("spec.gate.memory: ")
    assert world.kube.named("Job") == []


async def test_a_version_that_is_gone_or_going_is_left_alone() -> None:
    world = World()
    world.kube.objects["ModelVersion", "fraud-v3"]["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    assert await world.versions.reconcile("team", "fraud-v3") is None
    del world.kube.objects["ModelVersion", "fraud-v3"]
    assert await world.versions.reconcile("team", "fraud-v3") is None
    assert world.kube.named("Job") == []


async def test_plain_http_is_used_only_where_the_platform_allows_it() -> None:
    world = World()
    await world.versions.reconcile("team", "fraud-v3")
    (fetch,) = world.kube.objects["Job", "fraud-v3-check-1"]["spec"]["template"]["spec"]["initContainers"]
    assert "--plain-http" in fetch["args"]
