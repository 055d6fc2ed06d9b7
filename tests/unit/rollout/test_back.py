"""A person's rollback: in every phase, to the version before or to a named one, until the spec asks for another."""

from __future__ import annotations

from collections.abc import Callable

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


def promoted(*, gateway: bool = False) -> World:
    """v2 is stable, and v1 was before it."""
    world = baking(gateway=gateway)
    world.until("Healthy", "v2")
    return world


def cold(*, gateway: bool = False) -> World:
    """The same, and v1 has no pods any more."""
    world = promoted(gateway=gateway)
    world.wait(200)
    return world


def paused(*, gateway: bool = False) -> World:
    world = canary(gateway=gateway)
    world.ask("pause")
    world.settle()
    return world


def frozen(*, gateway: bool = False) -> World:
    world = cold(gateway=gateway)
    world.release("v3", paused=True)
    world.wait(10)
    return world


def invalid(*, gateway: bool = False) -> World:
    world = promoted(gateway=gateway)
    world.versions["v3"] = model_version("v3", phase="Rejected")
    world.release("v3")
    world.wait(10)
    return world


def lost(*, gateway: bool = False) -> World:
    world = canary(gateway=gateway)
    world.status = None
    world.wait(10)
    return world


def going(*, gateway: bool = False) -> World:
    """v3 is on its way, v2 is stable."""
    world = promoted(gateway=gateway)
    world.wait(200)
    world.release("v3")
    world.until("Progressing", "v2", weight=25)
    return world


@both
@pytest.mark.parametrize(
    ("given", "served"),
    [
        pytest.param(canary, "v1", id="at a step"),
        pytest.param(paused, "v1", id="in a pause"),
        pytest.param(lost, "v1", id="after a lost status"),
        pytest.param(baking, "v1", id="in the bake"),
        pytest.param(promoted, "v1", id="after the bake, while the one before is warm"),
        pytest.param(cold, "v1", id="after the bake, when the one before has no pods"),
        pytest.param(frozen, "v1", id="while rollouts are frozen"),
        pytest.param(invalid, "v1", id="while the spec cannot be used"),
        pytest.param(going, "v2", id="with another version on its way"),
    ],
)
def test_a_person_rolls_back_in_every_phase(given: Callable[..., World], served: str, gateway: bool) -> None:
    world = given(gateway=gateway)
    world.ask("rollback", by="ben")
    world.wait(40)
    assert world.is_("RolledBack", served, 0), world.status
    assert share_of(world, served) == 1
    status = world.status or {}
    assert status["reason"] == "RolledBackByPerson"
    assert "by ben; this holds until spec.modelVersion changes" in status["message"]
    world.wait(4000)
    assert world.is_("RolledBack", served, 0)


def test_a_warm_version_has_all_the_traffic_at_once() -> None:
    world = promoted(gateway=True)
    world.wait(5)
    world.ask("rollback")
    world.settle()
    world.tick()
    assert share_of(world, "v1") == 1


@pytest.mark.parametrize("how", ["scaled", "other resources", "frozen and thawed", "the operator restarts"])
def test_it_holds_whatever_else_is_edited(how: str) -> None:
    world = promoted()
    world.ask("rollback")
    world.wait(40)
    match how:
        case "scaled":
            world.spec["replicas"] = 2
        case "other resources":
            world.spec["server"] = {"resources": {"limits": {"memory": "2Gi"}}}
        case "frozen and thawed":
            world.spec["rollout"]["paused"] = True
            world.wait(30)
            world.spec["rollout"]["paused"] = False
    world.wait(600)
    assert world.is_("RolledBack", "v1", 0)
    assert world.ready(revision_of(world, "v1")) == world.spec["replicas"]


@pytest.mark.parametrize(
    ("how", "served"),
    [
        ("another version", "v3"),
        ("the one that serves", "v1"),
        ("retry by a person", "v2"),
        ("retry in the spec", "v2"),
    ],
)
def test_it_ends_by(how: str, served: str) -> None:
    world = promoted()
    world.ask("rollback")
    world.wait(200)
    match how:
        case "another version":
            world.release("v3")
        case "the one that serves":
            world.release("v1")
        case "retry by a person":
            world.ask("retry")
        case "retry in the spec":
            world.release("v2", retry=1)
    world.until("Healthy", served)
    assert (world.status or {}).get("returned") is None


def test_a_known_revision_may_be_named() -> None:
    world = going()
    first = revision_of(world, "v1")
    world.ask("rollback", to=first)
    world.until("RolledBack", "v1", weight=0)
    world.wait(200)
    assert list(world.wanted()) == [first]


@pytest.mark.parametrize(
    ("to", "why"),
    [
        pytest.param("0123456789", "revision 0123456789 is not known", id="one that is not known"),
        pytest.param("v2", "has never had all the traffic", id="one that was never trusted"),
        pytest.param("v1", "v1 serves already", id="the one that serves"),
    ],
)
def test_where_it_cannot_go_back_to(to: str, why: str) -> None:
    world = rolled_back()
    world.ask("rollback", to=revision_of(world, to) if to.startswith("v") else to)
    world.settle()
    assert why in world.told[-1].message
    assert (world.status or {}).get("returned") is None


def test_it_does_not_go_back_to_what_it_leaves() -> None:
    world = promoted()
    world.release("v1")
    world.until("Baking", "v2", weight=100)
    world.ask("rollback", to=revision_of(world, "v1"))
    world.settle()
    assert "is the one to be left" in world.told[-1].message


def test_it_does_not_go_back_to_another_contract() -> None:
    world = serving(allow={"contractChange": True})
    world.versions["v2"] = model_version("v2", contract="cd")
    world.release("v2")
    world.until("Healthy", "v2")
    world.release("v2", allow={})
    world.ask("rollback")
    world.settle()
    assert "has other inputs or outputs" in world.told[-1].message


@both
def test_if_the_one_gone_back_to_breaks_the_other_goes_on_serving(gateway: bool) -> None:
    world = cold(gateway=gateway)
    world.nature["v1"] = "crashing"
    world.ask("rollback")
    world.wait(60)
    assert world.is_("RolledBack", "v2", 0)
    assert (world.status or {})["reason"] == "CrashLoop"
    assert share_of(world, "v2") == 1
    world.nature["v1"] = "good"
    world.ask("retry")
    world.until("RolledBack", "v1", weight=0)
    world.wait(200)
    world.ask("retry")
    world.until("Healthy", "v2")


@both
def test_if_the_cluster_has_no_room_for_it_it_waits_and_the_other_goes_on_serving(gateway: bool) -> None:
    world = cold(gateway=gateway)
    world.nature["v1"] = "pending"
    world.ask("rollback")
    world.wait(900)
    assert world.is_("RolledBack", "v2", 0)
    assert (world.status or {})["reason"] == "Unschedulable"
    assert share_of(world, "v2") == 1
    world.nature["v1"] = "good"
    world.until("RolledBack", "v1", weight=0)


@both
def test_nothing_judges_it(gateway: bool) -> None:
    world = promoted(gateway=gateway)
    world.nature["v1"] = "errors"
    world.measured.up = False
    world.ask("rollback")
    world.wait(60)
    assert world.is_("RolledBack", "v1", 0)


def test_without_stable_pods_it_takes_over_as_soon_as_it_can() -> None:
    world = cold(gateway=True)
    break_pods(world, "v2")
    world.ask("rollback")
    world.wait(30)
    assert share_of(world, "v1") == 1


def test_it_is_done_once_also_with_the_status_of_a_backup() -> None:
    world = promoted()
    before = world.status
    world.ask("rollback")
    world.wait(200)
    world.release("v3")
    world.until("Healthy", "v3")
    world.status = before
    world.release("v2")
    world.wait(600)
    assert world.events().count("Rollback") == 1


def test_what_was_asked_for_before_a_first_version_was_there_is_not_done() -> None:
    world = World()
    world.release("v1")
    world.versions["v1"] = model_version("v1", phase="Checking")
    world.ask("rollback", about="0123456789")
    world.wait(30)
    world.versions["v1"] = model_version("v1")
    world.until("Healthy", "v1")
    assert "ActionRefused" not in world.events()
