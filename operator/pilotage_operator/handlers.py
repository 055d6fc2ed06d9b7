"""What is watched, and whom it wakes; the only importer of kopf.

An event does one thing: it puts its owner on the queue. Nothing is read from it but names, so that a late, repeated or
lost event costs at most a pass. kopf adds no finalizer and no annotation for handlers of this kind. All of them are
coroutines: kopf runs plain functions in threads, and the queue belongs to the loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, cast

import kopf

from pilotage_operator.api import names
from pilotage_operator.control.loop import Key

Wake = Callable[[Key], None]

WORKERS = 100  # of kopf's, each hands an event on and ends
BACKOFF_LONGEST = 30.0

CHILDREN = (
    ("apps", "v1", "deployments"),
    ("", "v1", "services"),
    ("discovery.k8s.io", "v1", "endpointslices"),
)
ROUTES = ("gateway.networking.k8s.io", "v1", "httproutes")


class _Backoffs:
    """Endless and jittered: a watch that cannot be opened is tried for ever."""

    def __iter__(self) -> Iterator[float]:
        wait = 1.0
        while True:
            yield wait * (0.5 + random.random() / 2)
            wait = min(BACKOFF_LONGEST, wait * 2)


def registry(wake: Wake, asked_by: Callable[[str, str], Collection[str]], gateway: bool) -> kopf.OperatorRegistry:
    """Handlers for the two resources and the children.

    `asked_by` gives the deployments of a namespace that ask for a ModelVersion, by name; `gateway` says whether there
    are HTTPRoutes to watch.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**kwargs: Any) -> Any:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(names.GROUP, names.VERSION, names.MODEL_DEPLOYMENT_PLURAL, registry=handlers)
    async def on_deployment(namespace: str | None, name: str | None, **_: Any) -> None:
        wake(Key(names.MODEL_DEPLOYMENT_KIND, namespace or "", name or ""))

    @kopf.on.event(names.GROUP, names.VERSION, names.MODEL_VERSION_PLURAL, registry=handlers)
    async def on_version(namespace: str | None, name: str | None, **_: Any) -> None:
        wake(Key(names.MODEL_VERSION_KIND, namespace or "", name or ""))
        for deployment in asked_by(namespace or "", name or ""):
            wake(Key(names.MODEL_DEPLOYMENT_KIND, namespace or "", deployment))

    async def on_child(namespace: str | None, labels: Mapping[str, str], **_: Any) -> None:
        if owner := labels.get(names.DEPLOYMENT_LABEL):
            wake(Key(names.MODEL_DEPLOYMENT_KIND, namespace or "", owner))

    for group, version, plural in (*CHILDREN, *((ROUTES,) if gateway else ())):
        kopf.on.event(group, version, plural, registry=handlers)(on_child)

    @kopf.on.event("batch", "v1", "jobs", registry=handlers)
    async def on_job(namespace: str | None, labels: Mapping[str, str], **_: Any) -> None:
        if owner := labels.get(names.MODEL_VERSION_LABEL):
            wake(Key(names.MODEL_VERSION_KIND, namespace or "", owner))

    return handlers


def settings() -> kopf.OperatorSettings:
    """As a long-lived operator wants them: dead watches are noticed, retries are endless, nothing is posted."""
    chosen = kopf.OperatorSettings()
    chosen.networking.error_backoffs = _Backoffs()
    chosen.networking.connect_timeout = 10
    chosen.networking.enforce_retry_after = True
    chosen.watching.server_timeout = 300
    chosen.watching.client_timeout = 310
    chosen.watching.connect_timeout = 10
    chosen.watching.inactivity_timeout = 70
    chosen.watching.chunk_size = 500
    chosen.queueing.worker_limit = WORKERS
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    # Needs no right to watch namespaces and definitions; what is installed later is noticed after a restart.
    chosen.scanning.disabled = True
    # The API server, not this process, sorts out whose children they are.
    for _, _, plural in (*CHILDREN, ROUTES):
        chosen.watching.label_selectors[plural] = names.DEPLOYMENT_LABEL
    chosen.watching.label_selectors["jobs"] = names.MODEL_VERSION_LABEL
    return chosen


async def watch(
    wake: Wake,
    asked_by: Callable[[str, str], Collection[str]],
    namespaces: Collection[str],
    gateway: bool,
    stop: asyncio.Event,
) -> None:
    """Watches until told to stop, by the event or a signal; without namespaces all of them. Raises what broke kopf.

    kopf's own `operator` would, when it stops, wait for every task of this process and cancel it; ours are not kopf's.
    """
    tasks = await kopf.spawn_tasks(
        registry=registry(wake, asked_by, gateway),
        settings=settings(),
        identity=cast(Any, names.MANAGED_BY),  # else kopf asks for the user's name, and the image's user has none
        namespaces=tuple(namespaces),
        clusterwide=not namespaces,
        stop_flag=stop,
    )
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
