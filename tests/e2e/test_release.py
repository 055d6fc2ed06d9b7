"""A good version on its way to all of the traffic."""

from __future__ import annotations

from tests.e2e.conftest import both_modes, by_gateway
from tests.e2e.world import World, eventually, kubectl


def test_the_first_version_is_installed(world: World) -> None:
    # When
    world.release("v1")
    # Then
    status = world.until_phase("Healthy", "v1")
    assert status["weights"] == "100/0"
    assert "canary" not in status
    with world.load() as load:
        eventually("answers", lambda: load.tally.of("v1") > 100)
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0)
    assert world.get("mdeploy")["metadata"].get("finalizers") is None


@both_modes
def test_a_good_version_is_promoted(world: World) -> None:
    # Given
    world.serving("v1")
    with world.load() as load:
        # When
        world.release("v2")
        # Then
        world.until_phase("Healthy", "v2")
        before = load.tally
        eventually("v2 answers all", lambda: load.tally.since(before).of("v2") > 100)
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally
    assert tally.of("v1") > 0
    eventually("the old version's pods are gone", lambda: len(world.items("deploy", "pilotage.dev/revision")) == 1)
    told = world.reasons()
    assert {"Installed", "Started", "WeightChanged", "StepDone", "Promoted"} <= set(told)
    assert "RolledBack" not in told


@by_gateway
def test_calls_by_grpc_follow_the_same_weights(world: World) -> None:
    # Given
    world.serving("v1")
    with world.calls() as calls:
        eventually("answers", lambda: calls.answered["v1"] > 50)
        # When
        world.release("v2")
        # Then
        world.until_weight(25)
        eventually("v2 answers some", lambda: calls.answered["v2"] > 0)
        world.until_phase("Healthy", "v2")
        eventually("the old version's pods are gone", lambda: len(world.items("deploy", "pilotage.dev/revision")) == 1)
        before = calls.answered["v2"]
        eventually("v2 answers all", lambda: calls.answered["v2"] > before + 100)
        calls.stop()
    assert calls.failed == []
    assert set(calls.answered) == {"v1", "v2"}


def test_a_third_version_takes_the_place_of_the_second(world: World) -> None:
    # Given
    world.serving("v1", replicas=2)
    with world.load() as load:
        world.release("slow")
        world.until_weight(25)
        # When
        world.release("v2")
        # Then
        status = world.until("v2 is on its way", lambda s: (s.get("canary") or {}).get("modelVersion") == "tumour-v2")
        assert status["stable"]["modelVersion"] == "tumour-v1"
        world.until_phase("Healthy", "v2")
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally
    assert "Superseded" in world.reasons()


def test_a_deleted_version_serves_on_and_can_be_returned_to(world: World) -> None:
    # Given
    world.serving("v1", replicas=2)
    with world.load() as load:
        # When
        kubectl("delete", "mv", "-n", world.namespace, "tumour-v1")
        world.release("v2")
        world.until_weight(25)
        world.deploy("tumour-v1")
        # Then
        world.until_phase("Healthy", "v1")
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally
