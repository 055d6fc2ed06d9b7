"""Each kind of check finds the version that has its fault, and says what is responsible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests import models
from tests.e2e.conftest import both_modes
from tests.e2e.world import World, eventually


def _rolled_back(world: World, bad: str, **check: Any) -> dict[str, Any]:
    """The status after `bad` was taken back by `check`, with nothing lost and nothing failed on the way."""
    world.serving("v1", analysis={"interval": "5s", "checks": [check]})
    with world.load() as load:
        world.release(bad)
        status = world.until_phase("RolledBack", "v1")
        tally = load.stop()
    assert status["failed"]["reason"] == "CheckFailed"
    assert (tally.lost, tally.failed()) == (0, 0), tally
    assert tally.of(bad) > 0
    return status


@both_modes
def test_a_version_that_gives_one_class_too_often_is_rolled_back_and_the_class_is_named(world: World) -> None:
    status = _rolled_back(world, "alarmed", predictionShare={"maxRatio": 1.5, "minDifference": 0.05})
    assert "predictionShare" in status["message"]
    assert "output label, class" in status["message"]
    assert " of the canary's rows" in status["message"]


def test_a_version_whose_answers_are_distributed_otherwise_is_rolled_back_and_the_bin_is_named(world: World) -> None:
    status = _rolled_back(world, "alarmed", predictionDrift={"maxPSI": 0.2})
    assert "predictionDrift" in status["message"]
    assert "PSI of output label" in status["message"]
    assert " rows (" in status["message"]


def test_a_version_that_does_not_know_the_inputs_is_rolled_back_and_the_feature_is_named(world: World) -> None:
    status = _rolled_back(world, "narrow", inputQuality={"maxIncrease": 0.05})
    assert "inputQuality" in status["message"]
    assert "invalid values: feature " in status["message"]
    assert "; stable 0 of " in status["message"]


def test_a_query_of_the_platform_team_rolls_back(world: World) -> None:
    # Given
    world.tenant_queries = True
    world.install()
    rows = 'sum(rate(pilotage_predictions_total{revision="$canary"%s}[30s]))'
    malignant = ',class="0"'
    share = f"{rows % malignant} / {rows % ''}"
    # Then
    status = _rolled_back(world, "alarmed", query={"name": "malignant", "promql": share, "max": 0.7})
    assert "query-malignant" in status["message"]


def test_a_check_may_leave_the_decision_to_a_person(world: World) -> None:
    # Given
    check = {"predictionShare": {"maxRatio": 1.5, "minDifference": 0.05}, "onFail": "pause"}
    world.serving("v1", replicas=2, analysis={"interval": "5s", "checks": [check]})
    with world.load() as load:
        # When
        world.release("alarmed")
        # Then
        status = world.until_phase("Paused")
        assert status["reason"] == "CheckFailed"
        assert status["canary"]["weight"] > 0
        # When
        world.act("abort")
        # Then
        status = world.until_phase("RolledBack", "v1")
        tally = load.stop()
    assert status["failed"]["reason"] == "Aborted"
    assert (tally.lost, tally.failed()) == (0, 0), tally


def test_an_outage_that_hits_both_alike_takes_nothing_back(world: World, tmp_path: Path) -> None:
    # Given two versions that fail on rows with a gap, and rows without
    whole = models.live_bodies(tmp_path / "whole.jsonl", gaps=0.0)
    world.serving("v3", analysis={"interval": "5s", "checks": [{"errorRate": {"maxIncrease": 0.05}}]})
    with world.load(bodies=whole) as load:
        world.release("v4")
        world.until_weight(25)
        # When what they depend on is gone for a while
        with world.load() as outage:
            eventually("many have failed", lambda: outage.tally.failed() > 400, world.describe)
            seen = world.status()
            suffered = outage.stop()
        # Then
        assert seen["phase"] in ("Progressing", "Baking"), seen
        assert suffered.failed("v3") > 0
        assert suffered.failed("v4") > 0
        world.until_phase("Healthy", "v4")
        tally = load.stop()
    assert (tally.lost, tally.failed()) == (0, 0), tally
    assert "RolledBack" not in world.reasons()


def test_where_hardly_anybody_asks_the_rollout_holds_and_says_what_is_missing(world: World) -> None:
    # Given
    world.serving("v1", replicas=2, analysis={"interval": "5s", "checks": [{"errorRate": {"maxIncrease": 0.05}}]})
    with world.load(rate=1.0) as load:
        # When
        world.release("v2")
        # Then
        status = world.until("it says how many it has of how many", lambda s: "canary requests" in s["message"])
        assert status["phase"] == "Progressing"
        assert "of about" in status["message"]
        assert world.check("errorRate")["verdict"] == "unknown"
        few = load.stop()
    # When
    with world.load() as load:
        # Then
        world.until_phase("Healthy", "v2")
        tally = load.stop()
    assert (few.lost, few.failed(), tally.lost, tally.failed()) == (0, 0, 0, 0)
