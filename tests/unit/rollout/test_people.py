"""What people ask for: each is done once, ever, for the revision and the attempt that it names."""

from __future__ import annotations

import pytest

from pilotage_operator.api import names
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
    world = baking(gateway=gateway, bake={"for": "10h"}, progressDeadline="11h")
    world.wait(10)
    world.ask("promote")
    world.settle()
    assert world.is_("Healthy", "v2")


def test_promote_in_the_bake_waits_until_the_bake_has_its_weight() -> None:
    world = canary(bake={"for": "10h"}, progressDeadline="11h")
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


def test_skip_ends_one_step() -> None:
    world = canary(
        gateway=True, steps=[{"weight": 25, "for": "1h"}, {"weight": 50, "for": "1h"}], progressDeadline="3h"
    )
    world.ask("skip")
    world.until("Progressing", "v1", weight=50)
    world.wait(600)
    assert world.is_("Progressing", "v1", 50), "one step, not two"
    assert "v2 skips step 1 of 2" in [h.message for h in world.told]


@pytest.mark.parametrize("action", ["skip", "promote", "resume"])
def test_evidence_that_paused_it_does_not_pause_it_again_once_a_person_goes_on(action: str) -> None:
    world = serving(gateway=True)
    world.spec["analysis"]["checks"] = [{"errorRate": {}, "onFail": "pause"}]
    world.release("v2", "errors")
    world.until("Paused")
    world.ask(action)
    world.settle()
    assert status(world)["phase"] != "Paused"
    world.until("Paused", limit=120)  # by what is seen from then on


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


def at_approval() -> World:
    world = canary(steps=[{"weight": 25}, {"approval": True}])
    world.until("Paused")
    return world


@pytest.mark.parametrize(
    ("action", "world", "why"),
    [
        pytest.param("promote", serving, "there is no rollout", id="promote at rest"),
        pytest.param("resume", canary, "nothing is paused", id="resume of what is not paused"),
        pytest.param("approve", canary, "asks for no approval", id="approve where none is asked for"),
        pytest.param("retry", canary, "nothing has failed", id="retry of what has not failed"),
        pytest.param("promote", rolled_back, "no canary is running", id="promote after a rollback"),
        pytest.param("skip", baking, "promote ends the bake", id="skip in the bake"),
        pytest.param("skip", at_approval, "annotate approve", id="skip of an approval"),
        pytest.param("rollback", serving, "what was stable before v1 is not known", id="rollback of the first version"),
        pytest.param("rollback", rolled_back, "v2 is taken back already", id="rollback of what is taken back"),
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


@pytest.mark.parametrize("action", names.ACTIONS)
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
