"""A cluster that is only simulated: children as they were written, and pods, endpoints and a gateway that follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any

from pilotage_operator.domain.analysis.counts import Process
from pilotage_operator.domain.manifests.revision import Revision, read_revision
from pilotage_operator.domain.manifests.serving import backend_mirror, backend_weights
from pilotage_operator.domain.rollout.seen import Root, Route, Trouble, Workload
from pilotage_operator.domain.rollout.state import Reason

NAME = "fraud"
SERVING = ("good", "errors", "slow", "skewed", "confused")  # what a version is like whose pods become ready
STARTS_IN = 5.0  # seconds that a pod takes to become ready, or to crash


@dataclass
class Pod:
    """One pod of a revision; `broken` overrides what its version is like."""

    born: float
    name: str = ""
    ready: bool = False
    broken: bool = False


@dataclass
class Cluster:
    """`nature` says what a version is like: one of SERVING, crashing, out of memory, hanging, or pending."""

    now: float = 1_000_000.0
    nature: dict[str, str] = field(default_factory=dict)
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, list[Pod]] = field(default_factory=dict)
    endpoints: dict[str, int] = field(default_factory=dict)
    accepted: dict[str, int] | None = None
    copied: str = ""  # the revision that the gateway copies requests to
    starts_in: float = STARTS_IN
    lag: int = 0  # ticks for which endpoints and the gateway stand still
    really: dict[str, int] | None = None  # percent by which the gateway sends, where that is not what the route says
    made: int = 0  # pods so far
    load: int = 1  # pods that all the traffic keeps busy, as an autoscaler sees it

    @property
    def revisions(self) -> dict[str, Revision]:
        found = (read_revision(body) for (kind, _), body in self.objects.items() if kind == "ControllerRevision")
        return {revision.name: revision for revision in found}

    def workloads(self, revisions: dict[str, Revision]) -> dict[str, Workload]:
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
        if any(not p.ready and self.now - p.born >= self.starts_in for p in pods):
            return {
                "crashing": Trouble(True, Reason.CRASH_LOOP, "exit code 3"),
                "out of memory": Trouble(True, Reason.OUT_OF_MEMORY, "OOMKilled"),
                "pending": Trouble(False, Reason.UNSCHEDULABLE, "pod cannot be scheduled"),
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

    def root(self) -> Root | None:
        selected = self.selected()
        return None if selected is None else Root(selected, dict(self.endpoints))

    def route(self) -> Route | None:
        weights = self.routed()
        if weights is None:
            return None
        accepted = weights == self.accepted and self.mirrored() == self.copied
        return Route(weights, accepted, "not seen by the gateway yet", self.mirrored())

    def mirrored(self) -> str:
        """The revision that gets a copy of the requests, as the route is written."""
        return backend_mirror(self.objects.get(("HTTPRoute", NAME), {}), NAME)

    def heal(self) -> None:
        for pod in (pod for pods in self.pods.values() for pod in pods):
            pod.broken = False

    def advance(self, seconds: float) -> None:
        """Time passes: pods start and end, endpoints and the gateway follow."""
        self.now += seconds
        self._autoscale()
        for revision, wanted in self.wanted().items():
            pods = sorted(self.pods.get(revision, []), key=lambda p: not p.ready)[:wanted]
            self.pods[revision] = pods + [self._pod(revision) for _ in range(wanted - len(pods))]
            nature = self.nature.get(self.revisions[revision].model_version, "good")
            for pod in self.pods[revision]:
                healthy = nature in SERVING and not pod.broken
                pod.ready = healthy and self.now - pod.born >= self.starts_in
        self.pods = {r: pods for r, pods in self.pods.items() if r in self.wanted()}
        if self.lag:
            self.lag -= 1
        else:
            selected = self.selected()
            self.endpoints = {r: self.ready(r) for r in self.pods if self.ready(r) and selected in ("", r)}
            self.accepted, self.copied = self.routed(), self.mirrored()

    def _pod(self, revision: str) -> Pod:
        self.made += 1
        return Pod(self.now, f"{NAME}-{revision}-{self.made}")

    def processes(self) -> dict[Process, tuple[float, str]]:
        """Those that are ready: each one's share of the requests, and what its version is like."""
        shares, copied = self.shares(), self.mirrored()
        if copied and self.ready(copied):
            shares = {**shares, copied: 1.0}  # beside what users get
        found = {}
        for revision, pods in self.pods.items():
            serving = [pod for pod in pods if pod.ready]
            nature = self.nature.get(self.revisions[revision].model_version, "good")
            for pod in serving:
                each = shares.get(revision, 0.0) / len(serving)
                found[Process(pod.name, int(pod.born), revision)] = (each, nature)
        return found

    def _autoscale(self) -> None:
        """Pods by load, as the autoscalers that are there allow."""
        for (kind, name), scaler in self.objects.items():
            deployment = self.objects.get(("Deployment", name))
            if kind == "HorizontalPodAutoscaler" and deployment is not None:
                share = self.shares().get(name.removeprefix(f"{NAME}-"), 0.0)
                least, most = scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]
                spec = {**deployment["spec"], "replicas": min(most, max(least, ceil(self.load * share)))}
                self.objects["Deployment", name] = {**deployment, "spec": spec}

    def shares(self) -> dict[str, float]:
        """Who answers which share of the requests: by the gateway where there is a route, else by the Service."""
        weights: dict[str, int] = {
            r: w for r, w in (self.really or self.routed() or self.endpoints).items() if self.ready(r)
        }
        return {r: w / sum(weights.values()) for r, w in weights.items()}
