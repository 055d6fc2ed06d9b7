"""A revision: what is served, resolved once and kept as a ControllerRevision whose data never changes.

Its name is a hash of what the user gave (the bundle's digest and the server's fields). What the operator adds (the
runtime image, defaults) is in the pod template that is kept with it, so that no upgrade of the operator renders a
running template anew. What happens to a revision later (its verdict, its attempts) stands in annotations.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from pilotage_operator.api import names
from pilotage_operator.api.modeldeployment import Server

SCHEMA = 1
PROMOTED = f"{names.GROUP}/promoted"
ATTEMPTS = f"{names.GROUP}/attempts"
FAILED = f"{names.GROUP}/failed"
ACTIONS = f"{names.GROUP}/actions"


@dataclass(frozen=True)
class Revision:
    """`name` is the hash; `order` counts a deployment's revisions from 1; `failed` is the last failure's message.

    `actions` are what people asked for while it was on its way, and was done or refused.
    """

    name: str
    order: int
    model_version: str
    version: str
    digest: str
    contract: str
    template: dict[str, Any] = field(repr=False)
    promoted: bool = False
    attempts: int = 0
    failed: str = ""
    actions: tuple[str, ...] = ()
    resource_version: str = ""


def revision_name(digest: str, server: Server) -> str:
    """Ten hex digits that name a revision's children. Only what the user gave counts: absent fields do not.

    >>> revision_name("sha256:" + 64 * "0", Server()) == revision_name("sha256:" + 64 * "0", Server())
    True
    """
    given = server.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    known = {"schema": SCHEMA, "digest": digest, "server": _said(given)}
    return sha256(json.dumps(known, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:10]


def _said(given: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: `resources: {limits: {}}` is the same as no resources."""
    said = {key: _said(value) if isinstance(value, dict) else value for key, value in given.items()}
    return {key: value for key, value in said.items() if value}


def owner(deployment: dict[str, Any]) -> dict[str, Any]:
    """The owner reference of every child. It never blocks the deletion of its owner."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.MODEL_DEPLOYMENT_KIND,
        "name": deployment["metadata"]["name"],
        "uid": deployment["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }


def child_metadata(deployment: dict[str, Any], name: str, revision: str = "") -> dict[str, Any]:
    """Name, namespace, labels and owner of a child; `revision` only for the children of one."""
    labels = {names.DEPLOYMENT_LABEL: deployment["metadata"]["name"], names.MANAGED_BY_LABEL: names.MANAGED_BY}
    if revision:
        labels[names.REVISION_LABEL] = revision
    return {
        "name": name,
        "namespace": deployment["metadata"]["namespace"],
        "labels": labels,
        "ownerReferences": [owner(deployment)],
    }


def controller_revision(deployment: dict[str, Any], revision: Revision) -> dict[str, Any]:
    """The snapshot as an object. Data is immutable to the API server; the annotations are not."""
    metadata = child_metadata(
        deployment, names.child_name(deployment["metadata"]["name"], revision.name), revision.name
    )
    annotations = {ATTEMPTS: str(revision.attempts), PROMOTED: str(revision.promoted).lower()}
    if revision.failed:
        annotations[FAILED] = revision.failed
    if revision.actions:
        annotations[ACTIONS] = " ".join(revision.actions)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {**metadata, "annotations": annotations},
        "revision": revision.order,
        "data": {
            "schema": SCHEMA,
            "modelVersion": revision.model_version,
            "version": revision.version,
            "digest": revision.digest,
            "contract": revision.contract,
            "template": revision.template,
        },
    }


def read_revision(body: dict[str, Any]) -> Revision:
    """The revision that a ControllerRevision holds."""
    data, metadata = body["data"], body["metadata"]
    annotations = metadata.get("annotations") or {}
    return Revision(
        name=metadata["labels"][names.REVISION_LABEL],
        order=int(body["revision"]),
        model_version=data["modelVersion"],
        version=data["version"],
        digest=data["digest"],
        contract=data["contract"],
        template=data["template"],
        promoted=annotations.get(PROMOTED) == "true",
        attempts=int(annotations.get(ATTEMPTS, "0")),
        failed=annotations.get(FAILED, ""),
        actions=tuple(annotations.get(ACTIONS, "").split()),
        resource_version=metadata.get("resourceVersion", ""),
    )
