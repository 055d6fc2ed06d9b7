"""A deployment in a simulated cluster: what people ask for, what the rules see, what becomes of what they decide.

Everything that a rollout remembers goes through the status, as JSON, in every pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from pilotage_operator.api.deploymentstatus import ModelDeploymentStatus
from pilotage_operator.api.modeldeployment import Defaults, ModelDeploymentSpec, readable
from pilotage_operator.domain.manifests.revision import Revision
from pilotage_operator.domain.rollout.decide import decide
from pilotage_operator.domain.rollout.decision import Decision, Happening, Situation
from pilotage_operator.domain.rollout.memory import recall
from pilotage_operator.domain.rollout.projection import Plan, project
from pilotage_operator.domain.rollout.report import report
from pilotage_operator.domain.rollout.seen import Command, Metrics, Seen, Target
from pilotage_operator.domain.rollout.state import Reason, State
from pilotage_operator.domain.rollout.target import (
    Platform,
    checks_refused,
    contract_refused,
    gone_back,
    holds,
    resolve,
    shadow_refused,
)
from pilotage_operator.domain.rollout.traffic import full
from tests.unit.rollout.measured import Measured
from tests.unit.rollout.simulated import NAME, Cluster

BODY = {"metadata": {"name": NAME, "namespace": "team", "uid": "uid-1"}}
PLATFORM = Platform("serving:1", connection_seconds=60)
TRAFFIC = {"parentRefs": [{"name": "public"}], "hostnames": ["fraud.example.com"]}
STEPS = [{"weight": 25, "for": "30s"}, {"weight": 50, "for": "30s"}]
TICK = 5.0


@dataclass
class World(Cluster):
    """A deployment in its cluster: what people ask for, and what the operator makes of it, pass by pass."""

    gateway: bool = False
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] | None = None
    commands: dict[str, Command] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)
    told: list[Happening] = field(default_factory=list)
    asked: int = 0
    name_taken: bool = False
    passes: int = 0

    def __post_init__(self) -> None:
        self.spec = {"replicas": 4, "rollout": {"steps": STEPS, "bake": {"for": "30s"}}, "analysis": {"interval": "5s"}}
        self.switch_traffic(self.gateway)

    # --- what people do

    def release(self, version: str, nature: str = "good", **rollout: Any) -> None:
        """Asks for a version, which is made and checked if it does not exist yet."""
        self.nature.setdefault(version, nature)
        self.spec["modelVersion"] = version
        self.spec["rollout"].update(rollout)
        self.versions.setdefault(version, model_version(version))

    def switch_traffic(self, gateway: bool) -> None:
        self.gateway = gateway
        self.spec.pop("traffic", None)
        if gateway:
            self.spec["traffic"] = TRAFFIC

    def ask(
        self, action: str, *, by: str = "ann", about: str = "", attempt: int | None = None, id: str = "", to: str = ""
    ) -> None:
        """Annotates an action for the revision that is on its way, or has failed, or serves."""
        status = self.status or {}
        on = status.get("canary") or status.get("failed") or status.get("stable") or {"revision": "none", "attempt": 1}
        self.asked += 1
        self.commands[action] = Command(
            action, id or f"a{self.asked}", about or on["revision"], attempt or on["attempt"], by, to
        )

    # --- what is seen

    def resolved(self) -> ModelDeploymentSpec:
        return _readable(json.dumps(self.spec))[0]

    def situation(self) -> tuple[Situation, dict[str, Revision], Revision | None]:
        (spec, wrong), state = _readable(json.dumps(self.spec)), recall(ModelDeploymentStatus.parse(self.status))
        known = self.revisions
        version = self.versions.get(spec.model_version)
        target, made = resolve(NAME, spec, version, known, PLATFORM)
        if wrong:
            target, made = Target("", spec.model_version, Reason.BAD_SPEC, wrong), None
        elif no_shadow := shadow_refused(spec, ""):
            target = replace(target, reason=Reason.SHADOW_UNAVAILABLE, message=no_shadow)
        elif state.returned is not None and holds(state.returned, spec):
            target, made = gone_back(state.returned, known), None
        elif unfit := checks_refused(spec, version):
            target, made = Target("", spec.model_version, Reason.BAD_SPEC, unfit), None
        revisions = known | ({made.name: made} if made else {})
        stable = state.stable if state.stable and state.stable.since is not None else None
        if target.reason is None and state.returned is None:
            refused = contract_refused(
                spec, revisions.get(stable.revision) if stable else None, revisions[target.revision]
            )
            target = replace(target, reason=Reason.CONTRACT_CHANGED, message=refused) if refused else target
        if self.name_taken:
            target = replace(target, reason=Reason.NAME_TAKEN, message="Service fraud belongs to somebody else")
        seen = Seen(
            target, self.workloads(known), self.root(), self.route(),
            commands=tuple(self.commands.values()), revisions=known,
        )  # fmt: skip
        seen = replace(seen, metrics=self._metrics(spec, state, seen))
        return Situation(spec, state, seen, self.now, PLATFORM.connection_seconds), revisions, made

    def _metrics(self, spec: ModelDeploymentSpec, state: State, seen: Seen) -> Metrics:
        if state.canary is None or state.stable is None or not spec.analysis.checks:
            return Metrics(available=False, message="nothing is measured while there is no canary")
        return self.measured.metrics(spec, state.stable, state.canary, full(spec, state, seen), self.now)

    # --- what happens

    def look(
        self,
        *,
        conflict: bool = False,
        dies_after: int | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Decision, Plan]:
        """One pass: decide, write the status, then the children. Nothing acts if somebody else wrote the status.

        What happens `meanwhile`, after everything was read, makes each write fail that it came before.
        """
        self.passes += 1
        situation, revisions, made = self.situation()
        before = ModelDeploymentStatus.parse(self.status)
        decision = decide(situation)
        status = report(before, situation, decision, revisions, 1, "http://fraud")
        used = {r.revision for r in (decision.state.stable, decision.state.canary) if r is not None}
        needed = {n: r for n, r in revisions.items() if made is None or n != made.name or n in used}
        plan = project(situation, decision.state, BODY, needed)
        read = dict(self.objects)
        if meanwhile is not None:
            owner = self._owner()
            meanwhile()
            conflict |= self._owner() != owner and status != before
        if conflict:
            return decision, plan
        self.status = json.loads(json.dumps(status.dump(), allow_nan=False)) if status != before else self.status
        self.told += decision.happenings
        for body in plan.keep[:dies_after]:
            key = body["kind"], body["metadata"]["name"]
            if self.objects.get(key) is read.get(key):
                self.objects[key] = body
                self.wrote(situation, body)
        if dies_after is None:
            self._end(plan, read)
        return decision, plan

    def _owner(self) -> str:
        return json.dumps([self.spec, self.status, sorted(map(repr, self.commands.values()))])

    def wrote(self, situation: Situation, body: dict[str, Any]) -> None:
        """For those who watch every single write."""

    def _end(self, plan: Plan, read: dict[tuple[str, str], dict[str, Any]]) -> None:
        for revision in plan.gone:
            self.ended(revision)
            for kind in ("Service", "Deployment"):
                key = (kind, f"{NAME}-{revision}")
                if self.objects.get(key) is read.get(key):
                    self.objects.pop(key, None)
        for revision in plan.forgotten:
            self.objects.pop(("ControllerRevision", f"{NAME}-{revision}"), None)
        kept = {(body["kind"], body["metadata"]["name"]) for body in plan.keep}
        for key in [k for k in self.objects if k[0] == "HorizontalPodAutoscaler" and k not in kept]:
            del self.objects[key]
        if self.routed() is not None and not any(body["kind"] == "HTTPRoute" for body in plan.keep):
            del self.objects["HTTPRoute", NAME]

    def ended(self, revision: str) -> None:
        """For those who watch what ends."""

    def settle(self) -> Decision:
        """Passes at one instant, until nothing is due at once."""
        for _ in range(30):
            decision, _ = self.look()
            if decision.again != 0:
                return decision
        raise AssertionError(f"it never comes to rest: {self.status}")

    def tick(self, seconds: float = TICK) -> None:
        """Time passes in the cluster, and requests are answered."""
        self.advance(seconds)
        self.measured.answer(self.now, self.processes())

    def wait(self, seconds: float) -> None:
        """Time passes, with a pass every few seconds and whenever one is due."""
        until = self.now + seconds
        self.settle()
        while self.now < until:
            self.tick()
            self.settle()

    def until(self, phase: str, version: str = "", *, weight: int | None = None, limit: float = 1200) -> None:
        """Waits for a phase, for who is stable in it, and for the canary's weight."""
        end = self.now + limit
        while not self.is_(phase, version, weight):
            assert self.now < end, f"never {phase} {version} {weight}: {self.status}"
            self.wait(TICK)

    def is_(self, phase: str, version: str = "", weight: int | None = None) -> bool:
        status = self.status or {}
        stable = status.get("stable", {}).get("modelVersion")
        seen = (status.get("canary") or {}).get("weight", 0)
        return status.get("phase") == phase and version in ("", stable) and weight in (None, seen)

    def serving(self, version: str) -> World:
        """Installs a first version and waits until it serves."""
        self.release(version)
        self.until("Healthy", version)
        return self

    def events(self) -> list[str]:
        return [happening.reason for happening in self.told]


@lru_cache(maxsize=1000)
def _readable(spec: str) -> tuple[ModelDeploymentSpec, str]:
    return readable(json.loads(spec), Defaults())


def model_version(name: str, *, contract: str = "ab", phase: str = "Ready") -> dict[str, Any]:
    """A ModelVersion whose bundle is its own."""
    digest = "sha256:" + name.encode().hex().rjust(64, "0")
    source = {"uri": "oci://registry:5000/models/fraud", "digest": digest}
    found = {"contract": {"hash": contract * 32}} if phase == "Ready" else {}
    return {
        "spec": {"model": "fraud", "version": name[1:], "source": source},
        "status": {"phase": phase, "message": "golden: the answers differ" if phase == "Rejected" else "", **found},
    }
