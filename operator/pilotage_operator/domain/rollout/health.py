"""What keeps pods from being ready: the version's own fault, or the cluster's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pilotage_operator.domain.rollout.seen import Trouble
from pilotage_operator.domain.rollout.state import Reason

REGISTRY_AWAY = 75  # exit code of `pilotage fetch`: another try may succeed
RESTARTS = 2  # a pod that ended so often without becoming ready is in a crash loop
IMAGE = ("ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")
CONTAINER = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


def ready(pod: dict[str, Any]) -> bool:
    """Ready and not being deleted."""
    conditions = pod.get("status", {}).get("conditions") or []
    yes = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return yes and "deletionTimestamp" not in pod["metadata"]


def trouble(pods: Iterable[dict[str, Any]]) -> Trouble | None:
    """The first trouble among the pods that are not ready, the version's own before the cluster's."""
    found = [t for pod in pods if not ready(pod) and "deletionTimestamp" not in pod["metadata"] for t in _of_pod(pod)]
    return min(found, key=lambda t: not t.own, default=None)


def _of_pod(pod: dict[str, Any]) -> Iterable[Trouble]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions") or []}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        message = f"pod {name} cannot be scheduled: {scheduled.get('message', '')}"
        yield Trouble(False, Reason.UNSCHEDULABLE, message)
    # The kubelet writes both conditions; only for a node that does not answer any more somebody else writes one.
    if conditions.get("ContainersReady", {}).get("status") == "True" and "Ready" in conditions:
        node = pod.get("spec", {}).get("nodeName", "")
        yield Trouble(False, Reason.NODE_GONE, f"pod {name}: its node {node} does not answer")
    if status.get("reason"):  # Evicted, NodeLost, Preempting
        yield Trouble(False, Reason.CLUSTER_TROUBLE, f"pod {name} ended: {status['reason']}")
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or []:
            found = _of_container(name, container)
            if found is not None:
                yield found


def _of_container(pod: str, container: dict[str, Any]) -> Trouble | None:
    waiting = container.get("state", {}).get("waiting") or {}
    if waiting.get("reason") in (*IMAGE, *CONTAINER):
        message = f"pod {pod}, container {container['name']}: {waiting['reason']}, {waiting.get('message', '')}"
        reason = Reason.IMAGE_MISSING if waiting["reason"] in IMAGE else Reason.CLUSTER_TROUBLE
        return Trouble(False, reason, message)
    ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
    if not ended or (ended.get("exitCode", 0) == 0 and container["name"] == "fetch"):
        return None
    restarts = int(container.get("restartCount", 0))
    message = f"pod {pod}, container {container['name']} ended with {_ending(ended)} after {restarts} restarts"
    if ended.get("exitCode") == REGISTRY_AWAY and container["name"] == "fetch":
        return Trouble(False, Reason.REGISTRY_AWAY, message)
    looping = restarts >= RESTARTS or (restarts >= 1 and waiting.get("reason") == "CrashLoopBackOff")
    if not looping:
        return None
    reason = Reason.OUT_OF_MEMORY if ended.get("reason") == "OOMKilled" else Reason.CRASH_LOOP
    return Trouble(True, reason, message)


def _ending(ended: dict[str, Any]) -> str:
    if ended.get("reason") == "OOMKilled":
        return "OOMKilled: it needs more memory than its limit (server.resources.limits.memory)"
    why = _last_words(ended.get("message") or "")
    return f"exit code {ended.get('exitCode')}" + (f" ({why[:200]})" if why else "")


def _last_words(message: str) -> str:
    """What a container said as it ended: the checks of `pilotage fetch` that failed, or else its last line."""
    try:
        return "; ".join(r["message"] for r in json.loads(message)["report"] if r["verdict"] == "fail")
    except (ValueError, KeyError, TypeError):
        return next(reversed(message.strip().splitlines()), "")
