"""Whatever happens, in whatever order: the rules of a rollout hold at every instant, and it comes to an end."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.rollout.watched import Watched
from tests.unit.rollout.world import NAME, STEPS, model_version

VERSIONS = ("v1", "v2", "v3", "v4")
NATURES = ("good", "good", "errors", "crashing", "out of memory", "hanging", "pending")
WAYS = (
    STEPS,
    [],
    [{"weight": 10, "for": "10s"}],
    [{"weight": 100, "for": "10s"}],
    [{"approval": True}, {"weight": 50, "for": "10s"}],
    [{"weight": 25, "for": "10s"}, {"approval": True}, {"weight": 97, "for": "10s"}],
    [{"weight": w, "for": "5s"} for w in (1, 20, 40, 60, 80)],
)
ACTIONS = ("promote", "approve", "abort", "retry", "pause", "resume")


class Rollouts(RuleBasedStateMachine):
    @initialize(gateway=st.booleans(), nature=st.sampled_from(NATURES), replicas=st.integers(1, 5))
    def begin(self, gateway: bool, nature: str, replicas: int) -> None:
        self.world = Watched(gateway=gateway)
        self.world.spec["replicas"] = replicas
        self.world.release("v1", nature)
        if nature == "good":
            self.world.until("Healthy", "v1")

    @rule(version=st.sampled_from(VERSIONS), nature=st.sampled_from(NATURES))
    def somebody_releases(self, version: str, nature: str) -> None:
        if version != self.world.spec["modelVersion"]:
            self.world.excused = True
        self.world.release(version, nature)

    @rule(replicas=st.integers(1, 6))
    def somebody_scales(self, replicas: int) -> None:
        self.world.spec["replicas"] = replicas

    @rule(steps=st.sampled_from(WAYS), holdback=st.sampled_from([0, 5, 50]))
    def somebody_edits_the_rollout(self, steps: list[dict[str, Any]], holdback: int) -> None:
        self.world.spec["rollout"] |= {"steps": steps, "bake": {"for": "10s", "holdback": holdback}}

    @rule(on_fail=st.sampled_from(["rollback", "pause", "observe"]), low=st.sampled_from(["hold", "advance"]))
    def somebody_edits_the_analysis(self, on_fail: str, low: str) -> None:
        self.world.spec["analysis"]["checks"] = [{"errorRate": {}, "onFail": on_fail}]
        self.world.spec["rollout"]["onLowTraffic"] = low

    @rule()
    def traffic_comes_another_way(self) -> None:
        self.world.switch_traffic(not self.world.gateway)

    @rule(paused=st.booleans())
    def somebody_freezes_or_thaws(self, paused: bool) -> None:
        self.world.spec["rollout"]["paused"] = paused

    @rule()
    def somebody_raises_retry(self) -> None:
        self.world.excused = True
        self.world.spec["rollout"]["retry"] = self.world.spec["rollout"].get("retry", 0) + 1

    @rule(action=st.sampled_from(ACTIONS), wrong=st.booleans())
    def somebody_asks(self, action: str, wrong: bool) -> None:
        self.world.ask(action, attempt=99 if wrong else None)
        if action == "retry" and not wrong:
            self.world.excused = True

    @rule(version=st.sampled_from(VERSIONS), what=st.sampled_from(["gone", "Ready", "Rejected", "Checking", "other"]))
    def the_model_version_changes(self, version: str, what: str) -> None:
        self.world.excused = True
        self.world.versions.pop(version, None)
        if what != "gone":
            self.world.versions[version] = model_version(
                version, contract="cd" if what == "other" else "ab", phase="Ready" if what == "other" else what
            )

    @rule(which=st.integers(0, 3), how_many=st.integers(1, 6), broken=st.booleans())
    def pods_break_or_heal(self, which: int, how_many: int, broken: bool) -> None:
        revisions = sorted(self.world.pods)
        if revisions:
            for pod in self.world.pods[revisions[which % len(revisions)]][:how_many]:
                pod.broken = broken

    @rule(version=st.sampled_from(VERSIONS), nature=st.sampled_from(NATURES))
    def a_version_turns(self, version: str, nature: str) -> None:
        self.world.nature[version] = nature

    @rule(up=st.booleans(), traffic=st.booleans())
    def prometheus_or_the_traffic_goes_or_comes(self, up: bool, traffic: bool) -> None:
        self.world.measured.up, self.world.measured.traffic = up, traffic

    @rule()
    def the_status_is_deleted(self) -> None:
        self.world.status, self.world.trusted = None, ""

    @rule(kind=st.sampled_from(["HTTPRoute", "Service"]))
    def a_child_is_deleted_by_hand(self, kind: str) -> None:
        self.world.objects.pop((kind, NAME), None)

    @rule()
    def somebody_else_writes_the_status_first(self) -> None:
        self.world.look(conflict=True)

    @rule(writes=st.integers(0, 8))
    def the_operator_dies_amid_its_writes(self, writes: int) -> None:
        self.world.look(dies_after=writes)

    @rule(seconds=st.sampled_from([5, 5, 5, 30, 30, 90, 700, 8000]))
    def time_passes(self, seconds: int) -> None:
        self.world.wait(min(seconds, 90))
        if seconds > 90:
            self.world.tick(seconds)
            self.world.settle()

    @rule()
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
        world.measured.up = world.measured.traffic = True
        world.nature = dict.fromkeys(VERSIONS, "good")
        world.versions = {v: model_version(v) for v in VERSIONS}
        world.spec["rollout"] |= {"paused": False, "steps": STEPS, "allow": {"contractChange": True}}
        for pod in (pod for pods in world.pods.values() for pod in pods):
            pod.broken = False
        for _ in range(60):
            world.wait(60)
            status = world.status or {}
            if status["reason"] == "AllReady" and status["stable"]["modelVersion"] == world.spec["modelVersion"]:
                break
            if status["phase"] in ("Paused", "RolledBack"):
                world.ask("retry" if status["phase"] == "RolledBack" else _way_out(status))
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
    return "approve" if status["reason"] == "AwaitingApproval" else "resume"


Rollouts.TestCase.settings = settings(
    max_examples=int(os.environ.get("PILOTAGE_EXAMPLES", "60")),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRollouts = Rollouts.TestCase
