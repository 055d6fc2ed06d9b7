"""The words that the rules of a rollout are written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pilotage_operator.api.deploymentstatus import Phase
from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.domain.rollout.seen import Seen
from pilotage_operator.domain.rollout.state import Canary, Failure, Reason, Stable, State
from pilotage_operator.domain.rollout.traffic import by_gateway, desired, full, unconfirmed


@dataclass(frozen=True)
class Happening:
    """Becomes a Kubernetes Event and a line of history, once the state is written."""

    reason: str
    message: str
    warning: bool = False
    by: str = ""


@dataclass(frozen=True)
class Decision:
    state: State
    happenings: tuple[Happening, ...] = ()
    again: float | None = None  # seconds until the next look; None: when something wakes us


@dataclass(frozen=True)
class Situation:
    """All that a rule looks at. `spec` has its defaults filled in; `now` is in seconds since the epoch."""

    spec: ModelDeploymentSpec
    state: State
    seen: Seen
    now: float
    connection_seconds: float = 60.0  # how long a client's connection to a pod is kept

    @property
    def stable(self) -> Stable:
        assert self.state.stable is not None
        return self.state.stable

    @property
    def canary(self) -> Canary:
        assert self.state.canary is not None
        return self.state.canary

    def failure(self, reason: Reason, message: str) -> Failure:
        """The canary's failure, as it is remembered until the spec or a person asks for something else."""
        canary = self.canary
        retry = self.spec.rollout.retry
        return Failure(canary.revision, canary.version, canary.attempt, reason, message, self.now, retry)

    def served(self) -> str:
        """Who is served now; every message begins with it."""
        stable, canary = self.state.stable, self.state.canary
        if stable is None:
            return "nothing is served"
        up = self.seen.ready(stable.revision) > 0
        if canary is None or canary.weight == 0:
            down = "nothing is served" if stable.since is None else f"{stable.version} is down"
            return f"{stable.version} serves all" if up else down
        canary_up = self.seen.ready(canary.revision) > 0
        if not up and not canary_up:
            return f"{stable.version} and {canary.version} are down"
        if canary_up and (canary.weight >= 100 or not up):
            return f"{canary.version} serves all"
        if not canary_up:
            return f"{stable.version} serves all"
        return f"{stable.version} serves {100 - canary.weight} %, {canary.version} {canary.weight} %"

    @property
    def full(self) -> int:
        """Pods that all the traffic takes."""
        return full(self.spec, self.state, self.seen)

    def unconfirmed(self) -> str:
        """What is missing until the shares that the state asks for are in force; "" when nothing is."""
        want = desired(self.spec, self.state, self.seen)
        return unconfirmed(want, self.seen, by_gateway(self.spec)) if want else ""

    def rested(self) -> float:
        """The canary's idle seconds as its pause ends. After the deadline's own pause the deadline begins anew."""
        canary, pause = self.canary, self.state.paused
        if pause is None:
            return canary.idle_seconds
        if pause.reason is Reason.DEADLINE_EXCEEDED:
            return self.now - canary.started_at
        return canary.idle_seconds + self.now - pause.at

    def now_is(
        self,
        phase: Phase,
        reason: Reason,
        message: str,
        *happenings: Happening,
        again: float | None = None,
        **changes: Any,
    ) -> Decision:
        """The decision that changes the state so, and says why; the message is of the shares after the change."""
        after = replace(self, state=replace(self.state, phase=phase, reason=reason, **changes))
        state = replace(after.state, message=f"{after.served()}: {message}")
        return Decision(state, happenings, again)


Rule = Callable[[Situation], Decision | None]

SOON = 0.0
POLL = 5.0  # seconds; what we wait for wakes us by itself, this is for what does not


def withdraw(
    s: Situation, phase: Phase, reason: Reason, message: str, *happenings: Happening, **changes: Any
) -> Decision:
    """Takes the canary's traffic back to stable, and lets go of it once nothing reaches it."""
    canary = s.canary
    if canary.weight or canary.shadow:
        if canary.weight and not s.seen.ready(s.stable.revision) and s.seen.ready(canary.revision):
            down = f"{message}; but {s.stable.version} has no ready pods, so traffic stays where it is answered"
            return s.now_is(phase, reason, down, *happenings, again=POLL, **changes)
        back = replace(canary, weight=0, shadow=False, weight_since=s.now, weight_at=None)
        return s.now_is(
            phase, reason, f"{message}; traffic is being taken back", *happenings, again=SOON, canary=back, **changes
        )
    missing = s.unconfirmed()
    if missing:
        return s.now_is(phase, reason, f"{message}; {missing}", *happenings, again=POLL, **changes)
    retire_at = max(s.now, s.state.retire_at or s.now)
    return s.now_is(
        phase,
        reason,
        message,
        *happenings,
        again=SOON,
        canary=None,
        stable=replace(s.stable, peak=0),
        retire_at=retire_at,
        **changes,
    )
