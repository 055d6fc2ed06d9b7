"""Whatever happens, in whatever order: the rules of a rollout hold at every instant, and it comes to an end."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pilotage_operator.api import names
from tests.unit.rollout.drawn import CHECKS, FIRST, NATURES, REFUSED, VERSIONS, WAYS
from tests.unit.rollout.simulated import NAME
from tests.unit.rollout.watched import Watched
from tests.unit.rollout.world import STEPS, model_version


def event(**given: Any) -> Callable[[Callable[..., None]], Any]:
    """Something happens, and then time passes: most events matter only where a rollout goes on between them."""

    def wrap(act: Callable[..., None]) -> Any:
        @wraps(act)
        def happens(self: Rollouts, then: int, **drawn: Any) -> None:
            act(self, **drawn)
            self.world.wait(then)

        decorate: Callable[[Any], Any] = rule(then=st.sampled_from([0, 0, 5, 15, 40]), **given)
        return decorate(happens)

    return wrap


class Rollouts(RuleBasedStateMachine):
    @initialize(
        gateway=st.booleans(),
        replicas=st.integers(1, 5),
        first=st.sampled_from(FIRST),
        second=st.sampled_from(NATURES),
        steps=st.sampled_from(WAYS),
        under_way=st.integers(0, 40),
    )
    def begin(
        self, gateway: bool, replicas: int, first: str, second: str, steps: list[dict[str, Any]], under_way: int
    ) -> None:
        """A second version is on its way, more or less far."""
        self.world = Watched(gateway=gateway)
        self.world.spec["replicas"] = replicas
        self.world.release("v1", first, steps=steps)
        self.world.wait(20)
        self.world.release("v2", second)
        self.world.wait(5 * under_way)

    @event(version=st.sampled_from(VERSIONS), nature=st.sampled_from(NATURES))
    def somebody_releases(self, version: str, nature: str) -> None:
        self._release(version, nature)

    def _release(self, version: str, nature: str) -> None:
        self.world.excused |= version != self.world.spec["modelVersion"]
        self.world.release(version, nature)

    @event(back=st.booleans())
    def somebody_goes_back_and_forth(self, back: bool) -> None:
        stable = (self.world.status or {}).get("stable", {}).get("modelVersion", "v1")
        self._release(stable if back else "v2", "good")

    @event(replicas=st.integers(1, 6))
    def somebody_scales(self, replicas: int) -> None:
        self.world.spec["replicas"] = replicas

    @event(steps=st.sampled_from(WAYS), holdback=st.sampled_from([0, 5, 50]))
    def somebody_edits_the_rollout(self, steps: list[dict[str, Any]], holdback: int) -> None:
        self.world.spec["rollout"] |= {"steps": steps, "bake": {"for": "10s", "holdback": holdback}}

    @event(
        checks=st.lists(st.sampled_from(CHECKS), min_size=1, max_size=3, unique_by=str),
        on_fail=st.sampled_from(["rollback", "pause", "observe"]),
        low=st.sampled_from(["hold", "advance"]),
    )
    def somebody_edits_the_analysis(self, checks: list[dict[str, Any]], on_fail: str, low: str) -> None:
        self.world.spec["analysis"]["checks"] = [{**check, "onFail": on_fail} for check in checks]
        self.world.spec["rollout"]["onLowTraffic"] = low

    @event()
    def traffic_comes_another_way(self) -> None:
        self.world.switch_traffic(not self.world.gateway)

    @event(low=st.integers(1, 4), wide=st.integers(0, 4), on=st.booleans())
    def somebody_edits_the_autoscaling(self, low: int, wide: int, on: bool) -> None:
        self.world.spec.pop("autoscaling", None)
        if on:
            self.world.spec["autoscaling"] = {"min": low, "max": low + wide}

    @event(load=st.integers(0, 8))
    def the_load_changes(self, load: int) -> None:
        self.world.load = load

    @event(wrong=st.booleans())
    def somebody_writes_a_spec_that_cannot_be_used_or_corrects_it(self, wrong: bool) -> None:
        self.world.excused = True
        self.world.spec["rollout"] |= REFUSED if wrong else {"steps": STEPS, "progressDeadline": "2h"}

    @event(memory=st.sampled_from(["1Gi", "2Gi"]))
    def somebody_edits_the_server(self, memory: str) -> None:
        self.world.excused = True
        self.world.spec["server"] = {"resources": {"limits": {"memory": memory, "cpu": "1"}}}

    @event(allowed=st.booleans())
    def somebody_allows_or_forbids(self, allowed: bool) -> None:
        self.world.excused = True
        self.world.spec["rollout"]["allow"] = {"noRollback": allowed, "contractChange": allowed}

    @event(paused=st.booleans())
    def somebody_freezes_or_thaws(self, paused: bool) -> None:
        self.world.spec["rollout"]["paused"] = paused

    @event()
    def somebody_raises_retry(self) -> None:
        self.world.excused = True
        self.world.spec["rollout"]["retry"] = self.world.spec["rollout"].get("retry", 0) + 1

    @event(action=st.sampled_from(names.ACTIONS))
    def somebody_asks(self, action: str) -> None:
        self.world.ask(action)
        self.world.excused |= action in ("retry", "rollback")

    @event(which=st.integers(0, 5))
    def somebody_rolls_back_to(self, which: int) -> None:
        known = sorted(self.world.revisions)
        self.world.ask("rollback", to=known[which % len(known)] if known else "")
        self.world.excused = True

    @event(action=st.sampled_from(names.ACTIONS))
    def somebody_asks_for_what_is_past(self, action: str) -> None:
        self.world.ask(action, attempt=99)

    @event()
    def somebody_does_what_is_asked_for(self) -> None:
        self.world.ask(_way_out(self.world.status or {}))
        self.world.excused = True

    @event(version=st.sampled_from(VERSIONS), what=st.sampled_from(["gone", "Ready", "Rejected", "Checking", "other"]))
    def a_model_version_changes(self, version: str, what: str) -> None:
        self.world.excused = True
        self.world.versions.pop(version, None)
        if what != "gone":
            self.world.versions[version] = model_version(
                version, contract="cd" if what == "other" else "ab", phase="Ready" if what == "other" else what
            )

    @event(side=st.sampled_from(["stable", "canary"]), how_many=st.sampled_from([1, 6, 6]))
    def pods_break(self, side: str, how_many: int) -> None:
        revision = ((self.world.status or {}).get(side) or {}).get("revision", "")
        for pod in self.world.pods.get(revision, [])[:how_many]:
            pod.broken = True

    @event(side=st.sampled_from(["stable", "canary"]), how_many=st.integers(1, 6))
    def pods_die(self, side: str, how_many: int) -> None:
        revision = ((self.world.status or {}).get(side) or {}).get("revision", "")
        del self.world.pods.get(revision, [])[:how_many]

    @event(starts_in=st.sampled_from([5.0, 25.0, 120.0]))
    def pods_start_slower_or_faster(self, starts_in: float) -> None:
        self.world.starts_in = starts_in

    @event(ticks=st.integers(1, 8))
    def the_gateway_and_the_endpoints_lag(self, ticks: int) -> None:
        self.world.lag = ticks

    @event()
    def pods_heal(self) -> None:
        self.world.heal()

    @event(version=st.sampled_from(VERSIONS), nature=st.sampled_from(NATURES))
    def a_version_turns(self, version: str, nature: str) -> None:
        self.world.turn(version, nature)

    @event(up=st.booleans(), traffic=st.booleans())
    def prometheus_or_the_traffic_goes_or_comes(self, up: bool, traffic: bool) -> None:
        self.world.measured.up, self.world.measured.traffic = up, traffic

    @event(out=st.booleans())
    def what_all_versions_call_goes_away_or_comes_back(self, out: bool) -> None:
        self.world.measured.outage = out

    @event(fresh=st.booleans(), forgets=st.booleans())
    def prometheus_repeats_itself_or_forgets(self, fresh: bool, forgets: bool) -> None:
        self.world.measured.fresh = fresh
        if forgets:
            self.world.measured.reset()

    @event(rarely=st.integers(0, 2))
    def the_status_is_deleted(self, rarely: int) -> None:
        if rarely == 0:
            self.world.status, self.world.trusted = None, ""

    @event(kind=st.sampled_from(["HTTPRoute", "Service"]))
    def a_child_is_deleted_by_hand(self, kind: str) -> None:
        self.world.objects.pop((kind, NAME), None)

    @event()
    def somebody_else_writes_the_status_first(self) -> None:
        self.world.look(conflict=True)

    @event(by=st.sampled_from(["time", "a release", "an edit", "a deletion", "an action"]))
    def a_pass_is_overtaken(self, by: str) -> None:
        """What it read is old when it writes."""
        world = self.world
        what: dict[str, Callable[[], object]] = {
            "time": world.tick,
            "a release": lambda: self._release("v3", "good"),
            "an edit": lambda: world.spec.update(replicas=3),
            "a deletion": lambda: world.objects.pop(("Service", NAME), None),
            "an action": lambda: world.ask("pause"),
        }
        world.look(meanwhile=lambda: (what[by](), None)[1])

    @event(writes=st.integers(0, 8))
    def the_operator_dies_amid_its_writes(self, writes: int) -> None:
        self.world.look(dies_after=writes)
        self.world.measured.restart()

    @event(seconds=st.sampled_from([90, 90, 90, 700, 8000]))
    def time_passes(self, seconds: int) -> None:
        self.world.wait(90)
        if seconds > 90:
            self.world.tick(seconds)
            self.world.settle()

    @event(seconds=st.sampled_from([0.4, 1.5, 3.8]))
    def passes_come_out_of_step_with_the_instants(self, seconds: float) -> None:
        self.world.advance(seconds)
        self.world.settle()

    @event()
    def it_comes_to_rest(self) -> None:
        self.world.rest()

    @invariant()
    def at_most_two_versions_are_reached(self) -> None:
        if hasattr(self, "world"):
            assert len(self.world.reached()) <= 2

    def teardown(self) -> None:
        """Once all is well, and people do their part, the version that is asked for serves."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.excused = True
        world.measured.up = world.measured.traffic = world.measured.fresh = True
        world.measured.outage = False
        world.starts_in, world.lag, world.load = 5.0, 0, 1
        world.spec.pop("autoscaling", None)
        for version in VERSIONS:
            world.turn(version, "good")  # so that what was seen of it before may still end it
        world.versions = {v: model_version(v) for v in VERSIONS}
        world.spec["rollout"] |= {"paused": False, "steps": STEPS, "progressDeadline": "2h"}
        world.spec["rollout"]["allow"] = {"contractChange": True}
        world.heal()
        for _ in range(60):
            world.wait(60)
            status = world.status or {}
            if status["reason"] == "AllReady" and status["stable"]["modelVersion"] == world.spec["modelVersion"]:
                break
            if status["phase"] in ("Paused", "RolledBack"):
                world.ask(_way_out(status))
                world.excused = True
        else:
            raise AssertionError(f"it never ends: {world.status}")
        world.wait(120)
        world.rest()
        stable = (world.status or {})["stable"]["revision"]
        assert world.wanted() == {stable: world.spec["replicas"]}
        assert world.selected() == stable
        assert world.routed() == ({stable: 100} if world.gateway else None)


def _way_out(status: dict[str, Any]) -> str:
    if status.get("phase") == "RolledBack":
        return "retry"
    return "approve" if status.get("reason") in ("AwaitingApproval", "NoWayBack") else "resume"


Rollouts.TestCase.settings = settings(
    max_examples=int(os.environ.get("PILOTAGE_EXAMPLES", "100")),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRollouts = Rollouts.TestCase
