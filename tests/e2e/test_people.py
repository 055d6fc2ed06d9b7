"""What people ask for is done: once, at once where it is safe, and said with their name."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import both_modes
from tests.e2e.manifests import ROLLOUT, STEPS
from tests.e2e.world import World, eventually, time_passes


@both_modes
def test_a_step_of_approval_waits_for_a_person(world: World) -> None:
    # Given
    world.serving("v1", replicas=2, rollout={**ROLLOUT, "steps": [STEPS[0], {"approval": True}, STEPS[1]]})
    with world.load() as load:
        # When
        world.release("v2")
        # Then
        status = world.until("it waits", lambda s: s.get("reason") == "AwaitingApproval")
        assert status["phase"] == "Paused"
        weight = status["canary"]["weight"]
        time_passes(load, 900)
        assert world.status()["canary"]["weight"] == weight
        # When
        world.act("approve")
        # Then
        world.until_phase("Healthy", "v2")
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally
    assert [h["by"] for h in world.status()["history"] if h["event"] == "Approve"] == ["maria"]


@both_modes
def test_a_rollout_is_paused_by_a_person_and_frozen_by_the_spec(world: World) -> None:
    # Given
    world.serving("v1", replicas=2)
    with world.load() as load:
        world.release("v2")
        world.until_weight(25)
        # When
        world.act("pause")
        # Then
        status = world.until("it is paused", lambda s: s["reason"] == "PausedByPerson")
        time_passes(load, 900)
        assert world.status()["weights"] == status["weights"]
        # When
        world.deploy("tumour-v2", rollout={**ROLLOUT, "paused": True})
        world.act("resume")
        # Then
        world.until("it is frozen", lambda s: s["reason"] == "PausedBySpec")
        assert world.status()["weights"] == status["weights"]
        # When
        world.deploy("tumour-v2", rollout=ROLLOUT)
        # Then
        world.until_phase("Healthy", "v2")
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally


@both_modes
def test_a_person_goes_back_to_the_version_before(world: World) -> None:
    # Given
    world.serving("v1", replicas=2)
    with world.load() as load:
        world.release("v2")
        world.until_phase("Healthy", "v2")
        # When
        world.act("rollback")
        # Then
        world.until("v1 serves all", lambda s: s["stable"]["modelVersion"] == "tumour-v1" and "canary" not in s)
        status = world.until("and says for whom", lambda s: s["reason"] == "RolledBackByPerson")
        before = load.tally
        eventually("v1 answers all", lambda: load.tally.since(before).of("v1") > 300)
        tally = load.stop()
    assert status["reason"] == "RolledBackByPerson"
    assert "maria" in status["message"]
    assert (tally.lost, tally.failed()) == (0, 0), tally


@pytest.mark.parametrize("world", ["gateway"], indirect=True)
def test_a_shadow_is_judged_before_any_user_meets_it(world: World) -> None:
    # Given
    shadow = {"shadow": True, "for": "10s"}
    world.serving("v1", replicas=2, rollout={**ROLLOUT, "steps": [shadow, *STEPS]})
    with world.load() as load:
        # When
        world.release("v3")
        # Then
        status = world.until_phase("RolledBack", "v1")
        # When
        world.release("v2")
        # Then
        world.until_phase("Healthy", "v2")
        tally = load.stop()
    assert status["failed"]["reason"] == "CheckFailed"
    assert tally.of("v3") == 0
    assert tally.of("v2") > 0
    assert (tally.lost, tally.failed()) == (0, 0), tally


@both_modes
def test_load_scales_both_versions_while_one_takes_over_from_the_other(world: World) -> None:
    # Given a number of pods that an autoscaler takes over, and load for one more
    world.serving("v1", replicas=2)
    with world.load(rate=150) as load:
        world.deploy("tumour-v1", autoscaling={"min": 2, "max": 3, "cpu": 40})
        world.until("it serves on", lambda s: s["phase"] == "Healthy")
        eventually("load brings a third pod", lambda: _pods(world) == 3, world.describe)
        # When
        world.release("v2")
        world.until_weight(50)
        # Then stable keeps what its load had brought
        assert _pods(world, world.status()["stable"]["revision"]) == 3
        # When
        world.deploy("tumour-v2", autoscaling={"min": 3, "max": 4, "cpu": 95})
        # Then it is the same rollout
        status = world.until_phase("Healthy", "v2")
        v2 = status["stable"]["revision"]
        eventually("only v2 has pods, the least or more", lambda: _pods(world) == _pods(world, v2) >= 3, world.describe)
        tally = load.stop()
    assert status["stable"]["attempt"] == 1
    assert (tally.lost, tally.failed()) == (0, 0), tally
    assert [hpa["spec"]["minReplicas"] for hpa in world.items("hpa")] == [3]


@both_modes
def test_when_stable_loses_all_its_pods_the_canary_answers_and_is_not_promoted_for_it(world: World) -> None:
    # Given a canary, and a quota that lets no pod of stable come back
    patient = {**ROLLOUT, "steps": [{"weight": 50, "for": "1h"}], "progressDeadline": "3h"}
    world.serving("v1", replicas=2, rollout=patient)
    with world.load() as load:
        world.release("v2")
        world.until_weight(50)
        world.quota(0)
        # When
        world.delete_pods(world.status()["stable"]["revision"])
        # Then
        status = world.until("the canary answers", lambda s: s["reason"] == "StableUnavailable")
        assert status["stable"]["modelVersion"] == "tumour-v1"
        before = load.tally
        eventually("v2 answers all", lambda: load.tally.since(before).of("v2") > 300)
        # When
        world.quota(100)
        # Then
        world.until("stable is back", lambda s: s["reason"] == "Measuring")
        since = load.stop().since(before)
    assert (since.lost, since.failed()) == (0, 0), since
    assert "Promoted" not in world.reasons()


def _pods(world: World, revision: str = "") -> int:
    return len(world.items("pods", f"pilotage.dev/revision{f'={revision}' if revision else ''}"))
