"""Shares as the state asks for them, and when they are in force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage_operator.api.deploymentstatus import Phase
from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.domain.rollout.seen import Metrics, Root, Route, Seen, Target, Workload
from pilotage_operator.domain.rollout.state import Canary, Failure, Pause, Reason, Stable, State
from pilotage_operator.domain.rollout.traffic import (
    Desired,
    canary_pods,
    desired,
    in_traffic,
    pods_for,
    share_unconfirmed,
    step_weight,
    unconfirmed,
)

STEPS = [{"weight": 10}, {"approval": True}, {"weight": 50}]


def spec(*, gateway: bool = False, replicas: int = 4, **rollout: Any) -> ModelDeploymentSpec:
    traffic = {"traffic": {"parentRefs": [{"name": "public"}]}} if gateway else {}
    given = {"modelVersion": "v2", "replicas": replicas, "rollout": {"steps": STEPS} | rollout, **traffic}
    return ModelDeploymentSpec.model_validate(given)


def state(weight: int | None = None, step: int = 0) -> State:
    canary = None if weight is None else Canary("r2", "v2", 1, 0.0, step=step, weight=weight)
    return State(Phase.PROGRESSING, stable=Stable("r1", "v1", 0.0), canary=canary)


def seen(stable: int = 4, canary: int = 4, root: Root | None = None, route: Route | None = None) -> Seen:
    workloads = {"r1": Workload("r1", "v1", 4, stable), "r2": Workload("r2", "v2", canary, canary)}
    return Seen(Target("r2", "v2"), workloads, root, route)


@pytest.mark.parametrize(
    ("weight", "replicas", "gateway", "pods"),
    [
        (5, 3, False, 1),
        (20, 8, False, 2),
        (25, 4, False, 1),
        (50, 4, False, 4),
        (60, 4, False, 4),
        (100, 4, False, 4),
        (0, 4, False, 0),
        (5, 3, True, 2),
        (5, 1, True, 1),
        (34, 10, True, 4),
        (100, 4, True, 4),
        (0, 4, True, 0),
    ],
)
def test_pods_for_a_weight(weight: int, replicas: int, gateway: bool, pods: int) -> None:
    assert pods_for(weight, replicas, gateway=gateway) == pods


@given(weight=st.integers(1, 99), replicas=st.integers(1, 1000))
def test_by_replicas_the_share_is_the_largest_that_is_not_above_the_weight(weight: int, replicas: int) -> None:
    pods = pods_for(weight, replicas, gateway=False)
    assert 1 <= pods <= replicas
    assert pods == 1 or 100 * pods <= weight * (replicas + pods)
    assert pods == replicas or 100 * (pods + 1) > weight * (replicas + pods + 1)


@given(low=st.integers(1, 100), high=st.integers(1, 100), replicas=st.integers(1, 100), gateway=st.booleans())
def test_more_weight_never_needs_fewer_pods(low: int, high: int, replicas: int, gateway: bool) -> None:
    low, high = sorted((low, high))
    assert pods_for(low, replicas, gateway=gateway) <= pods_for(high, replicas, gateway=gateway)


@pytest.mark.parametrize(
    ("step", "gateway", "weight"),
    [
        pytest.param(0, True, 10, id="the step's own"),
        pytest.param(1, True, 10, id="an approval keeps the one before"),
        pytest.param(2, True, 50, id="the next one"),
        pytest.param(3, True, 95, id="the bake with a gateway leaves the holdback"),
        pytest.param(3, False, 100, id="the bake by replicas has it all"),
    ],
)
def test_the_weight_of_a_step(step: int, gateway: bool, weight: int) -> None:
    assert step_weight(spec(gateway=gateway), Canary("r2", "v2", 1, 0.0, step=step)) == weight


STABLE_ONLY = Desired("r1", {"r1": 100})


@pytest.mark.parametrize(
    ("gateway", "of", "what", "want"),
    [
        pytest.param(True, State(), seen(), None, id="nothing is stable yet"),
        pytest.param(True, state(), seen(), STABLE_ONLY, id="no canary"),
        pytest.param(False, state(0), seen(), STABLE_ONLY, id="a canary without weight"),
        pytest.param(False, state(10), seen(), Desired("", {}), id="by replicas the Service selects both"),
        pytest.param(False, state(100, 3), seen(), Desired("r2", {}), id="by replicas the bake selects the canary"),
        pytest.param(True, state(10), seen(), Desired("r1", {"r1": 90, "r2": 10}), id="the gateway divides"),
        pytest.param(True, state(50, 3), seen(), Desired("r1", {"r1": 50, "r2": 50}), id="the bake is not written yet"),
        pytest.param(True, state(95, 3), seen(), Desired("r2", {"r1": 5, "r2": 95}), id="the bake with a holdback"),
        pytest.param(
            True, state(90, 3), seen(), Desired("r2", {"r1": 10, "r2": 90}), id="a holdback edited in the bake"
        ),
        pytest.param(True, state(100, 3), seen(), Desired("r2", {"r2": 100}), id="no weight of 0 is written"),
        pytest.param(True, state(10), seen(canary=0), STABLE_ONLY, id="a canary without pods gets nothing"),
        pytest.param(False, state(100, 3), seen(canary=0), STABLE_ONLY, id="nor in the bake by replicas"),
        pytest.param(True, state(10), seen(stable=0), Desired("r2", {"r2": 100}), id="the canary answers for stable"),
        pytest.param(False, state(10), seen(stable=0), Desired("", {}), id="and so it does by replicas, by itself"),
        pytest.param(True, state(10), seen(0, 0), Desired("r1", {"r1": 90, "r2": 10}), id="both are down"),
    ],
)
def test_the_shares_that_a_state_asks_for(gateway: bool, of: State, what: Seen, want: Desired | None) -> None:
    assert desired(spec(gateway=gateway), of, what) == want


ALONE = Root("r1", {"r1": 4})
DIVIDED = {"r1": 90, "r2": 10}


@pytest.mark.parametrize(
    ("gateway", "root", "route", "missing"),
    [
        pytest.param(False, None, None, "the Service does not exist", id="no Service"),
        pytest.param(False, Root("", {"r1": 4}), None, "does not select as asked", id="another selector"),
        pytest.param(
            False, Root("r1", {"r1": 4, "r2": 1}), None, "still has endpoints of revision r2", id="endpoints of before"
        ),
        pytest.param(False, ALONE, None, "", id="in force"),
        pytest.param(False, ALONE, Route({"r1": 100}, True), "is not gone yet", id="a route that nobody asks for"),
        pytest.param(True, ALONE, None, "the HTTPRoute does not exist", id="no route"),
        pytest.param(True, ALONE, Route({"r1": 100}, True), "does not have the weights", id="other weights"),
        pytest.param(
            True, ALONE, Route(DIVIDED, False, "refused: no such port"), "refused: no such port", id="refused"
        ),
        pytest.param(True, ALONE, Route(DIVIDED, False), "has not accepted", id="not accepted yet"),
        pytest.param(True, ALONE, Route(DIVIDED, True), "", id="accepted"),
    ],
)
def test_what_is_missing_until_shares_are_in_force(
    gateway: bool, root: Root | None, route: Route | None, missing: str
) -> None:
    want = Desired("r1", DIVIDED if gateway else {})
    said = unconfirmed(want, seen(root=root, route=route), gateway)
    assert missing in said if missing else said == ""


@pytest.mark.parametrize(
    ("gateway", "canary", "stable", "after", "said"),
    [
        pytest.param(True, 100, 900, 60, "", id="the share that was asked for"),
        pytest.param(True, 500, 500, 60, "was seen to get 50.0 % of 1000 requests, not 10 %", id="another share"),
        pytest.param(True, 0, 0, 10, "no request was seen", id="no request yet"),
        pytest.param(True, 0, 0, 15, "", id="no traffic for 15 s: the route's word is enough"),
        pytest.param(False, 500, 500, 60, "", id="by replicas connections are balanced, not requests"),
    ],
)
def test_whether_the_share_bears_out_the_weight(
    gateway: bool, canary: int, stable: int, after: float, said: str
) -> None:
    asked = Canary("r2", "v2", 1, 0.0, weight=10, weight_since=1000.0)
    metrics = Metrics(True, canary_requests=canary, stable_requests=stable)
    found = share_unconfirmed(asked, metrics, gateway, 1000.0 + after)
    assert said in found if said else found == ""


@pytest.mark.parametrize(
    ("what", "reached"),
    [
        pytest.param(seen(root=Root("r1", {"r2": 1})), True, id="endpoints have not followed"),
        pytest.param(seen(root=Root("", {})), True, id="endpoints will follow"),
        pytest.param(seen(canary=0, root=Root("", {})), False, id="selected without pods"),
        pytest.param(seen(root=ALONE, route=Route({"r2": 1}, False)), True, id="the route names it"),
        pytest.param(seen(root=ALONE, route=Route({"r1": 100}, True)), False, id="neither names it"),
        pytest.param(seen(), False, id="there is no Service"),
    ],
)
def test_whether_requests_may_reach_a_revision(what: Seen, reached: bool) -> None:
    assert in_traffic("r2", what) is reached


@pytest.mark.parametrize(
    ("weight", "target", "failed", "paused", "pods"),
    [
        pytest.param(10, "r2", False, None, 1, id="those of its weight"),
        pytest.param(0, "r2", False, None, 1, id="those of its first step"),
        pytest.param(0, "r1", False, None, 3, id="it is withdrawn: as many as it has"),
        pytest.param(0, "r2", True, None, 3, id="it has failed: as many as it has"),
        pytest.param(10, "r2", False, Reason.STATUS_LOST, 3, id="the status was lost: as they were found"),
        pytest.param(50, "r2", False, Reason.PAUSED_BY_PERSON, 4, id="it is paused: those of its weight"),
    ],
)
def test_the_pods_that_a_canary_is_to_have(
    weight: int, target: str, failed: bool, paused: Reason | None, pods: int
) -> None:
    canary = Canary("r2", "v2", 1, 0.0, weight=weight)
    given = State(
        Phase.PROGRESSING,
        stable=Stable("r1", "v1", 0.0),
        failed=Failure("r2", "v2", 1, Reason.ABORTED, "", 0.0) if failed else None,
        paused=Pause(paused, "", 0.0) if paused else None,
    )
    assert canary_pods(spec(), given, canary, replace(seen(canary=3), target=Target(target, target))) == pods


def test_pods_of_a_canary_are_not_taken_away_before_its_weight_is() -> None:
    edited = spec(gateway=True, replicas=10, steps=[{"weight": 10}])
    canary = Canary("r2", "v2", 1, 0.0, weight=50)
    held = seen(stable=10, canary=5)
    assert canary_pods(edited, State(Phase.PROGRESSING, stable=Stable("r1", "v1", 0.0)), canary, held) == 5
    by_replicas = spec(replicas=10, steps=[{"weight": 10}])
    assert canary_pods(by_replicas, State(Phase.PROGRESSING), canary, held) == 10
    assert canary_pods(by_replicas, State(Phase.PROGRESSING), Canary("r2", "v2", 1, 0.0, weight=10), held) == 1
