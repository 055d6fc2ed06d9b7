"""Who is to get which share, how many pods that takes, and whether it is so yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.domain.analysis.share import agrees
from pilotage_operator.domain.rollout.seen import Metrics, Seen
from pilotage_operator.domain.rollout.state import Canary, State

QUIET_SECONDS = 15.0  # without traffic a share cannot be seen: then the route's own word is enough after this time


@dataclass(frozen=True)
class Desired:
    """`root`: the revision that the root Service selects, "" for all; `weights`: percent by revision on the route.

    `mirror`: the revision that gets a copy of the requests, "" for none.
    """

    root: str
    weights: Mapping[str, int]
    mirror: str = ""


def by_gateway(spec: ModelDeploymentSpec) -> bool:
    return spec.traffic is not None


def step_weight(spec: ModelDeploymentSpec, canary: Canary) -> int:
    """The weight that the canary's present step asks for, in percent; 100 less the holdback in the bake.

    A step of approval asks for no weight of its own: the one before it stays. What a person goes back to gets all.
    """
    steps = spec.rollout.steps
    if canary.returning:
        return 100
    if canary.step >= len(steps):
        return 100 - (spec.rollout.bake.holdback if by_gateway(spec) else 0)
    return max((step.weight or 0 for step in steps[: canary.step + 1]), default=0)


def baking(spec: ModelDeploymentSpec, canary: Canary) -> bool:
    return canary.returning or canary.step >= len(spec.rollout.steps)


def shadowing(spec: ModelDeploymentSpec, canary: Canary) -> bool:
    """Whether the canary's present step asks for a copy of the traffic."""
    return not baking(spec, canary) and spec.rollout.steps[canary.step].shadow is not None


def full(spec: ModelDeploymentSpec, state: State, seen: Seen) -> int:
    """Pods that all the traffic takes: as the spec says, or as many as the autoscaler gave stable.

    While a rollout goes on these never get fewer: what the canary takes over stable must be able to take back.
    """
    scaling = spec.autoscaling
    if scaling is None:
        return spec.replicas
    workload = seen.workloads.get(state.stable.revision) if state.stable else None
    peak = state.stable.peak if state.stable else 0
    return min(scaling.max, max(scaling.min, peak, workload.wanted if workload else 0))


def pods_for(weight: int, replicas: int, *, gateway: bool) -> int:
    """How many canary pods a weight takes beside `replicas` of stable.

    With a gateway as many as the share of the load, and two where stable has two or more, so that one bad node is not
    mistaken for a bad version. Without, the most whose share c / (replicas + c) is not above the weight, at least one:
    3 replicas and 5 % give 1 pod (25 %); 8 and 20 % give 2 (20 %); above 50 % all, as many as stable has.
    """
    if weight <= 0:
        return 0
    if gateway:
        return min(replicas, max(2, -(-replicas * weight // 100)))
    if weight >= 100:
        return replicas
    return max(1, min(replicas, replicas * weight // (100 - weight)))


def weight_count(spec: ModelDeploymentSpec) -> int:
    """At how many weights a canary stands in a whole rollout, a shadow's copy and the bake included."""
    return sum(1 for step in spec.rollout.steps if step.approval is None) + 1


def meant_share(spec: ModelDeploymentSpec, canary: Canary, pods: int) -> float:
    """The share of the requests, 0 to 1, that the canary's present weight comes to; `pods` is what stable has.

    Without a gateway it is that of the pods. A shadow is sent as many requests as stable: half of them all.
    """
    if canary.shadow:
        return 0.5
    if by_gateway(spec) or canary.weight in (0, 100):
        return canary.weight / 100
    own = pods_for(canary.weight, pods, gateway=False)
    return own / (own + pods)


def step_pods(spec: ModelDeploymentSpec, state: State, canary: Canary, seen: Seen) -> int:
    """Pods that the canary's present step takes; a copy of all the traffic takes all of them."""
    if baking(spec, canary) or shadowing(spec, canary):
        return full(spec, state, seen)
    return max(1, pods_for(step_weight(spec, canary), full(spec, state, seen), gateway=by_gateway(spec)))


def canary_pods(spec: ModelDeploymentSpec, state: State, canary: Canary, seen: Seen) -> int:
    """Pods that the canary is to have now: those of its step, and those that carry its weight until that is changed.

    Those of a canary that is taken back stay until nothing reaches them, and those found after a lost status as well.
    """
    workload, gateway = seen.workloads.get(canary.revision), by_gateway(spec)
    withdrawn = canary.weight == 0 and (seen.target.revision != canary.revision or state.failed is not None)
    if workload is not None and (state.lost or withdrawn):
        return workload.wanted
    if gateway:  # a weight is in force some time after it was written; pods of the one before are kept for the next
        carry = min(workload.wanted, full(spec, state, seen)) if workload else 0
    else:
        carry = pods_for(canary.weight, full(spec, state, seen), gateway=False)
    if state.paused is not None and canary.weight:
        return max(1, carry)
    return max(step_pods(spec, state, canary, seen), carry)


def desired(spec: ModelDeploymentSpec, state: State, seen: Seen) -> Desired | None:
    """The shares that the state asks for; None before anything is stable.

    Whatever the weight, nobody is sent to a side without ready pods while the other side has some.
    """
    if state.stable is None:
        return None
    stable, canary = state.stable.revision, state.canary
    if canary is None or canary.weight == 0 or (seen.ready(stable) and not seen.ready(canary.revision)):
        copied = canary is not None and canary.shadow and by_gateway(spec) and seen.ready(canary.revision) > 0
        return Desired(root=stable, weights={stable: 100}, mirror=canary.revision if canary and copied else "")
    if not by_gateway(spec):
        return Desired(root=canary.revision if canary.weight >= 100 else "", weights={})
    if seen.ready(canary.revision) and not seen.ready(stable):
        return Desired(root=canary.revision, weights={canary.revision: 100})
    weights = {stable: 100 - canary.weight, canary.revision: canary.weight}
    root = canary.revision if _bake_has_begun(spec, canary) else stable
    return Desired(root=root, weights={r: w for r, w in weights.items() if w})


def _bake_has_begun(spec: ModelDeploymentSpec, canary: Canary) -> bool:
    """Whether the bake's weight was written: before that its pods may not be ready, and the root Service waits."""
    last_step = max((step.weight or 0 for step in spec.rollout.steps), default=0)
    written = canary.weight == step_weight(spec, canary) or canary.weight > last_step
    return baking(spec, canary) and written


def unconfirmed(want: Desired, seen: Seen, gateway: bool) -> str:
    """What is still missing until the wanted shares are in force at the gateway and the Service; "" when nothing is."""
    root = seen.root
    if root is None:
        return "the Service does not exist yet"
    if root.revision != want.root:
        return "the Service does not select as asked yet"
    strangers = sorted(r for r, n in root.endpoints.items() if n and want.root not in ("", r))
    if strangers:
        return f"the Service still has endpoints of revision {', '.join(strangers)}"
    if not gateway:
        return "" if seen.route is None else "the HTTPRoute that spec.traffic asked for before is not gone yet"
    if seen.route is None:
        return "the HTTPRoute does not exist yet"
    if dict(seen.route.weights) != dict(want.weights):
        return "the HTTPRoute does not have the weights asked for yet"
    if seen.route.mirror != want.mirror:
        return "the HTTPRoute does not copy requests as asked yet"
    return "" if seen.route.accepted else seen.route.message or "the gateway has not accepted the HTTPRoute yet"


def share_unconfirmed(canary: Canary, metrics: Metrics, gateway: bool, now: float) -> str:
    """Why the share that was seen does not bear out the weight; "" when it does, or cannot be told by traffic.

    Without a gateway connections are balanced, not requests, and shares settle slowly: endpoints decide there.
    """
    if not gateway:
        return ""
    total = metrics.canary_requests + metrics.stable_requests
    if total == 0:
        quiet = now - (now if canary.weight_since is None else canary.weight_since)
        return "" if quiet >= QUIET_SECONDS else "no request was seen since the weight changed"
    if agrees(canary.weight, metrics.canary_requests, metrics.stable_requests):
        return ""
    seen = 100 * metrics.canary_requests / total
    return f"the canary was seen to get {seen:.1f} % of {total} requests, not {canary.weight} %"


def in_traffic(revision: str, seen: Seen) -> bool:
    """Whether requests may reach a revision by the Service or the route, now or as soon as endpoints follow."""
    root = seen.root
    if root is not None and (
        root.endpoints.get(revision, 0) or (root.revision in ("", revision) and seen.ready(revision))
    ):
        return True
    return seen.route is not None and (seen.route.weights.get(revision, 0) > 0 or seen.route.mirror == revision)
