"""Every rule of the table: when it decides, and when it has nothing to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pilotage_operator.domain.rollout import back, commands, progress, recovery, safety, standing
from pilotage_operator.domain.rollout.decide import RULES, decide
from pilotage_operator.domain.rollout.decision import Rule
from tests.unit.rollout.given import baking, break_pods, canary, deciding, now, rolled_back, serving
from tests.unit.rollout.world import World, model_version


def new(nature: str = "good") -> World:
    world = World()
    world.release("v1", nature)
    return world


def but(world: World, *changes: Callable[[World], object]) -> World:
    for change in changes:
        change(world)
    return world


def lost(world: World) -> None:
    world.status = None


def later(seconds: float) -> Callable[[World], object]:
    return lambda world: world.tick(seconds)


def asks(action: str, attempt: int | None = None) -> Callable[[World], object]:
    return lambda world: world.ask(action, attempt=attempt)


def wants(version: str, **rollout: Any) -> Callable[[World], object]:
    return lambda world: world.release(version, **rollout)


def unmeasured(world: World) -> None:
    world.measured.up = False


def prepared(world: World) -> World:
    """The step's pods are ready, and its weight is not written yet."""
    world.release("v2")
    world.settle()
    world.tick()
    world.tick()
    world.look()
    return world


def unsafe(**rollout: Any) -> World:
    """v2 is asked for, and v1 is down."""
    world = break_pods(serving(**rollout), "v1")
    world.release("v2")
    world.look()
    return world


def scaled() -> World:
    """The load of a canary's deployment has grown."""
    world = canary(autoscaling={"min": 2, "max": 8})
    world.load = 7
    return world


def returned() -> World:
    """A person went back from the canary to v1."""
    world = canary()
    world.ask("rollback")
    world.settle()
    return world


SPEAKS: list[tuple[Rule, str, Callable[[], World]]] = [
    (recovery.status_was_lost, "the status was deleted while v1 serves", lambda: but(serving(), lost)),
    (recovery.status_was_lost, "the status was deleted during a canary", lambda: but(canary(), lost)),
    (commands.obey, "somebody pauses the canary", lambda: but(canary(), asks("pause"))),
    (commands.obey, "somebody asks for what is past", lambda: but(canary(), asks("promote", 9))),
    (back.return_over, "the spec asks for another version than was rolled back",
     lambda: but(returned(), wants("v3"))),
    (standing.spec_unusable, "the version asked for was rejected",
     lambda: but(serving(), wants("v2"), lambda w: w.versions.update(v2=model_version("v2", phase="Rejected")))),
    (standing.first_version, "there is nothing yet", new),
    (standing.first_version, "the first version does not become ready", lambda: but(new("crashing"), World.settle)),
    (standing.at_rest, "v1 serves and is asked for", serving),
    (standing.at_rest, "v1 is asked for again during a canary", lambda: but(canary(), wants("v1"))),
    (standing.rolled_back, "v2 failed and is still asked for", rolled_back),
    (standing.superseded, "v3 is asked for during the canary of v2", lambda: but(canary(), wants("v3"))),
    (standing.held_without_canary, "the rollout is frozen before it began",
     lambda: but(serving(paused=True), wants("v2"))),
    (standing.started, "v2 is asked for", lambda: but(serving(), wants("v2"))),
    (standing.started, "v2 failed and is tried again",
     lambda: but(rolled_back(), wants("v2", retry=1))),
    (safety.peak_noted, "the autoscaler has given stable more pods than before", lambda: but(scaled(), later(5))),
    (safety.pods_awaited, "pods of the canary are missing", lambda: but(canary(), lambda w: break_pods(w, "v2"))),
    (safety.pods_failed, "pods of the canary crash",
     lambda: but(canary(), lambda w: w.nature.update(v2="crashing"), World.tick, World.look)),
    (safety.check_failed, "a check fails",
     lambda: but(canary("errors"), *8 * [World.tick])),
    (safety.canary_lost, "the last pod of the canary is lost",
     lambda: but(canary(), lambda w: break_pods(w, "v2"), World.look)),
    (safety.traffic_switched, "traffic is to come through a gateway",
     lambda: but(canary(replicas=8), lambda w: w.switch_traffic(True))),
    (safety.traffic_switched, "traffic comes through a gateway no more",
     lambda: but(canary(gateway=True), lambda w: w.switch_traffic(False))),
    (safety.unpaused, "the spec asks for a pause no more",
     lambda: but(canary(), wants("v2", paused=True), World.settle, wants("v2", paused=False))),
    (safety.unpaused, "the step that asked for an approval is taken out",
     lambda: but(canary(), wants("v2", steps=[{"approval": True}]), World.settle, wants("v2", steps=[]))),
    (safety.frozen, "the spec asks for a pause", lambda: but(canary(), wants("v2", paused=True))),
    (safety.held, "it is paused by a person", lambda: but(canary(), asks("pause"), World.settle)),
    (safety.held, "the step asks for an approval", lambda: but(canary(), wants("v2", steps=[{"approval": True}]))),
    (safety.no_way_back, "stable has no pod to go back to", lambda: but(unsafe(), World.look)),
    (safety.too_late, "the deadline is over", lambda: but(canary(), later(8000))),
    (progress.capacity_first, "a pod of the canary is not ready yet",
     lambda: but(canary(replicas=8), lambda w: break_pods(w, "v2", all_but=1), World.look)),
    (progress.samples_first, "its pods are ready and not measured", lambda: but(prepared(serving()), unmeasured)),
    (progress.weight_due, "its pods are ready", lambda: prepared(serving())),
    (progress.weight_due, "its moment has come", lambda: but(prepared(serving()), World.look, later(5))),
    (progress.promoted, "the bake is over", lambda: but(baking(), later(5), asks("promote"), World.look)),
    (progress.weight_unconfirmed, "the Service has no endpoint of the canary yet",
     lambda: but(prepared(serving()), World.look, later(5), World.look)),
    (progress.unmeasured, "Prometheus does not answer", lambda: but(canary(), later(5), unmeasured)),
    (progress.time_counted, "an instant was measured", lambda: but(canary(), later(5))),
    (progress.step_done, "its time is over and every check passes",
     lambda: but(canary(), *(later(5), World.settle) * 6, later(5), World.look)),
    (progress.measuring, "until the next instant there is nothing to do",
     lambda: but(canary(), later(5), World.settle)),
]  # fmt: skip

SILENT: list[tuple[Rule, str, Callable[[], World]]] = [
    (recovery.status_was_lost, "there is nothing yet", new),
    (recovery.status_was_lost, "there is a status", serving),
    (commands.obey, "it was done before", lambda: but(canary(), asks("pause"), World.settle)),
    (commands.obey, "nothing was decided yet", lambda: but(new(), asks("promote"))),
    (standing.spec_unusable, "the version asked for is ready", canary),
    (standing.first_version, "a version was ready before", serving),
    (standing.at_rest, "another version is asked for", canary),
    (standing.rolled_back, "the revision changes", lambda: but(rolled_back(), wants("v3"))),
    (standing.rolled_back, "spec.rollout.retry is raised", lambda: but(rolled_back(), wants("v2", retry=1))),
    (standing.superseded, "the canary is asked for", canary),
    (standing.held_without_canary, "nothing freezes it", lambda: but(serving(), wants("v2"))),
    (standing.started, "a canary is on its way", canary),
    (safety.peak_noted, "there is no autoscaler", canary),
    (safety.peak_noted, "the peak is known", lambda: but(scaled(), later(5), World.look)),
    (safety.pods_awaited, "its pods are ready", canary),
    (safety.pods_failed, "its pods are ready", canary),
    (safety.check_failed, "no check fails", canary),
    (safety.canary_lost, "one pod of the canary is ready",
     lambda: but(canary(replicas=8), lambda w: break_pods(w, "v2", all_but=1))),
    (safety.canary_lost, "stable has no pod either",
     lambda: but(canary(), lambda w: break_pods(w, "v2"), lambda w: break_pods(w, "v1"))),
    (safety.traffic_switched, "traffic comes as it came", lambda: canary(gateway=True)),
    (safety.traffic_switched, "stable has no pod to take it",
     lambda: but(canary(), lambda w: w.switch_traffic(True), lambda w: break_pods(w, "v1"))),
    (safety.unpaused, "a person paused it", lambda: but(canary(), asks("pause"), World.settle)),
    (safety.frozen, "the spec asks for no pause", canary),
    (safety.held, "nothing holds it", canary),
    (safety.too_late, "the deadline is not over", canary),
    (safety.no_way_back, "stable has ready pods", lambda: prepared(serving())),
    (safety.no_way_back, "the spec allows it", lambda: but(unsafe(allow={"noRollback": True}), World.look)),
    (safety.no_way_back, "it has its weight already", lambda: but(canary(), lambda w: break_pods(w, "v1"))),
    (back.return_over, "nobody rolled back", canary),
    (back.return_over, "the spec asks for what it asked for", lambda: but(returned(), World.settle)),
    (progress.capacity_first, "all its pods are ready", canary),
    (progress.samples_first, "its pods are measured", lambda: prepared(serving())),
    (progress.samples_first, "it has its weight already", lambda: but(canary(), unmeasured)),
    (progress.weight_due, "the weight is written", canary),
    (progress.promoted, "the bake is not over", baking),
    (progress.promoted, "it is not the bake", canary),
    (progress.weight_unconfirmed, "the Service has endpoints of both", lambda: but(canary(), later(5))),
    (progress.unmeasured, "Prometheus answers", canary),
    (progress.unmeasured, "the bake has no control group", lambda: but(baking(), unmeasured)),
    (progress.time_counted, "the newest instant was counted", lambda: but(canary(), later(5), World.settle)),
    (progress.step_done, "its time is not over", canary),
]  # fmt: skip


def ids(rows: list[tuple[Rule, str, Callable[[], World]]]) -> list[str]:
    return [f"{rule.__name__}: {sentence}" for rule, sentence, _ in rows]


@pytest.mark.parametrize(("rule", "sentence", "given"), SPEAKS, ids=ids(SPEAKS))
def test_the_rule_decides(rule: Rule, sentence: str, given: Callable[[], World]) -> None:
    name, decision = deciding(given())
    assert name == rule.__name__
    assert decision.state.phase


@pytest.mark.parametrize(("rule", "sentence", "given"), SILENT, ids=ids(SILENT))
def test_the_rule_has_nothing_to_say(rule: Rule, sentence: str, given: Callable[[], World]) -> None:
    assert rule(now(given())) is None


def test_every_rule_is_in_both_tables() -> None:
    assert {rule for rule, _, _ in SPEAKS} == set(RULES)
    assert {rule for rule, _, _ in SILENT} == set(RULES) - {progress.measuring}


def test_the_same_situation_gives_the_same_decision() -> None:
    situation = now(canary())
    assert decide(situation) == decide(situation)
