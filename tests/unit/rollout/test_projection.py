"""The children that follow from a state: what is written in which order, what ends, what is forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage_operator.domain.manifests.revision import Revision
from pilotage_operator.domain.rollout.decide import decide
from pilotage_operator.domain.rollout.projection import REVISIONS_KEPT, Plan, project
from pilotage_operator.domain.rollout.seen import Workload
from tests.unit.rollout.given import MODE_IDS, MODES, baking, canary, revision_of, rolled_back, serving
from tests.unit.rollout.world import BODY, World

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)


def plan_of(world: World, **more: Revision) -> Plan:
    situation, revisions, _ = world.situation()
    return project(situation, decide(situation).state, BODY, revisions | more)


def old(order: int) -> Revision:
    return Revision(f"{order:010}", order, f"old-{order}", "0", "sha256:" + "0" * 64, "ab" * 32, template={})


@both
def test_sources_come_first_then_pods_then_what_leads_traffic_to_them(gateway: bool) -> None:
    kinds = [
        "traffic" if body["metadata"]["name"] == "fraud" else body["kind"]
        for body in plan_of(canary(gateway=gateway)).keep
    ]
    assert kinds[:2] == ["ControllerRevision"] * 2
    assert kinds[2:6] == ["Deployment", "Service"] * 2
    assert set(kinds[6:]) == {"traffic"}
    assert len(kinds) == 8 if gateway else 7


@both
def test_nothing_is_written_before_anything_is_stable(gateway: bool) -> None:
    world = World(gateway=gateway)
    world.release("v1")
    del world.versions["v1"]
    plan = plan_of(world)
    assert (plan.keep, plan.gone, plan.forgotten) == ((), (), ())


@both
def test_what_is_still_reached_does_not_end(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.tick()
    world.release("v1")
    for _ in range(3):
        world.look()
    second = revision_of(world, "v2")
    assert second in world.wanted()
    assert plan_of(world).gone == ()
    world.tick()
    world.look()
    world.look()
    assert second not in world.wanted()


def test_what_the_gateway_has_not_taken_yet_does_not_end() -> None:
    world = baking(gateway=True)
    world.until("Healthy", "v2")
    for _ in range(60):
        world.now += 5
        world.accepted = {"not": "taken"}  # type: ignore[dict-item]
        world.settle()
    assert revision_of(world, "v1") in world.wanted()
    world.wait(10)
    assert revision_of(world, "v1") not in world.wanted()


def test_what_a_service_of_all_revisions_still_finds_does_not_end() -> None:
    world = canary()
    world.tick()
    situation, revisions, _ = world.situation()
    left = Workload("0" * 10, "v0", wanted=4, ready=4)
    for endpoints, gone in ((4, ()), (0, ("0" * 10,))):
        workloads = {**situation.seen.workloads, left.revision: replace(left, ready=endpoints)}
        seen = replace(situation.seen, workloads=workloads)
        assert project(replace(situation, seen=seen), situation.state, BODY, revisions).gone == gone


def test_it_is_said_when_to_look_again_at_what_retires() -> None:
    world = baking(gateway=True)
    world.until("Healthy", "v2")
    later = plan_of(world).later
    assert later is not None
    assert 1 <= later <= 72


def test_snapshots_tell_the_verdict_and_the_attempts() -> None:
    told = {r.model_version: r for r in rolled_back().revisions.values()}
    assert told["v1"].promoted
    assert not told["v2"].promoted
    assert told["v2"].attempts == 1
    assert "rolled back" in told["v2"].failed


def test_a_version_that_is_promoted_after_all_has_not_failed() -> None:
    world = rolled_back()
    world.nature["v2"] = "good"
    world.ask("retry")
    world.until("Healthy", "v2")
    second = next(r for r in world.revisions.values() if r.model_version == "v2")
    assert (second.promoted, second.failed, second.attempts) == (True, "", 2)


def test_the_oldest_snapshots_are_forgotten_but_none_that_serves_or_is_asked_for() -> None:
    world = serving()
    known = {r.name: r for r in map(old, range(2, 2 + REVISIONS_KEPT + 3))}
    plan = plan_of(world, **known)
    assert list(plan.forgotten) == [f"{order:010}" for order in (2, 3, 4)]
    situation, revisions, _ = world.situation()
    asked = replace(situation.seen, target=replace(situation.seen.target, revision=f"{2:010}"))
    plan = project(replace(situation, seen=asked), situation.state, BODY, revisions | known)
    assert list(plan.forgotten) == [f"{order:010}" for order in (3, 4)]


def test_a_snapshot_remembers_the_newest_actions_and_is_not_written_for_ever() -> None:
    world = canary(steps=[{"weight": 25, "for": "1h"}])
    for _ in range(15):
        world.ask("pause")
        world.settle()
        world.ask("resume")
        world.settle()
    second = ("ControllerRevision", f"fraud-{revision_of(world, 'v2')}")
    before = world.objects[second]
    world.wait(30)
    assert world.objects[second]["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert "resume/a30/" in before["metadata"]["annotations"]["pilotage.dev/actions"]
