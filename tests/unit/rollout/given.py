"""Worlds to begin a test in."""

from __future__ import annotations

from typing import Any

from pilotage_operator.domain.rollout.decide import RULES
from pilotage_operator.domain.rollout.decision import Decision, Situation
from tests.unit.rollout.world import World

MODES = (False, True)
MODE_IDS = ("by replicas", "by gateway")


def serving(
    *, gateway: bool = False, replicas: int = 4, autoscaling: dict[str, int] | None = None, **rollout: Any
) -> World:
    """v1 serves."""
    world = World(gateway=gateway)
    world.spec["replicas"] = replicas
    if autoscaling is not None:
        world.spec["autoscaling"] = autoscaling
    world.spec["rollout"] |= rollout
    return world.serving("v1")


def canary(nature: str = "good", *, weight: int = 25, **given: Any) -> World:
    """v2 is on its way, and was just given this weight."""
    world = serving(**given)
    world.release("v2", nature)
    world.until("Progressing", "v1", weight=weight)
    return world


def baking(*, gateway: bool = False, **rollout: Any) -> World:
    """v2 has the traffic, v1 is warm."""
    world = serving(gateway=gateway, **rollout)
    world.release("v2")
    world.until("Baking", "v1", weight=95 if gateway else 100)
    return world


def rolled_back(nature: str = "errors", *, gateway: bool = False) -> World:
    """v2 has failed and is gone; v1 serves."""
    world = serving(gateway=gateway)
    world.release("v2", nature)
    world.until("RolledBack", "v1")
    world.wait(60)
    return world


def deciding(world: World) -> tuple[str, Decision]:
    """The rule that decides, and what it says."""
    situation = world.situation()[0]
    return next((rule.__name__, decision) for rule in RULES if (decision := rule(situation)) is not None)


def now(world: World) -> Situation:
    return world.situation()[0]


def break_pods(world: World, version: str, *, all_but: int = 0) -> World:
    """Pods of a version stop being ready, at once."""
    revision = next(r.name for r in world.revisions.values() if r.model_version == version)
    pods = world.pods[revision]
    for pod in pods[: len(pods) - all_but]:
        pod.broken = True
        pod.ready = False
    selected = world.selected()
    world.endpoints = {r: world.ready(r) for r in world.pods if world.ready(r) and selected in ("", r)}
    return world


def revision_of(world: World, version: str) -> str:
    return next(r.name for r in world.revisions.values() if r.model_version == version)


def share_of(world: World, version: str) -> float:
    return world.shares().get(revision_of(world, version), 0.0)
