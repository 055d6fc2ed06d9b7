"""What may be lost or written over, and what becomes of it."""

from __future__ import annotations

import pytest

from tests.unit.rollout.given import MODE_IDS, MODES, baking, break_pods, canary, revision_of, rolled_back, serving
from tests.unit.rollout.given import share_of as share
from tests.unit.rollout.world import World, model_version

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)


def lose_status(world: World) -> World:
    world.status = None
    return world


@both
def test_a_status_lost_at_rest_is_recovered(gateway: bool) -> None:
    world = lose_status(serving(gateway=gateway))
    world.wait(30)
    assert world.is_("Healthy", "v1")
    assert "Installing" not in world.events()[2:]


@both
def test_a_status_lost_at_a_step_pauses_with_everything_as_it_is(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.tick()
    shares, pods = world.shares(), world.wanted()
    lose_status(world)
    world.wait(1200)
    assert world.is_("Paused", "v1")
    assert world.status
    assert world.status["reason"] == "StatusLost"
    assert (world.shares(), world.wanted()) == (shares, pods)
    world.ask("resume")
    world.until("Healthy", "v2")


@both
def test_a_status_lost_in_the_bake_pauses_with_the_old_version_as_stable(gateway: bool) -> None:
    world = lose_status(baking(gateway=gateway))
    world.wait(1200)
    assert world.is_("Paused", "v1", 95 if gateway else 100)
    assert world.wanted() == {revision_of(world, "v1"): 4, revision_of(world, "v2"): 4}
    world.ask("abort")
    world.until("RolledBack", "v1")


@both
def test_a_status_lost_after_a_promotion_keeps_the_new_version(gateway: bool) -> None:
    world = baking(gateway=gateway)
    world.until("Healthy", "v2")
    lose_status(world)
    world.wait(200)
    assert world.is_("Healthy", "v2")


@both
def test_a_status_lost_after_a_rollback_does_not_try_again(gateway: bool) -> None:
    world = lose_status(rolled_back(gateway=gateway))
    world.wait(600)
    assert world.is_("RolledBack", "v1")
    assert world.events().count("Started") == 1


@both
def test_a_status_lost_while_a_version_returns_keeps_the_pods_that_serve(gateway: bool) -> None:
    world = baking(gateway=gateway)
    world.until("Healthy", "v2")
    world.wait(200)
    world.release("v1")
    world.until("Progressing", "v2", weight=25)
    world.tick()
    before = world.shares()
    lose_status(world)
    world.wait(1200)
    assert world.is_("Paused", "v2", 25)
    assert world.shares() == before


def test_a_status_lost_with_the_canary_taken_for_stable_moves_nothing_until_a_person_looks() -> None:
    world = serving(replicas=1, steps=[{"weight": 50, "for": "1h"}])
    world.release("v2", steps=[{"weight": 50, "for": "1h"}])
    world.until("Progressing", "v1", weight=50)
    world.objects["ControllerRevision", f"fraud-{revision_of(world, 'v2')}"]["metadata"]["annotations"][
        "pilotage.dev/promoted"
    ] = "true"
    lose_status(world)
    world.tick()
    shares = world.shares()
    world.wait(600)
    assert world.is_("Paused")
    assert world.shares() == shares


def test_a_status_lost_before_the_first_version_was_ready_stays_initializing() -> None:
    world = World()
    world.release("v1", "crashing")
    world.wait(60)
    lose_status(world)
    world.wait(60)
    assert world.is_("Initializing", "v1")
    world.release("v2")
    world.until("Healthy", "v2")


def test_a_status_that_was_lost_to_a_spec_that_cannot_be_read_is_recovered_too() -> None:
    world = canary()
    world.status = {"phase": "Invalid", "reason": "BadSpec", "message": "nothing is served: spec.replicas: ..."}
    world.wait(60)
    assert world.is_("Paused", "v1", 25)


def test_what_was_asked_for_before_the_status_was_lost_is_not_done_again() -> None:
    world = canary(steps=[{"weight": 25, "for": "1h"}])
    world.ask("pause")
    world.settle()
    world.ask("abort", id="old", about=revision_of(world, "v2"))
    lose_status(world)
    world.wait(60)
    assert world.is_("Paused", "v1", 25)
    assert "Abort" not in world.events()


def test_a_version_that_is_rejected_while_the_status_is_lost_moves_nothing() -> None:
    world = canary()
    world.versions["v2"] = model_version("v2", phase="Rejected")
    lose_status(world)
    world.wait(60)
    assert world.is_("Paused", "v1", 25)


@both
@pytest.mark.parametrize("writes", range(8))
def test_an_operator_that_dies_amid_its_writes_changes_nothing_about_the_end(gateway: bool, writes: int) -> None:
    world = serving(gateway=gateway)
    world.release("v2")
    for _ in range(200):
        world.look(dies_after=writes)
        world.settle()
        world.tick()
        if world.is_("Healthy", "v2"):
            break
    assert world.is_("Healthy", "v2")


@both
def test_nothing_acts_on_a_status_that_somebody_else_wrote_first(gateway: bool) -> None:
    world = serving(gateway=gateway)
    world.release("v2")
    objects = dict(world.objects)
    for _ in range(20):
        world.look(conflict=True)
        world.tick()
    assert world.objects == objects
    assert "Started" not in world.events()


@both
def test_modes_switch_with_all_traffic_on_stable(gateway: bool) -> None:
    world = canary(gateway=gateway, replicas=8)
    world.switch_traffic(not gateway)
    while "TrafficSwitched" not in world.events():
        world.look()
    assert world.is_("Progressing", "v1", 0)
    assert world.selected() == revision_of(world, "v1")
    assert world.routed() in (None, {revision_of(world, "v1"): 100})
    assert world.wanted()[revision_of(world, "v2")] >= 2, "its pods stay for when it goes on"
    world.until("Healthy", "v2")
    assert (world.routed() is None) is gateway


@both
def test_modes_do_not_switch_onto_a_stable_version_without_pods(gateway: bool) -> None:
    world = canary(gateway=gateway, replicas=8)
    break_pods(world, "v1")
    world.switch_traffic(not gateway)
    world.wait(30)
    assert share(world, "v2") == 1


def test_in_a_new_mode_the_weight_waits_until_the_gateway_has_taken_the_route() -> None:
    world = canary(replicas=8)
    world.switch_traffic(True)
    world.settle()
    assert world.is_("Progressing", "v1", 0), "the gateway has not seen the route yet"
    world.tick()
    world.settle()
    assert "is to get 25 % at" in (world.status or {})["message"]
    world.tick()
    world.settle()
    assert world.is_("Progressing", "v1", 25)


def test_a_route_that_is_deleted_by_hand_comes_back_and_the_step_goes_on() -> None:
    world = canary(gateway=True)
    del world.objects["HTTPRoute", "fraud"]
    world.until("Healthy", "v2")
    assert world.events().count("Started") == 1
