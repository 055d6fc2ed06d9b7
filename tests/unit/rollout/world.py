"""A cluster that is only simulated: what the rules see, and what becomes of what they decide.

Everything that a rollout remembers goes through the status, as JSON, in every pass. Children are kept as the plan
writes them; pods, endpoints and the gateway follow as time passes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from pilotage_operator.api.deploymentstatus import ModelDeploymentStatus
from pilotage_operator.api.modeldeployment import Defaults, ModelDeploymentSpec
from pilotage_operator.domain.manifests.revision import Revision, read_revision
from pilotage_operator.domain.manifests.serving import backend_weights
from pilotage_operator.domain.rollout.decide import decide
from pilotage_operator.domain.rollout.decision import Decision, Happening, Situation
from pilotage_operator.domain.rollout.memory import recall
from pilotage_operator.domain.rollout.projection import Plan, project
from pilotage_operator.domain.rollout.report import report
from pilotage_operator.domain.rollout.seen import Command, Metrics, Root, Route, Seen, Trouble, Workload
from pilotage_operator.domain.rollout.state import Reason, State
from pilotage_operator.domain.rollout.target import Platform, contract_refused, resolve
from tests.unit.rollout.measured import Measured

NAME = "fraud"
BODY = {"metadata": {"name": NAME, "namespace": "team", "uid": "uid-1"}}
PLATFORM = Platform("serving:1", connection_seconds=60)
TRAFFIC = {"parentRefs": [{"name": "public"}], "hostnames": ["fraud.example.com"]}
STEPS = [{"weight": 25, "for": "30s"}, {"weight": 50, "for": "30s"}]
STARTS_IN = 5.0  # seconds that a pod takes to become ready, or to crash
TICK = 5.0
WRITES = {"ControllerRevision": "revision", "Deployment": "pods", "Service": "service", "HTTPRoute": "route"}


@dataclass
class Pod:
    """One pod of a revision; `broken` overrides what its version is like."""

    born: float
    ready: bool = False
    broken: bool = False


@dataclass
class World:
    """`nature` says what a version is like: good, errors, crashing, out of memory, hanging, or pending."""

    gateway: bool = False
    now: float = 1_000_000.0
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] | None = None
    commands: dict[str, Command] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    nature: dict[str, str] = field(default_factory=dict)
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, list[Pod]] = field(default_factory=dict)
    endpoints: dict[str, int] = field(default_factory=dict)
    accepted: dict[str, int] | None = None
    measured: Measured = field(default_factory=Measured)
    told: list[Happening] = field(default_factory=list)
    asked: int = 0
    name_taken: bool = False

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

    def ask(self, action: str, *, by: str = "ann", about: str = "", attempt: int | None = None, id: str = "") -> None:
        """Annotates an action for the revision that is on its way, or has failed."""
        status = self.status or {}
        on = status.get("canary") or status.get("failed") or {"revision": "none", "attempt": 1}
        self.asked += 1
        self.commands[action] = Command(
            action, id or f"a{self.asked}", about or on["revision"], attempt or on["attempt"], by
        )

    def heal(self) -> None:
        for pod in (pod for pods in self.pods.values() for pod in pods):
            pod.broken = False

    # --- what is seen

    def resolved(self) -> ModelDeploymentSpec:
        return ModelDeploymentSpec.model_validate(self.spec).resolved(Defaults())

    @property
    def revisions(self) -> dict[str, Revision]:
        found = (read_revision(body) for (kind, _), body in self.objects.items() if kind == "ControllerRevision")
        return {revision.name: revision for revision in found}

    def situation(self) -> tuple[Situation, dict[str, Revision], Revision | None]:
        spec, state = self.resolved(), recall(ModelDeploymentStatus.parse(self.status))
        known = self.revisions
        target, made = resolve(NAME, spec, self.versions.get(spec.model_version), known, PLATFORM)
        revisions = known | ({made.name: made} if made else {})
        stable = state.stable if state.stable and state.stable.since is not None else None
        if target.reason is None:
            refused = contract_refused(
                spec, revisions.get(stable.revision) if stable else None, revisions[target.revision]
            )
            target = replace(target, reason=Reason.CONTRACT_CHANGED, message=refused) if refused else target
        if self.name_taken:
            target = replace(target, reason=Reason.NAME_TAKEN, message="Service fraud belongs to somebody else")
        seen = Seen(
            target, self._workloads(known), self._root(), self._route(), self._metrics(spec, state),
            tuple(self.commands.values()),
        )  # fmt: skip
        return Situation(spec, state, seen, self.now, PLATFORM.connection_seconds), revisions, made

    def _workloads(self, revisions: dict[str, Revision]) -> dict[str, Workload]:
        found = {}
        leaving = dict.fromkeys((r for r, pods in self.pods.items() if pods), 0)
        for revision, wanted in (leaving | self.wanted()).items():
            known = revisions[revision]
            pods = self.pods.get(revision, [])
            found[revision] = Workload(
                revision, known.model_version, wanted, sum(p.ready for p in pods), self._trouble(known, pods),
                known.promoted, known.order,
            )  # fmt: skip
        return found

    def _trouble(self, revision: Revision, pods: list[Pod]) -> Trouble | None:
        nature = self.nature.get(revision.model_version, "good")
        if any(not p.ready and self.now - p.born >= STARTS_IN for p in pods):
            return {
                "crashing": Trouble(True, Reason.CRASH_LOOP, "exit code 3"),
                "out of memory": Trouble(True, Reason.OUT_OF_MEMORY, "OOMKilled"),
                "pending": Trouble(False, Reason.CLUSTER_TROUBLE, "pod cannot be scheduled"),
            }.get(nature)
        return None

    def wanted(self) -> dict[str, int]:
        """Pods asked for, by revision."""
        deployments = (body for (kind, _), body in self.objects.items() if kind == "Deployment")
        return {body["metadata"]["labels"]["pilotage.dev/revision"]: body["spec"]["replicas"] for body in deployments}

    def ready(self, revision: str) -> int:
        return sum(pod.ready for pod in self.pods.get(revision, []))

    def selected(self) -> str | None:
        """The revision that the root Service selects, "" for all; None where there is no Service."""
        service = self.objects.get(("Service", NAME))
        return None if service is None else service["spec"]["selector"].get("pilotage.dev/revision", "")

    def routed(self) -> dict[str, int] | None:
        route = self.objects.get(("HTTPRoute", NAME))
        return None if route is None else backend_weights(route, NAME)

    def _root(self) -> Root | None:
        selected = self.selected()
        return None if selected is None else Root(selected, dict(self.endpoints))

    def _route(self) -> Route | None:
        weights = self.routed()
        return None if weights is None else Route(weights, weights == self.accepted, "not seen by the gateway yet")

    def _metrics(self, spec: ModelDeploymentSpec, state: State) -> Metrics:
        if state.canary is None:
            return Metrics(available=False, message="nothing is measured while there is no canary")
        nature = self.nature.get(state.canary.version, "good")
        return self.measured.metrics(spec, state.canary, nature, self.now)

    # --- what happens

    def look(self, *, conflict: bool = False, dies_after: int | None = None) -> tuple[Decision, Plan]:
        """One pass: decide, write the status, then the children. Nothing acts if somebody else wrote the status."""
        situation, revisions, made = self.situation()
        before = ModelDeploymentStatus.parse(self.status)
        decision = decide(situation)
        status = report(before, situation, decision, revisions, 1, "http://fraud")
        used = {r.revision for r in (decision.state.stable, decision.state.canary) if r is not None}
        needed = {n: r for n, r in revisions.items() if made is None or n != made.name or n in used}
        plan = project(situation, decision.state, BODY, needed)
        if conflict:
            return decision, plan
        self.status = json.loads(json.dumps(status.dump(), allow_nan=False))
        self.told += decision.happenings
        for body in plan.keep[:dies_after]:
            self.objects[body["kind"], body["metadata"]["name"]] = body
            self.wrote(situation, body)
        if dies_after is None:
            self._end(plan)
        return decision, plan

    def wrote(self, situation: Situation, body: dict[str, Any]) -> None:
        """For those who watch every single write."""

    def _end(self, plan: Plan) -> None:
        for revision in plan.gone:
            self.ended(revision)
            for kind in ("Deployment", "Service"):
                self.objects.pop((kind, f"{NAME}-{revision}"), None)
        for revision in plan.forgotten:
            self.objects.pop(("ControllerRevision", f"{NAME}-{revision}"))
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
        """Time passes: pods start and end, endpoints and the gateway follow, requests are answered."""
        self.now += seconds
        for revision, wanted in self.wanted().items():
            pods = sorted(self.pods.get(revision, []), key=lambda p: not p.ready)[:wanted]
            self.pods[revision] = pods + [Pod(self.now) for _ in range(wanted - len(pods))]
            nature = self.nature.get(self.revisions[revision].model_version, "good")
            for pod in self.pods[revision]:
                healthy = nature in ("good", "errors") and not pod.broken
                pod.ready = healthy and self.now - pod.born >= STARTS_IN
        self.pods = {r: pods for r, pods in self.pods.items() if r in self.wanted()}
        selected = self.selected()
        self.endpoints = {r: self.ready(r) for r in self.pods if self.ready(r) and selected in ("", r)}
        self.accepted = self.routed()
        canary = (self.status or {}).get("canary")
        self.measured.answer(self.now, self.shares(), canary["revision"] if canary else "")

    def shares(self) -> dict[str, float]:
        """Who answers which share of the requests: by the gateway where there is a route, else by the Service."""
        weights: dict[str, int] = {r: w for r, w in (self.routed() or self.endpoints).items() if self.ready(r)}
        return {r: w / sum(weights.values()) for r, w in weights.items()}

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


def model_version(name: str, *, contract: str = "ab", phase: str = "Ready") -> dict[str, Any]:
    """A ModelVersion whose bundle is its own."""
    digest = "sha256:" + name.encode().hex().rjust(64, "0")
    source = {"uri": "oci://registry:5000/models/fraud", "digest": digest}
    found = {"contract": {"hash": contract * 32}} if phase == "Ready" else {}
    return {
        "spec": {"model": "fraud", "version": name[1:], "source": source},
        "status": {"phase": phase, "message": "golden: the answers differ" if phase == "Rejected" else "", **found},
    }
