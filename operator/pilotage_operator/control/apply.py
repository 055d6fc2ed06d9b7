"""Carries out a plan: creates what is missing, puts right what differs, deletes what may go."""

from __future__ import annotations

import logging
from typing import Any

from pilotage_operator.api import names
from pilotage_operator.clients.kube import (
    AUTOSCALER,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    HTTP_ROUTE,
    SERVICE,
    AlreadyExists,
    Conflict,
    Invalid,
    Kube,
)
from pilotage_operator.control.children import OWNED, Children
from pilotage_operator.domain.rollout.projection import Plan

log = logging.getLogger(__name__)


async def carry_out(kube: Kube, owner: dict[str, Any], plan: Plan, children: Children) -> list[str]:
    """Writes only what differs, and tells what that was. A race with somebody else is left to the next pass."""
    written = []
    namespace, name = owner["metadata"]["namespace"], owner["metadata"]["name"]
    for body in plan.keep:
        if body["kind"] == "HTTPRoute" and not children.gateway_api:
            continue  # the status says so
        if await _keep(kube, body, children.bodies.get((body["kind"], body["metadata"]["name"]))):
            written.append(f"{body['kind']} {body['metadata']['name']}")
    for revision in plan.gone:
        child = names.child_name(name, revision)
        for kind in (SERVICE, DEPLOYMENT):  # by its pods a revision is known, so that they go last
            live = children.bodies.get((kind.kind, child))
            if live is not None:
                await kube.delete(kind, namespace, child, uid=live["metadata"]["uid"])
    for revision in plan.forgotten:
        await kube.delete(CONTROLLER_REVISION, namespace, names.child_name(name, revision))
    kept = {(body["kind"], body["metadata"]["name"]) for body in plan.keep}
    for (kind_name, child), live in children.bodies.items():
        kind = OWNED[kind_name]
        if kind in (AUTOSCALER, HTTP_ROUTE) and (kind_name, child) not in kept and plan.keep:
            await kube.delete(kind, namespace, child, uid=live["metadata"]["uid"])
    return written


async def _keep(kube: Kube, body: dict[str, Any], live: dict[str, Any] | None) -> bool:
    """Whether it had to be written, and was."""
    kind = OWNED[body["kind"]]
    try:
        if live is None and kind is CONTROLLER_REVISION:
            # Its data is compared byte for byte ever after, and an apply stores it as later applies will write it.
            # A stranger of that name has other data, so that the API server refuses: nothing is merged into it.
            await kube.apply(kind, body)
        elif live is None:
            await kube.create(kind, body)
        elif not agrees(body, live):
            metadata = {**body["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}
            await kube.apply(kind, {**body, "metadata": metadata})
        else:
            return False
        return True
    except (AlreadyExists, Conflict) as error:
        log.info("%s %s was written by somebody else meanwhile: %s", kind.kind, body["metadata"]["name"], error)
    except Invalid as error:
        if kind is not HTTP_ROUTE:
            raise
        log.info("HTTPRoute %s stays as it is: %s", body["metadata"]["name"], error)  # the status says so
    return False


def agrees(wanted: Any, live: Any) -> bool:
    """Whether everything that is wanted stands in what is live; what the API server added does not matter.

    There are two exceptions: a label too many in a Service's selector selects too little, and a route's timeouts, which
    nothing adds by default, were once ours or are somebody else's.
    """
    if isinstance(wanted, dict):
        if not isinstance(live, dict) or ("timeouts" in live and "timeouts" not in wanted):
            return False
        if "selector" in wanted and set(wanted["selector"]) != set(live.get("selector") or {}):
            return False
        return all(agrees(value, live.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(wanted) == len(live) and all(map(agrees, wanted, live))
    return bool(wanted == live) or (wanted in ({}, [], "", None) and live is None)
