"""A version that could not be taken back does not start by itself."""

from __future__ import annotations

import pytest

from tests.unit.rollout.given import MODE_IDS, MODES, break_pods, revision_of, serving
from tests.unit.rollout.world import World

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)


def unsafe(*, gateway: bool = False) -> World:
    """v1 is down, and v2 is asked for."""
    world = break_pods(serving(gateway=gateway), "v1")
    world.release("v2")
    world.wait(30)
    return world


def reason(world: World) -> str:
    return str((world.status or {})["reason"])


@both
def test_it_waits_with_its_pods_ready_and_says_what_to_do(gateway: bool) -> None:
    world = unsafe(gateway=gateway)
    assert (world.is_("Paused", "v1", 0), reason(world)) == (True, "NoWayBack")
    assert "annotate approve, or set spec.rollout.allow.noRollback" in (world.status or {})["message"]
    assert world.ready(revision_of(world, "v2"))
    condition = next(c for c in (world.status or {})["conditions"] if c["type"] == "RollbackAvailable")
    assert condition["status"] == "False"


@both
def test_an_approval_lets_it_start(gateway: bool) -> None:
    world = unsafe(gateway=gateway)
    world.ask("approve", by="ann")
    world.wait(60)
    assert world.is_("Progressing", "v1", 25)
    assert world.shares() == {revision_of(world, "v2"): 1}
    world.heal()
    world.until("Healthy", "v2")


@pytest.mark.parametrize("action", ["resume", "promote", "skip"])
def test_nothing_else_that_a_person_asks_for_does(action: str) -> None:
    world = unsafe()
    world.ask(action)
    world.wait(30)
    assert reason(world) == "NoWayBack"
    assert world.events()[-1] == "ActionRefused"


def test_it_goes_on_by_itself_once_there_is_a_way_back() -> None:
    world = unsafe()
    world.heal()
    world.until("Healthy", "v2")


def test_the_spec_may_allow_it() -> None:
    world = unsafe()
    world.release("v2", allow={"noRollback": True})
    world.wait(60)
    assert world.is_("Progressing", "v1", 25)


def test_what_was_trusted_before_needs_no_approval() -> None:
    world = serving()
    world.release("v2")
    world.until("Healthy", "v2")
    world.wait(200)
    break_pods(world, "v2")
    world.release("v1")
    world.wait(60)
    assert world.shares() == {revision_of(world, "v1"): 1}
