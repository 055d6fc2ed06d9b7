"""What the kubelet and Prometheus ask of the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

BEAT = 1.0  # seconds between two beats of the loop
STALE = 30.0  # a loop that has not beaten for so long hangs


class Metrics:
    """The operator's own figures, all named `pilotage_operator_*`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prefix = "pilotage_operator"
        self.passes = Counter(
            f"{prefix}_reconciles", "Passes by kind and outcome", ["kind", "outcome"], registry=self.registry
        )
        self.seconds = Histogram(f"{prefix}_reconcile_duration_seconds", "One pass", ["kind"], registry=self.registry)
        self.depth = Gauge(f"{prefix}_queue_depth", "Keys that are due and not worked on", registry=self.registry)
        self.leader = Gauge(f"{prefix}_leader", "1 where this process holds the Lease", registry=self.registry)


class Health:
    """Liveness is the age of the loop's heartbeat. `clock` is monotonic seconds."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._beaten = clock()

    async def beat(self) -> None:
        """Runs beside the workers in the same loop, so that it stops when the loop does."""
        while True:
            self._beaten = self._clock()
            await asyncio.sleep(BEAT)

    async def serve(self, port: int) -> web.AppRunner:
        """Answers /healthz and /metrics until the runner is cleaned up."""
        app = web.Application()
        app.add_routes([web.get("/healthz", self._healthz), web.get("/metrics", self._exposed)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, port=port).start()
        return runner

    async def _healthz(self, _: web.Request) -> web.Response:
        age = self._clock() - self._beaten
        return web.Response(status=200 if age < STALE else 503, text=f"last beat {age:.1f} s ago\n")

    async def _exposed(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
