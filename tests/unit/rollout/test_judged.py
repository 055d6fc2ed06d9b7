"""What the real judges say of a version becomes a rollback, a pause or a word in the status, and says where it comes
from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.rollout.given import MODE_IDS, MODES, baking, canary, serving
from tests.unit.rollout.world import World

both = pytest.mark.parametrize("gateway", MODES, ids=MODE_IDS)
FAULTS = [
    pytest.param("errors", {"errorRate": {}}, "the canary's answers are server errors, 0 % of stable's", id="errors"),
    pytest.param("slow", {"latency": {}}, "p95 of the canary is about", id="slow answers"),
    pytest.param("skewed", {"predictionShare": {}}, "output label, class 1: 20 % of the canary's rows", id="a class"),
    pytest.param("skewed", {"predictionDrift": {"maxPSI": 0.05}}, "PSI of output label", id="a drift"),
    pytest.param(
        "confused", {"inputQuality": {}}, "feature country, a category unknown to v2; stable 0 of 0", id="a feature"
    ),
]


def judged(nature: str, check: dict[str, Any], *, on_fail: str = "rollback", **given: Any) -> World:
    """v2 gets its first weight, under one check."""
    world = serving(**given)
    world.spec["analysis"]["checks"] = [{**check, "onFail": on_fail}]
    world.release("v2", nature)
    world.until("Progressing", "v1", weight=25)
    return world


def checks(world: World) -> list[dict[str, Any]]:
    return list((world.status or {})["checks"])


@both
@pytest.mark.parametrize(("nature", "check", "says"), FAULTS)
def test_each_kind_of_check_takes_a_version_back_and_names_what_is_wrong(
    nature: str, check: dict[str, Any], says: str, gateway: bool
) -> None:
    world = judged(nature, check, gateway=gateway)
    world.until("RolledBack", "v1", weight=0, limit=90)
    told = next(happening.message for happening in world.told if happening.reason == "RolledBack")
    (kept,) = checks(world)
    assert says in told
    assert says in (world.status or {})["message"]
    assert (kept["verdict"], says in kept["message"]) == ("fail", True)
    assert all(kept[field] for field in ("figure", "limit", "evidence", "interval"))


@pytest.mark.parametrize(("nature", "check", "says"), FAULTS)
def test_a_check_that_only_pauses_waits_for_a_person(nature: str, check: dict[str, Any], says: str) -> None:
    world = judged(nature, check, on_fail="pause")
    world.until("Paused", "v1", weight=25, limit=90)
    assert (world.status or {})["reason"] == "CheckFailed"
    assert says in (world.status or {})["message"]


@pytest.mark.parametrize(("nature", "check", "says"), FAULTS)
def test_a_check_that_only_observes_says_so_and_holds_nothing(nature: str, check: dict[str, Any], says: str) -> None:
    world = judged(nature, check, on_fail="observe")
    while checks(world)[0]["verdict"] != "fail":
        assert world.is_("Progressing", "v1", 25)
        world.wait(5)
    assert (checks(world)[0]["onFail"], says in checks(world)[0]["message"]) == ("observe", True)
    world.until("Healthy", "v2")


@pytest.mark.parametrize(("nature", "check", "says"), FAULTS)
def test_a_shadow_is_judged_by_the_same_checks(nature: str, check: dict[str, Any], says: str) -> None:
    world = serving(gateway=True, steps=[{"shadow": True, "for": "10m"}, {"weight": 50, "for": "10s"}])
    world.spec["analysis"]["checks"] = [check]
    world.release("v2", nature)
    world.until("RolledBack", "v1", limit=120)
    assert says in (world.status or {})["message"]
    assert not any("is to get 50 %" in happening.message for happening in world.told)


@pytest.mark.parametrize(("nature", "check", "says"), FAULTS)
def test_the_bake_is_judged_by_the_same_checks_against_the_holdback(
    nature: str, check: dict[str, Any], says: str
) -> None:
    world = serving(gateway=True, bake={"for": "1h", "holdback": 5})
    world.spec["analysis"]["checks"] = [check]
    world.release("v2")
    world.until("Baking", "v1", weight=95)
    world.nature["v2"] = nature
    world.until("RolledBack", "v1", limit=300)
    assert "CheckFailed" in (world.status or {})["reason"]


@both
def test_an_outage_that_hits_both_alike_rolls_nothing_back(gateway: bool) -> None:
    world = canary(gateway=gateway)
    world.measured.outage = True
    world.wait(300)
    assert world.is_("Progressing", "v1")
    world.measured.outage = False
    world.until("Healthy", "v2")


def test_where_the_canary_has_all_the_traffic_only_its_pods_count_and_the_message_says_so() -> None:
    world = serving(gateway=True, steps=[{"weight": 100, "for": "30s"}])
    world.release("v2")
    world.until("Progressing", "v1", weight=100)
    world.wait(20)
    assert "without a control group, so that only the pods' health counts" in (world.status or {})["message"]
    world.until("Healthy", "v2")


def test_a_query_decides_also_where_nobody_is_left_to_compare_with() -> None:
    world = serving(bake={"for": "1h"})
    world.measured.figures = [20.0]
    world.spec["analysis"]["checks"] = [{"query": {"name": "revenue", "promql": "sum(revenue)", "min": 10}}]
    world.release("v2")
    world.until("Baking", "v1", weight=100)
    world.wait(20)
    assert "only the pods' health and queries count" in (world.status or {})["message"]
    world.measured.figures = [5.0]
    world.until("RolledBack", "v1", weight=0)
    assert "query-revenue: 5, beyond at least 10" in (world.status or {})["message"]


@pytest.mark.parametrize("figures", [[], [1.0, 2.0], [None]], ids=["no series", "a second series", "no number"])
def test_a_query_without_one_number_holds(figures: list[float | None]) -> None:
    world = serving()
    world.measured.figures = figures
    world.spec["analysis"]["checks"] = [{"query": {"name": "revenue", "promql": "revenue", "min": 1}}]
    world.release("v2")
    world.until("Progressing", "v1", weight=25)
    world.wait(120)
    assert world.is_("Progressing", "v1", 25)
    assert "query-revenue unknown" in (world.status or {})["message"]


def test_little_traffic_holds_and_says_what_is_missing_and_until_when() -> None:
    world = serving()
    world.measured.per_second = 2
    world.release("v2", steps=[{"weight": 25, "for": "10s"}])
    world.until("Progressing", "v1", weight=25)
    world.wait(200)
    errors = checks(world)[0]
    assert errors["verdict"] == "unknown"
    assert "canary requests" in errors["message"]
    assert f"enough at about {errors['eta']}" in (world.status or {})["message"]
    assert world.is_("Progressing", "v1", 25)


def test_if_time_may_decide_little_traffic_does_not_hold() -> None:
    world = baking(onLowTraffic="advance")
    world.until("Healthy", "v2")


def test_another_operator_comes_to_the_same_verdicts() -> None:
    world = canary("slow")
    world.wait(15)
    before = world.situation()[0].seen.metrics.findings
    world.measured.restart()
    assert world.situation()[0].seen.metrics.findings == before
