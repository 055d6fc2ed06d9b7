"""The simulated cluster with a watchman: what must hold at every instant is asserted at every single write."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pilotage_operator.api.deploymentstatus import ModelDeploymentStatus
from pilotage_operator.api.durations import seconds
from pilotage_operator.domain.rollout.decision import Decision, Situation
from pilotage_operator.domain.rollout.memory import recall
from pilotage_operator.domain.rollout.projection import Plan
from pilotage_operator.domain.rollout.reasons import REASONS
from pilotage_operator.domain.rollout.state import Reason
from tests.unit.rollout.simulated import NAME
from tests.unit.rollout.world import World

UNUSABLE = ("VersionRejected", "ContractChanged", "NameTaken", "BadSpec", "GatewayMissing", "ShadowUnavailable")
SERVED = re.compile(
    r"(nothing is served|v\d (serves all|is down)|v\d serves \d+ %, v\d \d+ %|v\d and v\d are down): \S"
)


@dataclass
class Watched(World):
    """`excused`: since the rollback something happened that ends it; `trusted`: the stable revision.

    `unlike`: a version turned while it was compared, so that the two were not alike all the time.
    """

    unlike: bool = False
    excused: bool = False
    trusted: str = ""
    overtaken: bool = False  # what the pass read is old, so that only what is written counts, not what it hits

    def turn(self, version: str, nature: str) -> None:
        """A version becomes like that, while it runs."""
        self.unlike |= self.nature.get(version, "good") != nature
        self.nature[version] = nature

    def reached(self) -> set[str]:
        """The revisions that requests can reach by the Service or the route."""
        selected = self.selected()
        copied = {self.mirrored()} - {""}
        served = copied | {r for r in self.pods if self.ready(r) and selected in ("", r)}
        return served | {r for r, weight in (self.routed() or {}).items() if weight}

    def alive(self) -> set[str]:
        """The revisions with a share of the traffic that could answer."""
        state = self.status or {}
        sides = [state.get("stable"), state.get("canary") if (state.get("canary") or {}).get("weight") else None]
        return {side["revision"] for side in sides if side and self.ready(side["revision"])}

    def wrote(self, situation: Situation, body: dict[str, Any]) -> None:
        labels = body["metadata"].get("labels", {})
        assert len(self.reached()) <= 2, f"more than two versions in traffic: {self.status}"
        if self.overtaken:
            return
        if body["kind"] == "HTTPRoute" and self.alive():
            dead = [r for r, weight in (self.routed() or {}).items() if weight and not self.ready(r)]
            assert not dead, f"weight is written to {dead}, which has no ready pods: {self.status}"
        if body["kind"] == "Service" and body["metadata"]["name"] == NAME and self.alive():
            selected = self.selected()
            assert selected == "" or self.ready(str(selected)), f"the Service selects a dead revision: {self.status}"
        if body["kind"] == "Deployment":
            revision, workload = labels["pilotage.dev/revision"], situation.seen.workloads
            had = workload[revision].wanted if revision in workload else 0
            if revision in self.reached() and self.gateway:
                assert body["spec"]["replicas"] >= min(had, situation.full), "scaled down while in traffic"

    def ended(self, revision: str) -> None:
        assert revision != (self.status or {})["stable"]["revision"], f"stable was ended: {self.status}"
        if self.overtaken:
            return
        assert revision not in self.endpoints, f"ended behind the Service: {self.status}"
        assert revision not in (self.routed() or {}), f"ended behind the route: {self.status}"
        assert revision != self.mirrored(), f"ended while it gets copies: {self.status}"
        if self.routed() is not None:
            assert revision not in (self.accepted or {}), f"ended while the gateway still knows it: {self.status}"

    def look(
        self,
        *,
        conflict: bool = False,
        dies_after: int | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Decision, Plan]:
        before = self.status or {}
        self.overtaken = meanwhile is not None
        decision, plan = super().look(conflict=conflict, dies_after=dies_after, meanwhile=meanwhile)
        if conflict:
            assert (self.status or {}) == before
            return decision, plan
        if meanwhile is not None:
            return decision, plan
        now = self.status or {}
        assert SERVED.match(now["message"]), now["message"]
        assert now["phase"]
        assert now["reason"]
        self._rolled_back_stays(before, now)
        self._trust(before, now, {h.reason for h in decision.happenings})
        self._canary(before, now, {h.reason for h in decision.happenings})
        self._justice(now, {h.reason for h in decision.happenings})
        return decision, plan

    def _rolled_back_stays(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        if before.get("phase") != "RolledBack":
            self.excused = False
        elif not self.excused:
            unusable = now["phase"] == "Invalid" and bool(now.get("failed") or now.get("returned"))
            assert now["phase"] == "RolledBack" or unusable, f"a rollback ended by itself: {now}"
            assert _weight(now) <= _weight(before) or (now.get("canary") or {}).get("returning"), now

    def _trust(self, before: dict[str, Any], now: dict[str, Any], told: set[str]) -> None:
        stable = now.get("stable") or {}
        if stable.get("revision", "") != self.trusted and self.trusted:
            assert told & {"Promoted", "Returned", "StatusLost"}, f"stable changed without a promotion: {now}"
        if "Promoted" in told:
            assert before["canary"]["revision"] == stable["revision"]
            self._baked(ModelDeploymentStatus.parse(before))
        self.trusted = stable.get("revision", "") if stable.get("since") else ""

    def _baked(self, before: ModelDeploymentStatus) -> None:
        """The weight of the bake was in force for the time of the bake, unless a person said that this is enough."""
        spec, canary, asked = self.resolved(), recall(before).canary, [entry.event for entry in before.history]
        assert canary
        assert canary.weight == 100 - (spec.rollout.bake.holdback if self.gateway else 0)
        begun = max((i for i, event in enumerate(asked) if event in ("Started", "StatusLost")), default=0)
        if "Promote" not in asked[begun:]:
            assert canary.weight_since is not None
            written = [entry.at.timestamp() for entry in before.history if entry.event == "WeightChanged"]
            since = min(canary.weight_since, *written[-1:]) if written else canary.weight_since
            assert self.now - since >= seconds(spec.rollout.bake.for_), f"not baked: {self.status}"

    def _justice(self, now: dict[str, Any], told: set[str]) -> None:
        """No check ends a version that is just like stable, whatever Prometheus, the pods and the outages do."""
        failed, stable = now.get("failed") or {}, now.get("stable") or {}
        if "RolledBack" not in told or failed.get("reason") != "CheckFailed" or self.unlike:
            return  # what failed before is remembered, though it was judged beside another stable, or is mended since
        natures = {self.nature.get(side["modelVersion"], "good") for side in (failed, stable)}
        assert len(natures) == 2, f"a version that is like stable was rolled back: {now['message']}"

    def _canary(self, before: dict[str, Any], now: dict[str, Any], told: set[str]) -> None:
        was, is_ = before.get("canary") or {}, now.get("canary") or {}
        if not was or not is_ or (was["revision"], was["attempt"]) != (is_["revision"], is_["attempt"]):
            return
        if before["phase"] == now["phase"] == "Paused":
            assert _weight(now) <= _weight(before), "the weight rose in a pause"
        if not self.measured.up and is_["step"] > was["step"] and was["weight"] < 100:  # else nobody is left to compare
            assert told & {"Promote", "Approve", "Skip"}, "a step ended that was not measured"

    def rest(self) -> None:
        """While nothing else happens, passes come to an end: the last one changes no status and no child."""
        for _ in range(10):
            status, objects = self.status, dict(self.objects)
            decision, plan = self.look()
            if self.status == status and self.objects == objects:
                self._explained(self.status or {})
                assert not set(plan.gone) & set(self.wanted())
                assert not decision.happenings
                assert decision.again != 0
                return
        raise AssertionError(f"it goes on writing: {self.status}")

    def _explained(self, status: dict[str, Any]) -> None:
        """A phase that lasts says why, and what it says fits it."""
        phase, canary, about = status["phase"], status.get("canary"), (status["phase"], status["reason"])
        assert Reason(status["reason"]) in REASONS
        assert status["message"].partition(": ")[2].strip(), about
        fits = {
            "Initializing": not status.get("stable", {}).get("since"),
            "Progressing": canary is not None or status["reason"] in ("WaitingForVersion", "Superseded"),
            "Paused": bool(status.get("paused")) or status["reason"] == "PausedBySpec",
            "Baking": canary is not None and canary["step"] > canary["steps"],
            "Healthy": canary is None and not status.get("failed") and not status.get("returned"),
            "RolledBack": bool(status.get("failed") or status.get("returned")),
            "Invalid": status["reason"] in UNUSABLE,
        }
        assert fits[phase], f"{about} does not explain itself: {status}"


def _weight(status: dict[str, Any]) -> int:
    return int((status.get("canary") or {}).get("weight", 0))
