"""What each reason means and what to do about it: docs/reasons.md is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pilotage_operator.api.conditions import ConditionReason
from pilotage_operator.domain.rollout.state import Reason


class Explained(NamedTuple):
    means: str
    do: str


NOTHING = "Nothing."

REASONS: Mapping[Reason, Explained] = {
    Reason.WAITING_FOR_VERSION: Explained(
        "The ModelVersion that is asked for does not exist yet, or is still being checked.",
        "Wait for `kubectl get mv`; if it stays away, create it, or correct `spec.modelVersion`.",
    ),
    Reason.STARTING_PODS: Explained("Pods of the next share start; traffic moves once they are ready.", NOTHING),
    Reason.ALL_READY: Explained("The version that is asked for serves, with all its pods.", NOTHING),
    Reason.SCALING: Explained(
        "Stable serves, with fewer ready pods than it shall have.",
        "Nothing, if the number was just changed; else look at its pods.",
    ),
    Reason.WAITING_FOR_TRAFFIC: Explained(
        "A share waits for its moment, or was written and is not seen to be in force yet; the clock stands still, and "
        "nothing is scaled down.",
        "If it lasts: the message names the Service, the endpoints, or the gateway's own words about the HTTPRoute.",
    ),
    Reason.MEASURING: Explained(
        "The canary has its share, and its time and evidence add up.",
        "Nothing; the message says what is measured, and what each check still needs.",
    ),
    Reason.METRICS_UNAVAILABLE: Explained(
        "Prometheus cannot be asked, or does not see the pods. The rollout holds; it never rolls back for this.",
        "See that `prometheus.url` in the chart's values answers, and that it scrapes pods by `prometheus.io/scrape`.",
    ),
    Reason.CANARY_UNAVAILABLE: Explained(
        "The canary has no ready pod left; stable has all the traffic until it has.",
        "Look at the canary's pods. If they do not come back the version fails by itself.",
    ),
    Reason.STABLE_UNAVAILABLE: Explained(
        "Stable has no ready pod; the canary answers all of what comes, and the rollout holds: without stable there is "
        "nothing to compare with, and nothing to go back to.",
        "Bring stable's pods back. If the canary is to take over for good: `promote`.",
    ),
    Reason.AWAITING_APPROVAL: Explained(
        "The step waits for a person.",
        "Annotate `approve` for the revision and attempt in `status.canary` (it needs the RBAC verb `approve`), or "
        "`abort`.",
    ),
    Reason.PAUSED_BY_PERSON: Explained("Somebody annotated `pause`.", "Annotate `resume`, or `abort`."),
    Reason.PAUSED_BY_SPEC: Explained("`spec.rollout.paused` freezes rollouts.", "Remove it to go on."),
    Reason.DEADLINE_EXCEEDED: Explained(
        "The rollout is not done after `progressDeadline`; people's time is not counted. The message says what is "
        "missing.",
        "See to what is missing, then annotate `resume`: the deadline begins anew. Or `skip`, `promote`, `abort`.",
    ),
    Reason.STATUS_LOST: Explained(
        "The status was deleted or restored without its past. What serves is left as it was found.",
        "Look at `status.stable` and `status.canary`, then annotate `resume`; or `abort`, or `rollback`.",
    ),
    Reason.CHECK_FAILED: Explained(
        "A check is proven to fail. With `onFail: rollback` the canary was taken back, with `pause` it waits.",
        "The message names the figure, its limit, and what is responsible. Fix the version; `retry` if it was not "
        "at fault.",
    ),
    Reason.NO_WAY_BACK: Explained(
        "A new version would start while stable has no ready pod to go back to.",
        "Bring stable's pods back; or annotate `approve`; or set `spec.rollout.allow.noRollback`.",
    ),
    Reason.CLUSTER_TROUBLE: Explained(
        "Pods are kept from starting by something that is not the version's fault: a Secret is missing, a pod was "
        "evicted. The rollout holds, and pauses after `readyDeadline`.",
        "See to what the message names. Once paused, annotate `resume`.",
    ),
    Reason.UNSCHEDULABLE: Explained(
        "No node takes a pod. The rollout holds, and pauses after `readyDeadline`.",
        "Make room, or ask for less in `server.resources` (a new revision). Once paused, annotate `resume`.",
    ),
    Reason.IMAGE_MISSING: Explained(
        "A node cannot get the serving image. The rollout holds, and pauses after `readyDeadline`.",
        "See that `server.runtime` names a tag that exists, and that nodes reach the registry. Once paused, `resume`.",
    ),
    Reason.REGISTRY_AWAY: Explained(
        "The registry with the bundle cannot be reached. The rollout holds, and pauses after `readyDeadline`.",
        "Bring the registry back, or mend the credentials. Once paused, annotate `resume`.",
    ),
    Reason.NODE_GONE: Explained(
        "The node under a pod does not answer. The rollout holds; Kubernetes moves the pod after some minutes.",
        "Bring the node back or remove it.",
    ),
    Reason.PROMOTED: Explained("The canary has baked and is stable now.", NOTHING),
    Reason.ABORTED: Explained(
        "Somebody annotated `abort`; stable has all the traffic.",
        "Ask for another version, or annotate `retry`.",
    ),
    Reason.ROLLED_BACK_BY_PERSON: Explained(
        "Somebody annotated `rollback`. It holds until `spec.modelVersion` changes.",
        "Ask for another version, or annotate `retry`.",
    ),
    Reason.NOT_READY_IN_TIME: Explained(
        "The canary's pods were not ready after `readyDeadline`, and nothing of the cluster's explains it.",
        "Look at their logs; raise `readyDeadline` for a model that loads slowly, then `retry`.",
    ),
    Reason.CRASH_LOOP: Explained(
        "A container of the version ends again and again; the message has its exit code and last words.",
        "Look at its logs (`--previous`). Fix the version.",
    ),
    Reason.OUT_OF_MEMORY: Explained(
        "A container of the version needs more memory than its limit.",
        "Raise `server.resources.limits.memory`: that is a new revision, and starts by itself.",
    ),
    Reason.SUPERSEDED: Explained("A newer version is asked for; the one before gives way first.", NOTHING),
    Reason.RETURNED_TO_STABLE: Explained("The spec asks for stable again; the canary is withdrawn.", NOTHING),
    Reason.VERSION_REJECTED: Explained(
        "The ModelVersion failed its checks.", "`kubectl describe mv` says which. Make a version that passes them."
    ),
    Reason.CONTRACT_CHANGED: Explained(
        "The version has other inputs or outputs than the one that serves.",
        "Prepare the callers, then set `spec.rollout.allow.contractChange`.",
    ),
    Reason.NAME_TAKEN: Explained(
        "An object that the deployment needs exists already, and belongs to somebody else.",
        "Rename or delete it, or name the ModelDeployment otherwise.",
    ),
    Reason.BAD_SPEC: Explained(
        "The spec cannot be used: it contradicts the platform's defaults, or the API server refuses what follows from "
        "it. A canary was taken back, since nobody can tell by what it is to be judged.",
        "The message says which field, and what to write.",
    ),
    Reason.GATEWAY_MISSING: Explained(
        "`spec.traffic` needs the Gateway API, and the cluster has none.", "Install a gateway, or remove `traffic`."
    ),
    Reason.SHADOW_UNAVAILABLE: Explained(
        "A step asks for a shadow, and nothing can copy requests: there is no `spec.traffic`, or the GatewayClass says "
        "that it does not mirror.",
        "Use a gateway that supports HTTPRoute's RequestMirror, or take the step out.",
    ),
}

CONDITIONS: Mapping[ConditionReason, Explained] = {
    ConditionReason.SAMPLED: Explained("MetricsAvailable: Prometheus has fresh samples of both sides.", NOTHING),
    ConditionReason.NO_SAMPLES: Explained("MetricsAvailable: it has not.", "As for MetricsUnavailable."),
    ConditionReason.IN_FORCE: Explained("WeightConfirmed: the shares are as they were asked for.", NOTHING),
    ConditionReason.CHANGING: Explained("WeightConfirmed: not yet; the message says what is missing.", NOTHING),
    ConditionReason.REPLICA_SHARES: Explained(
        "WeightApproximate: without a gateway a share is one of pods; the message has the share asked for and the one "
        "that so many pods give.",
        "More replicas, or `spec.traffic`, give finer shares.",
    ),
    ConditionReason.WARM: Explained("RollbackAvailable: stable has ready pods.", NOTHING),
    ConditionReason.NOT_READY: Explained("RollbackAvailable: it has none.", "As for StableUnavailable."),
}

EVENTS: Mapping[str, str] = {
    "Installing": "A first version is installed; it has no canary.",
    "Installed": "It is ready and serves all.",
    "Started": "A canary starts: from what, to what, which attempt.",
    "WeightChanged": "Its next share is written.",
    "StepDone": "A step is over, with its evidence.",
    "Promoted": "The canary is stable now.",
    "RolledBack": "The canary was taken back, and why.",
    "Returned": "The revision that a person went back to is stable now.",
    "Paused": "The rollout waits for a person, and why.",
    "Superseded": "A newer version was asked for.",
    "ReturnedToStable": "Stable was asked for again.",
    "CanaryUnavailable": "The canary lost its last ready pod.",
    "TrafficSwitched": "`spec.traffic` came or went; stable has all the traffic while the mode changes.",
    "StatusLost": "The status was lost and is recovered from what serves.",
    "ActionRefused": "What a person asked for was not done, and why.",
    "PutRight": "A child was not as it should be, and was put right: somebody edited or deleted it.",
}
