"""The Job that checks a ModelVersion: fetched by a container with credentials, probed by one with none.

It runs once. Whether it is tried again is decided from what it reported, and not by the Job controller, which cannot
tell a registry that is away from a bundle that is wrong.
"""

from typing import Any

from pilotage_operator.api import names
from pilotage_operator.api.modelversion import Gate, ModelVersionSpec
from pilotage_operator.domain.manifests.pod import BUNDLE_DIR, fetch_container, model_container, pod_base

GENERATION_ANNOTATION = f"{names.GROUP}/generation"
"""On the Job: the generation of the ModelVersion whose limits it checks."""
# The last resort for a pod that never starts. The time that a model may take is judged long before, with a reason.
DEADLINE_SECONDS = 1800
KEEP_FINISHED_SECONDS = 3600


def check_job(
    *, owner: dict[str, Any], spec: ModelVersionSpec, attempt: int, image: str, plain_http: bool
) -> dict[str, Any]:
    """The Job of one attempt at the ModelVersion `owner` (the object as read), named `<name>-check-<attempt>`.

    At most 63 characters up to attempt 9999, since the name of a ModelVersion has at most 52.
    """
    metadata = owner["metadata"]
    labels = {names.MODEL_VERSION_LABEL: metadata["name"], names.MANAGED_BY_LABEL: names.MANAGED_BY}
    probe = model_container(name="probe", image=image, args=_probe_args(spec.gate), resources=_resources(spec.gate))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{metadata['name']}-check-{attempt}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": {GENERATION_ANNOTATION: str(metadata["generation"])},
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": names.MODEL_VERSION_KIND,
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": KEEP_FINISHED_SECONDS,
            "template": {
                "metadata": {"labels": labels},
                "spec": pod_base(spec.source)
                | {
                    "restartPolicy": "Never",
                    "initContainers": [fetch_container(image=image, source=spec.source, plain_http=plain_http)],
                    "containers": [probe],
                },
            },
        },
    }


def _probe_args(gate: Gate) -> list[str]:
    return ["probe", BUNDLE_DIR, "--rtol", repr(gate.golden.rtol), "--atol", repr(gate.golden.atol)]


def _resources(gate: Gate) -> dict[str, Any]:
    """The gate's memory, and the kernel to hold the model to it. Asked for in full: a node that is short of memory
    must not look like a model that needs too much."""
    return {"requests": {"cpu": "100m", "memory": gate.memory}, "limits": {"memory": gate.memory}}
