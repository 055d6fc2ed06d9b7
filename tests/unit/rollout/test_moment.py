"""A weight that is judged is written so that it has settled just as an interval begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pilotage_operator.control.measure import LAG
from pilotage_operator.domain.rollout.decision import Situation
from pilotage_operator.domain.rollout.moment import moment
from tests.unit.rollout.given import MODE_IDS, MODES, break_pods, deciding, now, serving
from tests.unit.rollout.world import World

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)
PHASES = [0.0, 0.7, 1.9, 3.2, 3.8, 4.4]  # of the instants, in seconds: when a version is asked for


def live(world: World, until: Callable[[], bool], *, late: float = 0.2, scrape: float = 5.0) -> None:
    """Passes come when they were asked for, so many seconds late, while scrapes go on in a rhythm of their own."""
    for _ in range(400):
        again = world.settle().again
        if until():
            return
        wake = world.now + (5.0 if again is None else again) + late
        while (scraped := (world.measured.last // scrape + 1) * scrape) <= wake:
            world.tick(scraped - world.now)
        world.advance(wake - world.now)
    raise AssertionError(f"it never is so: {world.status}")


def asked(phase: float = 0.0, nature: str = "good", *, scrape: float = 5.0, **given: Any) -> World:
    """v1 serves and is scraped in this rhythm, and v2 is asked for."""
    world = serving(**given)
    world.spec["analysis"]["interval"] = f"{4 * scrape if scrape > 5 else 5:.0f}s"
    world.tick(-world.now % 60)
    for _ in range(20):
        world.tick(scrape)
    world.advance(phase)
    world.release("v2", nature)
    return world


def waiting(world: World, scrape: float = 5.0) -> World:
    live(world, lambda: "is to get" in str((world.status or {})["message"]), late=0.0, scrape=scrape)
    return world


def has(world: World, weight: int) -> Callable[[], bool]:
    return lambda: ((world.status or {}).get("canary") or {}).get("weight") == weight


def slack(world: World, scrape: float = 5.0, interval: float = 5.0) -> float:
    """Seconds between a weight that has just been written has settled, and the next interval's begin."""
    assert world.status
    assert world.status["canary"].get("weightAt") is None
    return -(world.now + LAG + scrape) % interval


@both
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("late", [0.0, 0.3, 0.9])
def test_whenever_its_pods_are_ready_it_has_settled_as_an_interval_begins(
    late: float, phase: float, gateway: bool
) -> None:
    world = asked(phase, gateway=gateway)
    for weight in (25, 50):
        live(world, has(world, weight), late=late)
        assert slack(world) <= 1.0


@pytest.mark.parametrize("phase", [0.0, 13.0, 29.0, 47.0])
def test_with_a_long_interval_it_waits_longer_and_says_until_when(phase: float) -> None:
    world = waiting(asked(phase, scrape=15.0), scrape=15.0)
    assert world.status
    assert (world.is_("Progressing", "v1", 0), world.status["reason"]) == (True, "WaitingForTraffic")
    at = world.status["canary"]["weightAt"]
    assert f"v1 serves all: v2 is to get 25 % at {at[11:19]} UTC, so that its first" in world.status["message"]
    began = world.now
    live(world, has(world, 25), scrape=15.0)
    assert world.now - began <= 60.0
    assert slack(world, 15.0, 60.0) <= 3.0


@pytest.mark.parametrize("late", [1.3, 2.5, 4.0, 5.0, 7.0])
def test_passes_that_always_come_too_late_for_it_write_all_the_same(late: float) -> None:
    world = waiting(asked(1.9))
    began = world.now
    live(world, has(world, 25), late=late)
    assert world.now - began <= 5.0 + late


def test_a_version_that_fails_is_found_as_soon_after_its_weight_whenever_that_was() -> None:
    took = []
    for phase in PHASES:
        world = asked(phase, "errors")
        live(world, has(world, 25))
        written = world.now
        live(world, lambda world=world: world.is_("RolledBack"))  # type: ignore[misc]
        took.append(world.now - written)
    assert max(took) - min(took) <= 1.2, took
    assert max(took) <= 23.0, took


def test_a_copy_waits_for_it_too() -> None:
    world = waiting(asked(1.9, gateway=True, steps=[{"shadow": True, "for": "1m"}]))
    assert "is to get a copy of all requests at" in (world.status or {})["message"]
    live(world, lambda: bool(world.mirrored()))
    assert slack(world) <= 1.0


def stepping(**given: Any) -> World:
    """v2 has 25 %, and 50 % waits for its moment."""
    world = asked(1.9, gateway=True, **given)
    live(world, has(world, 25))
    world.tick(-world.now % 5)
    world.advance(0.5)
    world.ask("skip")
    return waiting(world)


def test_a_step_that_a_person_skips_to_waits_for_it_and_the_weight_before_is_judged_meanwhile() -> None:
    world = stepping(steps=[{"weight": 25, "for": "20m"}, {"weight": 50, "for": "20m"}])
    assert (world.status or {})["message"].startswith("v1 serves 75 %, v2 25 %: v2 is to get 50 % at")
    metrics, (_, decision) = now(world).seen.metrics, deciding(world)
    assert metrics.next_at is not None
    assert decision.again is not None
    assert decision.again <= max(metrics.next_at - world.now, 0.2)
    live(world, has(world, 50))
    assert slack(world) <= 1.0


def measuring(s: Situation, **changes: Any) -> Situation:
    return replace(s, seen=replace(s.seen, metrics=replace(s.seen.metrics, **changes)))


@pytest.mark.parametrize(
    ("weight", "change"),
    [
        pytest.param(10, lambda s: s, id="a lower weight"),
        pytest.param(0, lambda s: s, id="none"),
        pytest.param(50, lambda s: measuring(s, available=False), id="metrics that are away"),
        pytest.param(50, lambda s: measuring(s, write_at=None), id="an instant that is not known"),
    ],
)
def test_nothing_is_waited_for_with(weight: int, change: Callable[[Situation], Situation]) -> None:
    s = now(stepping())
    assert moment(s, 50, False) is not None
    assert moment(change(s), weight, False) is None


def test_nothing_is_waited_for_while_stable_is_down() -> None:
    world = stepping()
    assert moment(now(break_pods(world, "v1")), 50, False) is None


def checks_removed(world: World) -> None:
    world.spec["analysis"]["checks"] = []


@pytest.mark.parametrize(
    ("weight", "happens"),
    [
        pytest.param(95, lambda world: world.ask("promote"), id="a person promotes"),
        pytest.param(50, checks_removed, id="nothing is checked"),
        pytest.param(50, lambda world: setattr(world.measured, "up", False), id="Prometheus is away"),
        pytest.param(
            100, lambda world: world.release("v2", steps=[{"weight": 25}, {"weight": 100}]), id="it is to get all"
        ),
        pytest.param(
            10, lambda world: world.release("v2", steps=[{"weight": 5}, {"weight": 10}]), id="it is to get less"
        ),
        pytest.param(0, lambda world: world.ask("abort"), id="a person aborts"),
        pytest.param(0, lambda world: world.ask("rollback"), id="a person goes back"),
    ],
)
def test_what_is_written_at_once(weight: int, happens: Callable[[World], object]) -> None:
    world = stepping(replicas=1)
    happens(world)
    world.settle()
    canary = (world.status or {}).get("canary") or {}
    assert canary.get("weight", 0) == weight
    assert canary.get("weightAt") is None


def test_a_person_who_goes_back_waits_for_no_moment() -> None:
    world = asked(1.9)
    live(world, lambda: world.is_("Healthy", "v2"))
    world.ask("rollback")
    live(world, lambda: world.is_("RolledBack", "v1", 0), late=0.0)
    assert not any("is to get 100 % at" in happening.message for happening in world.told)
