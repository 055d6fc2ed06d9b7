"""Puts the operator together, and runs it until it is told to stop or has lost its Lease."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import time
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from kubernetes.aio.client import ApiClient

from pilotage_operator.api import names
from pilotage_operator.clients.counters import Counters
from pilotage_operator.clients.kube import HTTP_ROUTE, MODEL_DEPLOYMENT, MODEL_VERSION, Kind, Kube, KubeError
from pilotage_operator.clients.prometheus import Prometheus
from pilotage_operator.control.config import Config
from pilotage_operator.control.health import Health, Metrics
from pilotage_operator.control.lease import Lease
from pilotage_operator.control.loop import Key, Reconciler, work
from pilotage_operator.control.measure import Measure
from pilotage_operator.control.modeldeployment import ModelDeployments
from pilotage_operator.control.modelversion import ModelVersions
from pilotage_operator.control.queue import Queue

log = logging.getLogger(__name__)

WORKERS = 10
STOP = 5.0  # seconds that the watches have to end
RESYNC = 300.0  # seconds; every owner is looked at so often even if no event came

Watch = Callable[
    [Callable[[Key], None], Callable[[str, str], Collection[str]], Collection[str], bool, asyncio.Event],
    Coroutine[Any, Any, None],
]


class App:
    """One process. `watch` is given, since only its module knows kopf."""

    def __init__(self, client: ApiClient, config: Config, namespace: str, holder: str, watch: Watch) -> None:
        self._config = config
        self._watch = watch
        self._lease = Lease(namespace, holder, time.monotonic)
        self._unfenced = Kube(client, lambda: None)
        self._kube = Kube(client, self._lease.fence)
        self._metrics = Metrics()
        self._health = Health(self._metrics, time.monotonic)
        self._queue: Queue[Key] = Queue(time.monotonic)
        self._asked: dict[tuple[str, str], set[str]] = {}

    async def run(self) -> int:
        """The exit code: 0 when it was told to stop, 1 when the Lease was lost."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        serving = await self._health.serve(self._config.health_port)
        async with Prometheus(self._config.prometheus.url, self._config.prometheus.headers) as prometheus:
            reconcilers = self._reconcilers(prometheus)
            watching = asyncio.create_task(self._watch_all(stop))
            tasks = [
                asyncio.create_task(self._health.beat()),
                asyncio.create_task(self._lease.run(self._unfenced)),
                asyncio.create_task(self._lead(reconcilers)),
            ]
            ends = [asyncio.create_task(stop.wait()), asyncio.create_task(self._lease.lost.wait())]
            await asyncio.wait([*ends, *tasks, watching], return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            for task in (*tasks, *ends):
                task.cancel()
            ended = await asyncio.gather(*tasks, *ends, return_exceptions=True)
            await self._lease.release(self._unfenced)
            await asyncio.wait([watching], timeout=STOP)
            watching.cancel()
            ended += await asyncio.gather(watching, return_exceptions=True)
        await serving.cleanup()
        broken = [error for error in ended if isinstance(error, Exception)]
        for error in broken:
            log.error("a part of the operator broke", exc_info=error)
        return 1 if broken or self._lease.lost.is_set() else 0

    async def _watch_all(self, stop: asyncio.Event) -> None:
        """Watches once both kinds are served: kopf looks for them only when it starts."""
        while not stop.is_set():
            if await self._installed():
                gateway = await self._kube.exists_kind(HTTP_ROUTE)
                await self._watch(self._queue.add, self._asked_by, self._config.watch_namespaces, gateway, stop)
                return
            await asyncio.sleep(1)

    async def _installed(self) -> bool:
        try:
            found = [await self._kube.exists_kind(kind) for kind in (MODEL_DEPLOYMENT, MODEL_VERSION)]
        except KubeError as error:
            log.warning("the API server cannot be asked for its kinds: %s", error)
            return False
        if not all(found):
            log.warning("the CustomResourceDefinitions of %s are not installed; install them", names.GROUP)
        return all(found)

    def _reconcilers(self, prometheus: Prometheus) -> dict[str, Reconciler]:
        return {
            names.MODEL_DEPLOYMENT_KIND: ModelDeployments(
                self._kube, Measure(Counters(prometheus)), self._config, time.time, self._remember
            ),
            names.MODEL_VERSION_KIND: ModelVersions(self._kube, self._config, time.time),
        }

    async def _lead(self, reconcilers: dict[str, Reconciler]) -> None:
        """Waits for the Lease; then works, and looks at everything now and again."""
        await self._lease.held.wait()
        self._metrics.leader.set(1)
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(work(self._queue, reconcilers, self._metrics))
            group.create_task(self._resync())

    async def _resync(self) -> None:
        while True:
            for kind in (MODEL_DEPLOYMENT, MODEL_VERSION):
                for namespace in self._config.watch_namespaces or (None,):
                    await self._wake_all(kind, namespace)
            await asyncio.sleep(RESYNC * (0.8 + 0.4 * random.random()))

    async def _wake_all(self, kind: Kind, namespace: str | None) -> None:
        try:
            for body in await self._kube.list(kind, namespace):
                self._queue.add(Key(kind.kind, body["metadata"]["namespace"], body["metadata"]["name"]))
        except KubeError as error:
            log.warning("%s could not be listed: %s", kind.kind, error)

    def _remember(self, namespace: str, name: str, version: str) -> None:
        """Which version a deployment asks for, so that the version's events wake it."""
        for deployments in (v for (where, _), v in self._asked.items() if where == namespace):
            deployments.discard(name)
        self._asked.setdefault((namespace, version), set()).add(name)

    def _asked_by(self, namespace: str, version: str) -> Collection[str]:
        return tuple(self._asked.get((namespace, version), ()))
