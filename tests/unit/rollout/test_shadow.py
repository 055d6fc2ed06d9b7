"""A canary that gets a copy of the traffic: judged as at a weight, and nobody gets its answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.rollout.given import break_pods, revision_of, serving, share_of
from tests.unit.rollout.world import World

STEPS = [{"shadow": True, "for": "60s"}, {"weight": 25, "for": "30s"}]


def shadowed(nature: str = "good", **rollout: Any) -> World:
    """v2 gets copies."""
    world = serving(gateway=True, **{"steps": STEPS, **rollout})
    world.release("v2", nature)
    while not world.mirrored():
        world.wait(5)
    world.wait(5)
    return world


def reason(world: World) -> str:
    return str((world.status or {})["reason"])


def test_it_gets_a_copy_of_all_and_users_get_nothing_of_it() -> None:
    world = shadowed()
    world.wait(20)
    assert world.is_("Progressing", "v1", 0)
    assert world.mirrored() == revision_of(world, "v2")
    assert share_of(world, "v1") == 1
    assert (world.status or {})["canary"]["shadow"] is True
    assert (world.status or {})["canary"]["measuredSeconds"] > 0
    assert world.ready(revision_of(world, "v2")) == 4, "it takes all the load"


def test_then_come_the_weights_and_the_copies_end() -> None:
    world = shadowed()
    world.until("Progressing", "v1", weight=25)
    assert world.mirrored() == ""
    world.until("Healthy", "v2")


def test_a_failing_check_takes_it_back_before_any_user_saw_it() -> None:
    world = shadowed("errors")
    world.until("RolledBack", "v1")
    assert world.mirrored() == ""
    assert [h.message for h in world.told if h.reason == "WeightChanged"] == ["v2 is to get a copy of all requests"]
    world.wait(60)
    assert list(world.wanted()) == [revision_of(world, "v1")]


def test_it_holds_while_there_is_nothing_to_judge() -> None:
    world = serving(gateway=True, steps=STEPS)
    world.measured.traffic = False
    world.release("v2")
    world.wait(600)
    assert world.is_("Progressing", "v1", 0)
    assert world.mirrored() == revision_of(world, "v2")
    world.measured.traffic = True
    world.until("Healthy", "v2")


def test_without_pods_it_gets_no_copies() -> None:
    world = shadowed()
    break_pods(world, "v2")
    world.settle()
    assert world.mirrored() == ""
    world.heal()
    world.until("Healthy", "v2")


@pytest.mark.parametrize("how", ["back to stable", "abort", "a third version"])
def test_its_pods_end_only_after_the_copies(how: str) -> None:
    world = shadowed()
    match how:
        case "back to stable":
            world.release("v1")
        case "abort":
            world.ask("abort")
        case "a third version":
            world.release("v3")
    second = revision_of(world, "v2")
    world.look()
    world.look()
    assert world.mirrored() == ""
    assert second in world.wanted(), "the gateway has not taken the route yet"
    world.wait(60)
    assert second not in world.wanted()


def test_a_status_that_is_lost_keeps_the_copies() -> None:
    world = shadowed()
    world.wait(10)
    world.status = None
    world.wait(60)
    assert (world.is_("Paused", "v1", 0), reason(world)) == (True, "StatusLost")
    assert world.mirrored() == revision_of(world, "v2")
    world.ask("resume")
    world.until("Healthy", "v2")


def test_without_a_gateway_it_cannot_be_had() -> None:
    world = serving()
    world.release("v2", steps=STEPS)
    world.wait(30)
    assert (world.is_("Invalid", "v1"), reason(world)) == (True, "ShadowUnavailable")
    assert "set spec.traffic, or take the step out" in (world.status or {})["message"]
