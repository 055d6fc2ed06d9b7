"""Pods by load: each revision by itself, stable never below what it may have to take back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.rollout.given import MODE_IDS, MODES, break_pods, canary, revision_of, serving, share_of
from tests.unit.rollout.world import World

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)
SCALING = {"min": 2, "max": 8}


def bounds(world: World, version: str) -> tuple[int, int] | None:
    """Of the autoscaler of a version; None where it has none."""
    body = world.objects.get(("HorizontalPodAutoscaler", f"fraud-{revision_of(world, version)}"))
    return None if body is None else (body["spec"]["minReplicas"], body["spec"]["maxReplicas"])


def pods(world: World, version: str) -> int:
    return world.wanted().get(revision_of(world, version), 0)


def loaded(load: int, **given: Any) -> World:
    """v1 serves under a load that takes so many pods."""
    world = serving(autoscaling=SCALING, **given)
    world.load = load
    world.wait(30)
    return world


@both
def test_at_rest_the_autoscaler_decides_between_its_bounds(gateway: bool) -> None:
    world = loaded(5, gateway=gateway)
    assert (bounds(world, "v1"), pods(world, "v1")) == ((2, 8), 5)
    world.load = 1
    world.wait(30)
    assert pods(world, "v1") == 2
    assert world.is_("Healthy", "v1")


@both
def test_replicas_are_handed_over_without_a_dip_and_taken_back(gateway: bool) -> None:
    world = serving(gateway=gateway, replicas=6)
    world.load = 6
    world.spec["autoscaling"] = SCALING
    world.settle()
    assert (bounds(world, "v1"), pods(world, "v1")) == ((2, 8), 6)
    world.wait(30)
    assert pods(world, "v1") == 6
    del world.spec["autoscaling"]
    world.settle()
    assert (bounds(world, "v1"), pods(world, "v1")) == (None, 6)


@both
def test_stable_keeps_its_peak_until_the_bake_ends(gateway: bool) -> None:
    world = loaded(6, gateway=gateway)
    world.release("v2")
    world.until("Progressing", "v1", weight=50)
    assert bounds(world, "v1") == (6, 8)
    world.load = 2
    world.until("Baking", "v1", weight=95 if gateway else 100)
    world.wait(10)
    assert pods(world, "v1") == 6
    world.release("v1")
    world.settle()
    world.tick()
    assert (share_of(world, "v1"), world.ready(revision_of(world, "v1"))) == (1, 6)
    world.until("Healthy", "v1")
    world.wait(30)
    assert bounds(world, "v1") == (2, 8), "after the rollout it is free again"


@both
def test_a_peak_within_the_rollout_counts(gateway: bool) -> None:
    world = canary(gateway=gateway, autoscaling=SCALING, steps=[{"weight": 25, "for": "1h"}])
    world.load = 7
    world.wait(30)
    peak = pods(world, "v1")
    assert peak > 2
    world.load = 1
    world.wait(60)
    assert (pods(world, "v1"), bounds(world, "v1")) == (peak, (peak, 8))


def test_by_gateway_the_canary_has_at_least_the_pods_of_its_weight_and_more_under_load() -> None:
    world = loaded(6, gateway=True)
    world.release("v2", steps=[{"weight": 50, "for": "1h"}])
    world.until("Progressing", "v1", weight=50)
    assert bounds(world, "v2") == (3, 8)
    world.load = 12
    world.wait(30)
    assert pods(world, "v2") == 6


def test_by_replicas_the_canarys_pods_are_its_share_and_follow_stable() -> None:
    world = loaded(6, steps=[{"weight": 25, "for": "1h"}])
    world.release("v2", steps=[{"weight": 25, "for": "1h"}])
    world.until("Progressing", "v1", weight=25)
    assert (bounds(world, "v2"), pods(world, "v2")) == (None, 2)
    world.load = 12
    world.wait(60)
    assert pods(world, "v1") == 8
    assert pods(world, "v2") == 2


@both
def test_the_promoted_version_takes_over_with_as_many_pods(gateway: bool) -> None:
    world = loaded(6, gateway=gateway)
    world.release("v2")
    least = 6
    while not world.is_("Healthy", "v2"):
        world.wait(5)
        least = min(least, sum(world.ready(r) for r in world.shares()))
    assert least >= 6
    world.wait(120)
    assert (bounds(world, "v2"), pods(world, "v2")) == ((2, 8), 6)
    assert [name for kind, name in world.objects if kind == "HorizontalPodAutoscaler"] == [
        f"fraud-{revision_of(world, 'v2')}"
    ]


@both
@pytest.mark.parametrize("scaling", [None, {"min": 1, "max": 3}, {"min": 7, "max": 9}])
def test_autoscaling_edited_while_a_canary_runs(scaling: dict[str, int] | None, gateway: bool) -> None:
    world = canary(gateway=gateway, autoscaling=SCALING)
    world.load = 4
    if scaling is None:
        del world.spec["autoscaling"]
    else:
        world.spec["autoscaling"] = scaling
    world.until("Healthy", "v2")
    world.wait(120)
    assert pods(world, "v2") == (4 if scaling is None else min(scaling["max"], max(scaling["min"], 4)))


def test_a_canary_that_fails_does_not_take_stables_pods_with_it() -> None:
    world = loaded(6, gateway=True)
    world.release("v2", "errors")
    world.until("RolledBack", "v1")
    assert pods(world, "v1") == 6


def test_a_deployment_that_was_deleted_comes_back_with_its_peak() -> None:
    world = canary(gateway=True, autoscaling=SCALING, steps=[{"weight": 25, "for": "1h"}])
    world.load = 8
    world.wait(30)
    peak = pods(world, "v1")
    break_pods(world, "v1")
    del world.objects["Deployment", f"fraud-{revision_of(world, 'v1')}"]
    world.look()
    assert pods(world, "v1") == peak
