"""Pods as the API server shows them, and whose fault it is that they are not ready."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pilotage_operator.domain.rollout.health import ready, trouble

UNREADY = {"type": "Ready", "status": "False"}
READY = {"type": "Ready", "status": "True"}


def pod(*containers: dict[str, Any], init: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    found = {"conditions": [UNREADY], "containerStatuses": list(containers), **status}
    return {"metadata": {"name": "p"}, "status": found | ({"initContainerStatuses": [init]} if init else {})}


def container(name: str = "server", restarts: int = 0, *, last: dict[str, Any] | None = None, **state: Any) -> Any:
    return {"name": name, "restartCount": restarts, "state": state, "lastState": {"terminated": last} if last else {}}


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"exitCode": code, "reason": reason, "message": message}


CONTAINERS_READY = {"type": "ContainersReady", "status": "True"}
BACK_OFF = {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient cpu"}
REFUSED = json.dumps(
    {
        "step": "fetch",
        "report": [{"check": "digest", "verdict": "fail", "message": "model.onnx is not what was checked"}],
    }
)


@pytest.mark.parametrize(
    ("of", "own", "reason", "says"),
    [
        pytest.param(
            pod(container(waiting=BACK_OFF, restarts=1, last=ended(3))),
            True,
            "CrashLoop",
            "exit code 3",
            id="it crashed, and the kubelet backs off",
        ),
        pytest.param(
            pod(container(running={}, restarts=2, last=ended(139))),
            True,
            "CrashLoop",
            "after 2 restarts",
            id="it runs for the third time and was never ready",
        ),
        pytest.param(
            pod(container(running={}, restarts=2, last=ended(0, "Completed"))),
            True,
            "CrashLoop",
            "exit code 0",
            id="a server that ends well still ends",
        ),
        pytest.param(
            pod(container(waiting=BACK_OFF, restarts=1, last=ended(137, "OOMKilled"))),
            True,
            "OutOfMemory",
            "needs more memory",
            id="it was killed for its memory",
        ),
        pytest.param(
            pod(container(waiting=BACK_OFF, restarts=1, last=ended(1, message="a\nno such file"))),
            True,
            "CrashLoop",
            "(no such file)",
            id="its last line says why",
        ),
        pytest.param(
            pod(init=container("fetch", 2, waiting=BACK_OFF, last=ended(1, message=REFUSED))),
            True,
            "CrashLoop",
            "(model.onnx is not what was checked)",
            id="the bundle was refused",
        ),
        pytest.param(
            pod(init=container("fetch", 3, waiting=BACK_OFF, last=ended(75))),
            False,
            "RegistryUnavailable",
            "exit code 75",
            id="the registry is away",
        ),
        pytest.param(
            pod(init=container("fetch", 0, terminated=ended(75))),
            False,
            "RegistryUnavailable",
            "exit code 75",
            id="the registry is away, seen at the first try",
        ),
        pytest.param(
            pod(container(waiting={"reason": "ImagePullBackOff", "message": "not found"})),
            False,
            "ImageMissing",
            "ImagePullBackOff, not found",
            id="its image cannot be pulled",
        ),
        pytest.param(
            pod(container(waiting={"reason": "CreateContainerConfigError", "message": "secret pull"})),
            False,
            "ClusterTrouble",
            "secret pull",
            id="a secret is missing",
        ),
        pytest.param(
            pod(conditions=[UNREADY, UNSCHEDULABLE]), False, "Unschedulable", "Insufficient cpu", id="no node has room"
        ),
        pytest.param(
            pod(container(running={}), conditions=[UNREADY, CONTAINERS_READY]),
            False,
            "NodeGone",
            "does not answer",
            id="its node is gone",
        ),
        pytest.param(pod(reason="Evicted", phase="Failed"), False, "ClusterTrouble", "Evicted", id="it was evicted"),
    ],
)
def test_what_keeps_a_pod_from_being_ready(of: dict[str, Any], own: bool, reason: str, says: str) -> None:
    found = trouble([of])
    assert found
    assert (found.own, str(found.reason)) == (own, reason)
    assert says in found.message


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(pod(), id="it has just been made"),
        pytest.param(pod(container(waiting={"reason": "PodInitializing"})), id="it is starting"),
        pytest.param(
            pod(container(running={}), init=container("fetch", terminated=ended(0))), id="it was fetched well"
        ),
        pytest.param(
            pod(container(running={}), init=container("fetch", 2, terminated=ended(0), last=ended(75))),
            id="the registry came back",
        ),
        pytest.param(pod(container(running={}, restarts=1, last=ended(137))), id="it restarted once"),
        pytest.param(pod(container(waiting=BACK_OFF, restarts=3, last=ended(1)), conditions=[READY]), id="it is ready"),
        pytest.param(
            {
                **pod(container(waiting=BACK_OFF, restarts=3, last=ended(1))),
                "metadata": {"name": "p", "deletionTimestamp": "now"},
            },
            id="it is being deleted",
        ),
        pytest.param({"metadata": {"name": "p"}}, id="it has no status"),
    ],
)
def test_what_is_no_trouble(of: dict[str, Any]) -> None:
    assert trouble([of]) is None


def test_the_versions_own_trouble_comes_before_the_clusters() -> None:
    crashing = pod(container(waiting=BACK_OFF, restarts=3, last=ended(1)))
    found = trouble([pod(conditions=[UNSCHEDULABLE]), crashing])
    assert found
    assert found.own


def test_a_pod_that_is_being_deleted_is_not_ready() -> None:
    assert ready(pod(conditions=[READY]))
    assert not ready({**pod(conditions=[READY]), "metadata": {"name": "p", "deletionTimestamp": "now"}})
    assert not ready({"metadata": {"name": "p"}})
