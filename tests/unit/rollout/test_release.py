"""A release from its first pod to its promotion, in both modes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage_operator.domain.rollout.decide import decide
from pilotage_operator.domain.rollout.seen import Root, Workload
from tests.unit.rollout.given import (
    MODE_IDS,
    MODES,
    baking,
    break_pods,
    canary,
    deciding,
    now,
    revision_of,
    serving,
    share_of,
)
from tests.unit.rollout.world import World, model_version

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)


@both
def test_the_first_version_is_installed_without_a_canary(gateway: bool) -> None:
    world = World(gateway=gateway)
    world.release("v1")
    world.settle()
    assert world.is_("Initializing", "v1")
    world.until("Healthy", "v1")
    assert world.events() == ["Installing", "Installed"]
    assert share_of(world, "v1") == 1


def test_the_first_version_waits_for_its_check() -> None:
    world = World()
    world.release("v1")
    world.versions["v1"] = model_version("v1", phase="Checking")
    world.settle()
    assert world.status
    assert (world.status["phase"], world.status["reason"]) == ("Initializing", "WaitingForVersion")
    assert world.status["message"].startswith("nothing is served: v1 is still being checked")
    world.versions["v1"] = model_version("v1")
    world.until("Healthy", "v1")


def test_a_first_version_that_crashes_stays_initializing_and_any_change_replaces_it() -> None:
    world = World()
    world.release("v1", "crashing")
    world.wait(3600)
    assert world.status
    assert (world.status["phase"], world.status["reason"]) == ("Initializing", "CrashLoop")
    assert [c["status"] for c in world.status["conditions"] if c["type"] == "Degraded"] == ["True"]
    world.release("v2")
    world.until("Healthy", "v2")
    assert "Started" not in world.events()
    world.wait(10)
    assert list(world.wanted()) == [revision_of(world, "v2")]


def test_a_first_version_that_serves_already_is_not_replaced_without_a_canary() -> None:
    world = World()
    world.release("v1")
    world.wait(5)
    world.pods[revision_of(world, "v1")][0].broken = True
    world.wait(30)
    assert world.is_("Initializing", "v1")
    assert world.ready(revision_of(world, "v1")) == 3
    world.release("v2")
    world.until("Healthy", "v2")
    assert "Promoted" in world.events()


def test_a_first_version_is_healthy_only_once_the_gateway_takes_its_route() -> None:
    world = World(gateway=True)
    world.release("v1")
    world.wait(10)
    world.accepted = None
    assert world.status
    del world.objects["HTTPRoute", "fraud"]
    world.status["stable"].pop("since")
    world.settle()
    assert (world.status["phase"], world.status["reason"]) == ("Initializing", "WaitingForTraffic")


@both
def test_a_good_version_goes_through_its_steps_and_is_promoted(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.until("Progressing", "v1", weight=50)
    world.until("Baking", "v1", weight=95 if gateway else 100)
    world.until("Healthy", "v2", weight=0)
    assert share_of(world, "v2") == 1
    assert world.events()[2:] == [
        *("Started", "WeightChanged", "StepDone", "WeightChanged", "StepDone", "WeightChanged", "Promoted")
    ]


@both
def test_the_old_version_keeps_its_pods_until_its_connections_are_over(gateway: bool) -> None:
    world = baking(gateway=gateway)
    shifted = world.now
    world.until("Healthy", "v2")
    if gateway:
        shifted = world.now
    while revision_of(world, "v1") in world.wanted():
        assert world.wanted()[revision_of(world, "v1")] == 4
        world.wait(5)
    assert world.now - shifted >= 60
    assert world.now - shifted <= 60 * 1.2 + 10


@both
def test_the_time_of_a_step_is_no_time_of_the_bake(gateway: bool) -> None:
    world = canary(gateway=gateway, steps=[{"weight": 25, "for": "2h"}], progressDeadline="3h")
    world.wait(600)
    world.release("v2", steps=[])
    world.until("Baking", "v1", weight=95 if gateway else 100)
    world.wait(30)
    assert world.is_("Baking"), "the bake takes 30 s after its weight is in force"
    world.until("Healthy", "v2")


@both
def test_a_version_that_is_still_warm_comes_back_at_once(gateway: bool) -> None:
    world = baking(gateway=gateway)
    world.until("Healthy", "v2")
    world.release("v1")
    world.wait(10)
    assert world.is_("Baking", "v2", 95 if gateway else 100)
    assert share_of(world, "v1") >= 0.95


@both
def test_stable_is_gone_back_to_at_once(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.release("v1")
    world.look()
    world.tick()
    assert share_of(world, "v1") == 1
    world.until("Healthy", "v1", limit=20)
    assert "ReturnedToStable" in world.events()


@both
def test_a_third_version_starts_only_when_nothing_reaches_the_second(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.release("v3")
    second, third = revision_of(world, "v2"), ""
    while not third:
        world.look()
        found = [r.name for r in world.revisions.values() if r.model_version == "v3"]
        third = found[0] if found else ""
        if third:
            assert second not in world.endpoints
            assert second not in (world.accepted or {})
        world.tick()
    world.until("Healthy", "v3")


def test_by_replicas_the_service_selects_all_only_once_the_pods_of_other_versions_are_gone() -> None:
    world = baking()
    world.until("Healthy", "v2")
    first = revision_of(world, "v1")
    assert first in world.pods, "its connections are not over yet"
    world.release("v3")
    while not world.is_("Progressing", "v2", 25):
        assert world.selected() == revision_of(world, "v2")
        world.wait(5)
    assert first not in world.pods


def test_no_version_starts_while_another_one_that_left_is_still_reached() -> None:
    world = serving()
    world.release("v2")
    situation = now(world)
    left = Workload("0" * 10, "v0", wanted=4, ready=4)
    root = Root(situation.stable.revision, {situation.stable.revision: 4, left.revision: 4})
    workloads = {**situation.seen.workloads, left.revision: left}
    decision = decide(replace(situation, seen=replace(situation.seen, workloads=workloads, root=root)))
    assert decision.state.canary is None
    assert "waiting until nothing reaches v0" in decision.state.message


@both
def test_while_stable_has_no_pods_the_canary_answers_all_and_nothing_is_measured(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.wait(10)
    break_pods(world, "v1")
    world.look()
    assert share_of(world, "v2") == 1
    world.wait(60)
    assert (world.status or {})["message"].startswith("v2 serves all: ")
    world.heal()
    world.until("Healthy", "v2")


def test_a_model_version_that_is_deleted_goes_on_serving() -> None:
    world = serving()
    del world.versions["v1"]
    world.wait(60)
    assert world.is_("Healthy", "v1")
    world.spec["replicas"] = 6
    world.wait(30)
    assert world.is_("Healthy", "v1")
    assert world.ready(revision_of(world, "v1")) == 6


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        pytest.param(model_version("v2", phase="Rejected"), "VersionRejected", id="rejected"),
        pytest.param(model_version("v2", contract="cd"), "ContractChanged", id="another contract"),
    ],
)
def test_what_cannot_be_served_is_invalid_and_what_serves_goes_on(version: dict[str, object], reason: str) -> None:
    world = serving()
    world.versions["v2"] = version
    world.release("v2")
    world.wait(30)
    assert world.status
    assert (world.status["phase"], world.status["reason"]) == ("Invalid", reason)
    assert world.status["message"].startswith("v1 serves all: v2 ")
    assert list(world.wanted()) == [revision_of(world, "v1")]


def test_another_contract_may_be_allowed() -> None:
    world = serving(allow={"contractChange": True})
    world.versions["v2"] = model_version("v2", contract="cd")
    world.release("v2")
    world.until("Healthy", "v2")


def test_a_name_that_is_taken_is_said_and_nothing_is_given_up() -> None:
    world = canary()
    world.name_taken = True
    name, decision = deciding(world)
    assert name == "spec_unusable"
    assert decision.state.canary == world.situation()[0].state.canary
