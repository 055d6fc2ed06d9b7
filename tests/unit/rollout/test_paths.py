"""The ways that a release can take: versions good and bad in every order, and edits of the spec at every place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.rollout.given import (
    MODE_IDS,
    MODES,
    baking,
    break_pods,
    canary,
    revision_of,
    rolled_back,
    serving,
    share_of,
)
from tests.unit.rollout.world import World, model_version

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)
LATER = [{"weight": 10, "for": "20s"}, {"weight": 40, "for": "20s"}]


def reason(world: World) -> str:
    return str((world.status or {})["reason"])


def baked(**given: Any) -> World:
    """v2 is stable."""
    world = baking(**given)
    world.until("Healthy", "v2")
    return world


def paused(**given: Any) -> World:
    world = canary(**given)
    world.ask("pause")
    world.settle()
    return world


def invalid(**given: Any) -> World:
    """v1 serves, and the spec asks for what was rejected."""
    world = serving(**given)
    world.versions["v2"] = model_version("v2", phase="Rejected")
    world.release("v2")
    world.wait(10)
    return world


# --- versions, good and bad


@both
@pytest.mark.parametrize(
    ("second", "third", "ends"),
    [
        pytest.param("good", "errors", ("RolledBack", "v2"), id="good to bad"),
        pytest.param("errors", "good", ("Healthy", "v3"), id="bad to good"),
        pytest.param("errors", "crashing", ("RolledBack", "v1"), id="bad to bad"),
        pytest.param("good", "good", ("Healthy", "v3"), id="good to good"),
    ],
)
def test_one_release_after_the_other(second: str, third: str, ends: tuple[str, str], gateway: bool) -> None:
    world = baked(gateway=gateway) if second == "good" else rolled_back(second, gateway=gateway)
    world.release("v3", third)
    world.until(*ends)
    world.wait(60)
    assert world.is_(*ends, 0)
    assert share_of(world, ends[1]) == 1


@both
def test_a_third_and_a_fourth_version_in_quick_succession(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.release("v3")
    world.look()
    world.tick()
    world.release("v4")
    world.until("Healthy", "v4")
    started = [h.message for h in world.told if h.reason == "Started"]
    assert started[-1] == "v1 -> v4, attempt 1"
    assert share_of(world, "v4") == 1


@both
def test_there_and_back_and_there_again_begins_anew(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.release("v1")
    world.settle()
    world.release("v2")
    world.until("Progressing", "v1", weight=25)
    assert (world.status or {})["canary"]["attempt"] == 2
    world.until("Healthy", "v2")


@both
def test_a_fix_while_the_spec_cannot_be_used(gateway: bool) -> None:
    world = invalid(gateway=gateway)
    world.release("v3")
    world.until("Healthy", "v3")


@both
def test_the_failing_revision_applied_again_under_another_name_is_the_same_revision(gateway: bool) -> None:
    world = rolled_back(gateway=gateway)
    world.versions["v2-again"] = world.versions["v2"]
    world.release("v2-again")
    world.wait(600)
    assert world.is_("RolledBack", "v1", 0)
    assert world.events().count("Started") == 1


# --- scale


@both
@pytest.mark.parametrize("replicas", [1, 7])
def test_a_release_and_other_replicas_at_once(replicas: int, gateway: bool) -> None:
    world = serving(gateway=gateway)
    world.release("v2")
    world.spec["replicas"] = replicas
    world.until("Healthy", "v2")
    world.wait(120)
    assert world.wanted() == {revision_of(world, "v2"): replicas}


@both
@pytest.mark.parametrize("replicas", [1, 8])
@pytest.mark.parametrize(
    ("given", "ends"),
    [
        pytest.param(canary, "v2", id="while progressing"),
        pytest.param(baking, "v2", id="while baking"),
        pytest.param(paused, "v1", id="while paused"),
        pytest.param(invalid, "v1", id="while the spec cannot be used"),
        pytest.param(rolled_back, "v1", id="while rolled back"),
    ],
)
def test_scaled(given: Callable[..., World], ends: str, replicas: int, gateway: bool) -> None:
    world = given(gateway=gateway)
    attempts = world.events().count("Started")
    world.spec["replicas"] = replicas
    world.wait(400)
    assert (world.status or {})["stable"]["modelVersion"] == ends
    assert world.ready(revision_of(world, ends)) == replicas
    assert world.events().count("Started") == attempts, "a revision that differs only in scale is the same revision"


# --- steps


@both
@pytest.mark.parametrize("steps", [LATER, [], [{"weight": 100, "for": "10s"}]], ids=["others", "none", "one"])
@pytest.mark.parametrize(
    ("given", "phase", "served"),
    [
        pytest.param(canary, "Healthy", "v2", id="while progressing"),
        pytest.param(baking, "Healthy", "v2", id="while baking"),
        pytest.param(baked, "Healthy", "v2", id="after the bake"),
        pytest.param(paused, "Paused", "v1", id="while paused"),
        pytest.param(rolled_back, "RolledBack", "v1", id="while rolled back"),
        pytest.param(invalid, "Invalid", "v1", id="while the spec cannot be used"),
    ],
)
def test_steps_edited(
    given: Callable[..., World], phase: str, served: str, steps: list[dict[str, Any]], gateway: bool
) -> None:
    world = given(gateway=gateway)
    weight = ((world.status or {}).get("canary") or {}).get("weight", 0)
    started = world.events().count("Started")
    world.spec["rollout"]["steps"] = steps
    world.wait(300)
    assert world.is_(phase, served), world.status
    assert world.events().count("Started") == started
    if phase == "Paused":
        assert world.is_(phase, served, weight)


# --- a spec that only the operator can refuse


REFUSED = {"steps": [{"weight": 25, "for": "3h"}], "progressDeadline": "1h"}


@both
@pytest.mark.parametrize("given", [canary, baking, paused])
def test_a_spec_that_cannot_be_read_takes_the_canary_back(given: Callable[..., World], gateway: bool) -> None:
    world = given(gateway=gateway)
    good = dict(world.spec["rollout"])
    world.spec["rollout"] = REFUSED
    world.wait(30)
    assert world.is_("Invalid", "v1", 0)
    assert reason(world) == "BadSpec"
    assert (world.status or {})["message"].startswith("v1 serves all: ")
    assert "progressDeadline is shorter" in (world.status or {})["message"]
    assert share_of(world, "v1") == 1
    world.spec["rollout"] = good
    world.until("Healthy", "v2")


def test_while_the_spec_cannot_be_read_what_serves_is_scaled_and_repaired() -> None:
    world = serving()
    world.spec["rollout"] = REFUSED
    world.spec["replicas"] = 6
    del world.objects["Service", "fraud"]
    world.wait(60)
    assert world.ready(revision_of(world, "v1")) == 6
    assert share_of(world, "v1") == 1


# --- both sides


def both_down(*, gateway: bool) -> World:
    """A canary at its first weight, and no pod of either side is ready any more."""
    world = canary(gateway=gateway)
    world.wait(10)
    break_pods(world, "v1")
    break_pods(world, "v2")
    return world


@both
def test_when_both_are_down_nothing_is_moved_and_it_is_said(gateway: bool) -> None:
    world = both_down(gateway=gateway)
    world.wait(60)
    assert (world.status or {})["message"].startswith("v1 and v2 are down: ")
    assert world.is_("Progressing", "v1", 25)
    world.heal()
    world.until("Healthy", "v2")


@both
def test_when_both_are_down_the_first_that_is_back_answers(gateway: bool) -> None:
    world = both_down(gateway=gateway)
    world.settle()
    for pod in world.pods[revision_of(world, "v1")]:
        pod.broken = False
    world.wait(10)
    assert share_of(world, "v1") == 1
    assert world.is_("Progressing", "v1", 0)


@both
def test_a_target_that_breaks_as_it_is_promoted_leaves_the_traffic_with_the_healthy_one(gateway: bool) -> None:
    world = baking(gateway=gateway)
    break_pods(world, "v2")
    world.settle()
    world.tick()
    assert share_of(world, "v1") == 1
    assert reason(world) in ("CanaryUnavailable", "StartingPods")
    world.wait(60)
    assert (world.status or {})["stable"]["modelVersion"] == "v1"


@both
def test_stable_that_breaks_in_part_changes_nothing(gateway: bool) -> None:
    world = canary(gateway=gateway, steps=[{"weight": 25, "for": "1h"}])
    break_pods(world, "v1", all_but=1)
    world.wait(60)
    assert world.is_("Progressing", "v1", 25)
    assert (world.routed() or {}).get(revision_of(world, "v2"), 25) == 25


def test_stable_that_breaks_is_said_and_is_no_reason_to_promote() -> None:
    world = canary(gateway=True, bake={"for": "10s"})
    world.wait(10)
    break_pods(world, "v1")
    world.wait(300)
    assert (world.is_("Progressing", "v1", 25), reason(world)) == (True, "StableUnavailable")
    degraded = next(c for c in (world.status or {})["conditions"] if c["type"] == "Degraded")
    assert degraded["status"] == "True"
