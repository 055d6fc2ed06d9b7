"""kopf watches and wakes, and leaves no trace on what it watches."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pilotage_operator.api import names
from pilotage_operator.clients.kube import ENDPOINT_SLICE, JOB, MODEL_DEPLOYMENT, MODEL_VERSION, SERVICE, Kube
from pilotage_operator.control.loop import Key
from pilotage_operator.handlers import watch
from tests.component.control.test_kube import service, version


class Woken:
    """The keys that events put on the queue, and the threads that did; each key can be waited for."""

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self._keys: list[Key] = []
        self._changed = asyncio.Event()

    def __call__(self, key: Key) -> None:
        self.threads.add(threading.get_ident())
        self._keys.append(key)
        self._changed.set()

    def forget(self) -> None:
        self._keys.clear()

    async def for_key(self, key: Key) -> None:
        async with asyncio.timeout(30):
            while key not in self._keys:
                self._changed.clear()
                await self._changed.wait()

    def names(self) -> set[str]:
        return {key.name for key in self._keys}


def deployment(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"modelVersion": "fraud-v1"},
    }


@pytest.fixture
async def woken(namespace: str) -> AsyncIterator[Woken]:
    """Everything that is woken while the namespace is watched; `fraud-v1` is asked for by `fraud`."""
    woken, stop = Woken(), asyncio.Event()

    def asked_by(_: str, version: str) -> tuple[str, ...]:
        return ("fraud",) if version == "fraud-v1" else ()

    watching = asyncio.create_task(watch(woken, asked_by, (namespace,), False, stop))
    yield woken
    stop.set()
    await asyncio.wait_for(watching, 30)
    assert woken.threads == {threading.get_ident()}, "the queue belongs to the loop's thread"


Mdeploy = Callable[[str], Key]


@pytest.fixture
def mdeploy(namespace: str) -> Mdeploy:
    return lambda name: Key(names.MODEL_DEPLOYMENT_KIND, namespace, name)


async def test_a_deployment_wakes_itself_and_nothing_is_left_on_it(
    kube: Kube, namespace: str, woken: Woken, mdeploy: Mdeploy
) -> None:
    created = await kube.create(MODEL_DEPLOYMENT, deployment(namespace, "traceless"))
    await woken.for_key(mdeploy("traceless"))
    live = await kube.get(MODEL_DEPLOYMENT, namespace, "traceless")
    assert live == created
    assert not {"finalizers", "annotations"} & live["metadata"].keys()
    woken.forget()
    await kube.delete(MODEL_DEPLOYMENT, namespace, "traceless")
    await woken.for_key(mdeploy("traceless"))
    assert await kube.get(MODEL_DEPLOYMENT, namespace, "traceless") is None


async def test_a_version_wakes_itself_and_the_deployments_that_ask_for_it(
    kube: Kube, namespace: str, woken: Woken, mdeploy: Mdeploy
) -> None:
    created = await kube.create(MODEL_VERSION, version(namespace, "fraud-v1"))
    await woken.for_key(Key(names.MODEL_VERSION_KIND, namespace, "fraud-v1"))
    await woken.for_key(mdeploy("fraud"))
    assert await kube.get(MODEL_VERSION, namespace, "fraud-v1") == created


async def test_children_wake_their_owner_and_strangers_are_not_even_sent(
    kube: Kube, namespace: str, woken: Woken, mdeploy: Mdeploy
) -> None:
    await kube.create(SERVICE, service(namespace, "stranger"))
    await kube.create(SERVICE, service(namespace, "child", **{names.DEPLOYMENT_LABEL: "of-service"}))
    await woken.for_key(mdeploy("of-service"))
    labels = {names.DEPLOYMENT_LABEL: "of-slice", "kubernetes.io/service-name": "child"}
    slice_body = {"metadata": {"name": "child-1", "namespace": namespace, "labels": labels}}
    await kube.create(ENDPOINT_SLICE, {**slice_body, "addressType": "IPv4", "endpoints": [], "ports": []})
    await woken.for_key(mdeploy("of-slice"))
    assert "stranger" not in woken.names()


async def test_a_job_wakes_the_version_that_it_checks(kube: Kube, namespace: str, woken: Woken) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "probe", "image": "none"}]}
    metadata = {"name": "check", "namespace": namespace, "labels": {names.MODEL_VERSION_LABEL: "checked"}}
    await kube.create(JOB, {"metadata": metadata, "spec": {"template": {"spec": pod}}})
    await woken.for_key(Key(names.MODEL_VERSION_KIND, namespace, "checked"))


async def test_what_was_there_before_the_watch_began_wakes_too(kube: Kube, namespace: str, mdeploy: Mdeploy) -> None:
    await kube.create(MODEL_DEPLOYMENT, deployment(namespace, "earlier"))
    woken, stop = Woken(), asyncio.Event()
    watching = asyncio.create_task(watch(woken, lambda *_: (), (namespace,), False, stop))
    await woken.for_key(mdeploy("earlier"))
    stop.set()
    await asyncio.wait_for(watching, 30)
