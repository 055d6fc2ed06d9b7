"""The children as they follow from the state: what there is to be, and what may go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pilotage_operator.api import names
from pilotage_operator.domain.manifests import serving
from pilotage_operator.domain.manifests.revision import Revision, controller_revision
from pilotage_operator.domain.rollout.decision import Situation
from pilotage_operator.domain.rollout.state import State
from pilotage_operator.domain.rollout.traffic import by_gateway, canary_pods, desired, full, in_traffic, unconfirmed

ACTIONS_KEPT = 20  # of people, for one revision
REVISIONS_KEPT = 10  # snapshots of versions that are not served any more


@dataclass(frozen=True)
class Plan:
    """`keep`: objects as they shall be. `gone`: revisions whose pods and Service end. `forgotten`: their snapshots."""

    keep: tuple[dict[str, Any], ...]
    gone: tuple[str, ...]
    forgotten: tuple[str, ...]
    later: float | None  # seconds until a version that still keeps its pods may be looked at again


def project(s: Situation, state: State, owner: dict[str, Any], revisions: Mapping[str, Revision]) -> Plan:
    """The plan for a state; `s` is what it was decided from. The order of `keep` is the order of writing.

    Snapshots come first, so that every other child has its source; then pods, then what leads traffic to them.
    """
    wanted = _replicas(s, state)
    retiring = [r for r in s.seen.workloads if r not in wanted]
    ready = state.retire_at is None or s.now >= state.retire_at
    want = desired(s.spec, state, s.seen)
    in_force = want is None or not unconfirmed(want, s.seen, by_gateway(s.spec))
    gone = tuple(r for r in retiring if ready and in_force and not in_traffic(r, s.seen))
    name = owner["metadata"]["name"]
    keep: list[dict[str, Any]] = [controller_revision(owner, r) for r in _annotated(state, revisions)]
    for revision, replicas in wanted.items():
        if revision in revisions:
            keep.append(serving.deployment(owner, revisions[revision], replicas))
            keep += _autoscaler(s, state, owner, revision)
            keep.append(serving.service(owner, names.child_name(name, revision), revision, revision))
    if want is not None:
        keep.append(serving.service(owner, name, want.root))
        if by_gateway(s.spec) and s.spec.traffic is not None:
            keep.append(serving.http_route(owner, s.spec.traffic, want.weights, want.mirror))
    left = [r for r in retiring if r not in gone]
    later = None
    if left:
        later = max(1.0, state.retire_at - s.now) if state.retire_at is not None and not ready else 5.0
    pinned = {*wanted, *retiring, s.seen.target.revision, state.stable.previous if state.stable else ""}
    return Plan(tuple(keep), gone, tuple(_forgotten(pinned, revisions)), later)


def _replicas(s: Situation, state: State) -> dict[str, int]:
    """Pods by revision. Those of an autoscaler are written as it left them: where it was faster, ours is refused."""
    wanted = {state.stable.revision: full(s.spec, state, s.seen)} if state.stable else {}
    if state.canary is not None:
        least, scaling = canary_pods(s.spec, state, state.canary, s.seen), s.spec.autoscaling
        workload = s.seen.workloads.get(state.canary.revision)
        if scaling is not None and workload is not None and _scales(s, state, state.canary.revision):
            least = max(least, min(workload.wanted, scaling.max))
        wanted[state.canary.revision] = least
    return wanted


def _scales(s: Situation, state: State, revision: str) -> bool:
    """Whether a revision has an autoscaler. Where pods make the share, a canary's number of them is its share."""
    canary = state.canary
    return canary is None or canary.revision != revision or by_gateway(s.spec) or canary.weight >= 100


def _autoscaler(s: Situation, state: State, owner: dict[str, Any], revision: str) -> Iterable[dict[str, Any]]:
    """Stable is held at its peak while a rollout goes on; a canary has at least the pods of its weight."""
    scaling, canary = s.spec.autoscaling, state.canary
    if scaling is None or not _scales(s, state, revision):
        return
    least = scaling.min
    if canary is not None and canary.revision == revision:
        least = canary_pods(s.spec, state, canary, s.seen)
    elif canary is not None:
        least = full(s.spec, state, s.seen)
    yield serving.autoscaler(owner, revision, scaling, least)


def _annotated(state: State, revisions: Mapping[str, Revision]) -> Iterable[Revision]:
    """The snapshots with their verdicts, as far as the state knows something that they do not say yet."""
    for revision in revisions.values():
        asked = [k for k in state.actions if k.split("/")[2:3] == [revision.name]][-ACTIONS_KEPT:]
        done = [k for k in asked if k not in revision.actions]
        now = replace(revision, actions=(*revision.actions, *done)[-ACTIONS_KEPT:]) if done else revision
        if state.stable is not None and state.stable.revision == revision.name and state.stable.since is not None:
            now = replace(now, promoted=True, failed="")
        if state.canary is not None and state.canary.revision == revision.name:
            now = replace(now, attempts=max(now.attempts, state.canary.attempt))
        if state.failed is not None and state.failed.revision == revision.name:
            now = replace(now, failed=state.failed.message[:500], attempts=max(now.attempts, state.failed.attempt))
        yield now


def _forgotten(pinned: set[str], revisions: Mapping[str, Revision]) -> list[str]:
    """The oldest snapshots beyond those that are kept; never one that has pods or is asked for."""
    idle = sorted((r for r in revisions.values() if r.name not in pinned), key=lambda r: r.order)
    return [r.name for r in idle[: max(0, len(idle) - REVISIONS_KEPT)]]
