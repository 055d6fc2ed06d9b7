"""What people ask for: each is done once, ever, for the revision and the attempt that it names."""

from __future__ import annotations

import pytest

from tests.unit.rollout.given import MODE_IDS, MODES, baking, canary, rolled_back, serving, share_of
from tests.unit.rollout.world import World

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)


def status(world: World) -> dict[str, object]:
    assert world.status
    return world.status


@both
def test_promote_skips_the_remaining_steps(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.ask("promote")
    world.wait(15)
    assert world.is_("Baking", "v1", 95 if gateway else 100)
    world.wait(20)
    assert world.is_("Baking"), "it is done once: the bake is not skipped as well"


@both
def test_promote_in_the_bake_ends_it(gateway: bool) -> None:
    world = baking(gateway=gateway, bake={"for": "10h"})
    world.wait(10)
    world.ask("promote")
    world.settle()
    assert world.is_("Healthy", "v2")


def test_promote_in_the_bake_waits_until_the_bake_has_its_weight() -> None:
    world = canary(bake={"for": "10h"})
    world.ask("promote")
    world.settle()
    world.ask("promote")
    world.settle()
    assert world.is_("Baking", "v1", 25), "the bake's pods are not ready"
    world.until("Healthy", "v2", limit=60)


def test_promote_in_the_bake_needs_no_metrics() -> None:
    world = baking(gateway=True)
    world.measured.up = False
    world.wait(10)
    world.ask("promote")
    world.settle()
    assert world.is_("Healthy", "v2")


def test_an_approval_step_waits_for_a_person_at_the_weight_before() -> None:
    steps = [{"weight": 25, "for": "10s"}, {"approval": True}, {"weight": 50, "for": "10s"}]
    world = canary(steps=steps)
    world.until("Paused", "v1", weight=25)
    assert status(world)["reason"] == "AwaitingApproval"
    world.wait(4000)
    assert world.is_("Paused", "v1", 25)
    world.ask("approve")
    world.until("Healthy", "v2")


def test_an_approval_does_not_end_a_persons_pause() -> None:
    world = canary(steps=[{"weight": 25, "for": "10m"}, {"approval": True}, {"weight": 50}], progressDeadline="30m")
    world.until("Paused")
    world.release("v2", paused=True)
    world.ask("approve")
    world.wait(60)
    assert (world.is_("Paused", "v1", 25), status(world)["reason"]) == (True, "PausedBySpec")
    world.release("v2", paused=False)
    world.until("Healthy", "v2")


def test_pause_holds_everything_and_resume_goes_on() -> None:
    world = canary()
    world.wait(10)
    before = status(world)["canary"]
    world.ask("pause")
    world.wait(600)
    assert status(world)["reason"] == "PausedByPerson"
    assert "paused by ann" in str(status(world)["message"])
    after = status(world)["canary"]
    for kept in ("weight", "step", "measuredSeconds"):
        assert after[kept] == before[kept]  # type: ignore[index]
    world.ask("resume")
    world.until("Healthy", "v2")


def test_a_paused_canary_still_fails() -> None:
    world = canary("errors")
    world.ask("pause")
    world.until("RolledBack", "v1", limit=60)


def test_a_persons_pause_outlives_the_specs() -> None:
    world = canary()
    world.ask("pause")
    world.settle()
    world.release("v2", paused=True)
    world.wait(10)
    world.release("v2", paused=False)
    world.wait(60)
    assert status(world)["reason"] == "PausedByPerson"


def test_resume_after_a_failing_check_gathers_new_evidence() -> None:
    world = serving()
    world.spec["analysis"]["checks"] = [{"errorRate": {}, "onFail": "pause"}]
    world.release("v2", "errors")
    world.until("Paused")
    world.nature["v2"] = "good"
    world.ask("resume")
    world.settle()
    assert status(world)["canary"]["measuredSeconds"] == 0  # type: ignore[index]
    world.until("Healthy", "v2")


@both
@pytest.mark.parametrize("where", ["at a step", "in the bake", "in a pause"])
def test_abort_rolls_back(where: str, gateway: bool) -> None:
    world = baking(gateway=gateway) if where == "in the bake" else canary(gateway=gateway)
    if where == "in a pause":
        world.ask("pause")
        world.settle()
    world.ask("abort", by="ben")
    world.wait(15)
    assert world.is_("RolledBack", "v1", 0)
    assert "aborted by ben" in str(status(world)["message"])
    assert share_of(world, "v1") == 1


@pytest.mark.parametrize(
    ("action", "world", "why"),
    [
        pytest.param("promote", serving, "there is no rollout", id="promote at rest"),
        pytest.param("resume", canary, "nothing is paused", id="resume of what is not paused"),
        pytest.param("approve", canary, "asks for no approval", id="approve where none is asked for"),
        pytest.param("retry", canary, "nothing has failed", id="retry of what has not failed"),
        pytest.param("promote", rolled_back, "no canary is running", id="promote after a rollback"),
        pytest.param("abort", rolled_back, "no canary is running", id="abort after a rollback"),
    ],
)
def test_what_makes_no_sense_is_refused(action: str, world: object, why: str) -> None:
    made: World = world()  # type: ignore[operator]
    phase = status(made)["phase"]
    made.ask(action)
    made.settle()
    refused = [h for h in made.told if h.reason == "ActionRefused"]
    assert [why in h.message for h in refused] == [True]
    assert status(made)["phase"] == phase


@pytest.mark.parametrize("action", ["promote", "approve", "abort", "retry", "pause", "resume"])
@pytest.mark.parametrize("wrong", ["revision", "attempt"])
def test_what_is_for_another_revision_or_attempt_is_refused(action: str, wrong: str) -> None:
    world = canary()
    before = status(world)["canary"]
    if wrong == "revision":
        world.ask(action, about="0123456789")
    else:
        world.ask(action, attempt=7)
    world.settle()
    assert world.events()[-1] == "ActionRefused"
    assert status(world)["canary"] == before


def test_an_annotation_that_stays_is_never_done_again() -> None:
    world = canary(steps=[{"weight": 25, "for": "2h"}], bake={"for": "2h"}, progressDeadline="5h")
    world.ask("promote")
    world.wait(15)
    assert world.is_("Baking")
    for _ in range(30):
        world.ask("pause")
        world.settle()
        world.ask("resume")
        world.settle()
    world.wait(15)
    assert world.is_("Baking"), "thirty pauses later the bake is not ended by the old promote"
    assert len(status(world)["actions"]) <= 30  # type: ignore[arg-type]


def test_who_asked_stands_in_the_history() -> None:
    world = canary()
    world.ask("pause", by="cem")
    world.settle()
    assert world.status
    assert [(h["event"], h["by"]) for h in world.status["history"]][-1] == ("Pause", "cem")


def test_a_command_before_the_first_decision_does_no_harm() -> None:
    world = World()
    world.ask("promote", about="0123456789")
    world.serving("v1")
