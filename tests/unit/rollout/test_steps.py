"""A canary's steps: capacity first, one weight at a time, each confirmed and measured."""

from __future__ import annotations

import pytest

from tests.unit.rollout.given import MODE_IDS, MODES, baking, canary, revision_of, serving

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)


@pytest.mark.parametrize(
    ("gateway", "replicas", "weight", "pods"),
    [
        pytest.param(False, 3, 5, 1, id="three replicas cannot give 5 %, the least is one pod"),
        pytest.param(False, 8, 20, 2, id="eight replicas give 20 % with two pods"),
        pytest.param(False, 4, 80, 4, id="above 50 % by replicas all are needed"),
        pytest.param(True, 3, 5, 2, id="a gateway needs two pods where stable has two or more"),
        pytest.param(True, 1, 5, 1, id="a gateway needs one pod where stable has one"),
        pytest.param(True, 10, 35, 4, id="a gateway's share of the load"),
    ],
)
def test_the_pods_of_a_weight_are_ready_before_it_is_written(
    gateway: bool, replicas: int, weight: int, pods: int
) -> None:
    world = canary(gateway=gateway, replicas=replicas, weight=weight, steps=[{"weight": weight, "for": "30s"}])
    assert world.wanted()[revision_of(world, "v2")] == pods
    assert world.ready(revision_of(world, "v2")) == pods


def test_a_share_that_replicas_cannot_give_is_said() -> None:
    world = canary(replicas=3, weight=5, steps=[{"weight": 5, "for": "30s"}])
    assert world.status
    said = next(c for c in world.status["conditions"] if c["type"] == "WeightApproximate")
    assert (said["status"], said["message"]) == ("True", "5 % is asked for; 1 of 4 pods give 25 %")


def test_while_the_gateway_has_not_taken_the_weight_the_clock_stands_still() -> None:
    world = canary(gateway=True)
    for _ in range(30):
        world.now += 5
        world.settle()
    assert world.status
    assert world.status["canary"]["measuredSeconds"] == 0
    assert world.status["reason"] == "WaitingForTraffic"


def test_while_another_share_is_seen_than_asked_for_the_clock_stands_still() -> None:
    world = canary(gateway=True)
    world.really = {revision_of(world, "v1"): 50, revision_of(world, "v2"): 50}
    world.wait(60)
    assert world.status
    assert world.status["reason"] == "WaitingForTraffic"
    assert world.status["canary"]["measuredSeconds"] == 0
    assert "was seen to get" in world.status["message"]
    world.really = None
    world.until("Healthy", "v2")


@both
def test_without_metrics_it_holds_and_the_clock_stands_still(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.wait(15)
    before = (world.status or {})["canary"]
    world.measured.up = False
    world.wait(600)
    assert world.status
    assert (world.status["phase"], world.status["reason"]) == ("Progressing", "MetricsUnavailable")
    assert world.status["canary"]["measuredSeconds"] == before["measuredSeconds"]
    assert world.status["canary"]["weight"] == 25
    world.measured.up = True
    world.until("Healthy", "v2")


def test_a_gap_in_the_metrics_does_not_count_however_short_it_is() -> None:
    world = canary()
    world.wait(15)
    measured = (world.status or {})["canary"]["measuredSeconds"]
    world.measured.up = False
    world.wait(10)
    world.measured.up = True
    world.settle()
    assert (world.status or {})["canary"]["measuredSeconds"] == measured
    world.wait(5)
    assert (world.status or {})["canary"]["measuredSeconds"] == measured + 5


def test_a_step_needs_its_checks_to_pass_however_long_it_takes() -> None:
    world = canary(gateway=True)
    world.measured.traffic = False
    world.wait(1200)
    assert world.is_("Progressing", "v1", 25)
    world.measured.traffic = True
    world.until("Healthy", "v2")


def test_a_step_needs_its_time_however_soon_its_checks_pass() -> None:
    world = canary(steps=[{"weight": 25, "for": "10m"}])
    world.wait(590)
    assert world.is_("Progressing", "v1", 25)


def test_on_low_traffic_advance_lets_time_decide() -> None:
    world = canary(onLowTraffic="advance")
    world.measured.traffic = False
    world.until("Healthy", "v2", limit=300)


def test_a_check_that_only_observes_holds_nothing() -> None:
    world = serving()
    world.spec["analysis"]["checks"] = [{"errorRate": {}, "onFail": "observe"}]
    world.release("v2", "errors")
    world.until("Healthy", "v2")


@pytest.mark.parametrize(
    ("steps", "weight"), [([{"weight": 10, "for": "10s"}], 10), ([], 0)], ids=["one step", "straight to the bake"]
)
def test_the_bake_with_a_gateway_keeps_a_control_group(steps: list[dict[str, object]], weight: int) -> None:
    world = serving(gateway=True, steps=steps)
    world.release("v2")
    world.until("Baking", "v1", weight=weight)
    assert world.selected() == revision_of(world, "v1"), (
        "the bake's pods come first, for callers inside the cluster too"
    )
    world.until("Baking", "v1", weight=95)
    assert world.selected() == revision_of(world, "v2")
    assert world.routed() == {revision_of(world, "v1"): 5, revision_of(world, "v2"): 95}


def test_the_bake_by_replicas_has_no_control_group_and_needs_no_metrics() -> None:
    world = baking()
    world.measured.up = False
    world.until("Healthy", "v2")
