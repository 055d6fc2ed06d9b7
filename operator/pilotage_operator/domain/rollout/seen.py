"""What is seen of the world in one pass: facts without judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.manifests.revision import Revision
from pilotage_operator.domain.rollout.state import Reason


@dataclass(frozen=True)
class Trouble:
    """What keeps pods from being ready; `own` is the version's own fault, else the cluster's."""

    own: bool
    reason: Reason
    message: str


@dataclass(frozen=True)
class Workload:
    """One revision's pods; those whose Deployment was just deleted, and that still run, are `wanted` no more.

    `promoted`: it has been stable before; `order`: the age of its snapshot.
    """

    revision: str
    version: str
    wanted: int = 0
    ready: int = 0
    trouble: Trouble | None = None
    promoted: bool = False
    order: int = 0


@dataclass(frozen=True)
class Root:
    """The root Service: which revision it selects ("" is all), and ready endpoints by revision."""

    revision: str
    endpoints: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """The HTTPRoute: percent by revision, and whether our parents take it as it is now written.

    `mirror` is the revision that gets a copy of the requests, "" for none.
    """

    weights: Mapping[str, int]
    accepted: bool
    message: str = ""
    mirror: str = ""


@dataclass(frozen=True)
class Target:
    """What `spec.modelVersion` comes to. Without a revision it is not usable, for the reason given."""

    revision: str
    version: str
    reason: Reason | None = None
    message: str = ""
    attempts: int = 0  # rollouts of this revision so far
    failed: str = ""  # message of its last verdict, where that was a failure

    @property
    def waiting(self) -> bool:
        return self.reason is Reason.WAITING_FOR_VERSION


@dataclass(frozen=True)
class Metrics:
    """Whether the canary can be measured, and what was: counts since the weight was last changed."""

    available: bool
    message: str = ""
    instant: float | None = None  # the aligned instant that the figures are of
    canary_requests: int = 0
    stable_requests: int = 0
    findings: tuple[Finding, ...] = ()
    next_at: float | None = None  # when the next instant's samples are in
    write_at: float | None = None  # the latest moment to write a weight that has settled as the next interval begins


@dataclass(frozen=True)
class Command:
    """What a person asked for by annotation; `to` is the revision that a rollback goes back to, where it is named.

    `problem`: why its value cannot be read. `word`: the value, as far as it is remembered.
    """

    action: str
    id: str
    revision: str
    attempt: int
    by: str
    to: str = ""
    problem: str = ""
    word: str = ""

    @property
    def key(self) -> str:
        """What is remembered once it was done: the same words are never done again."""
        said = self.word or "/".join(filter(None, (self.id, self.revision, str(self.attempt), self.to)))
        return f"{self.action}/{said}"


@dataclass(frozen=True)
class Seen:
    target: Target
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    root: Root | None = None
    route: Route | None = None
    metrics: Metrics = field(default_factory=lambda: Metrics(available=False, message="nothing was measured yet"))
    commands: tuple[Command, ...] = ()
    revisions: Mapping[str, Revision] = field(default_factory=dict)

    def ready(self, revision: str) -> int:
        workload = self.workloads.get(revision)
        return workload.ready if workload else 0
