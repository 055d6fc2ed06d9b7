"""Workers take keys from the queue, and run one pass of the key's reconciler each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from pilotage_operator.clients.kube import KubeError, Unavailable
from pilotage_operator.control.health import Metrics
from pilotage_operator.control.lease import LeaseLost
from pilotage_operator.control.queue import Queue

log = logging.getLogger(__name__)


class Key(NamedTuple):
    """The owner that a pass is about; `kind` is its Kubernetes kind."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Reconciler(Protocol):
    async def reconcile(self, namespace: str, name: str) -> float | None:
        """One pass; seconds until the next one, or None where an event will wake it. Raises KubeError."""


async def work(queue: Queue[Key], reconcilers: Mapping[str, Reconciler], metrics: Metrics) -> None:
    """One worker, for ever. What goes wrong is logged and tried again; the next pass looks at everything anew."""
    while True:
        key = await queue.take()
        metrics.depth.set(len(queue))
        try:
            with metrics.seconds.labels(key.kind).time():
                again = await reconcilers[key.kind].reconcile(key.namespace, key.name)
        except asyncio.CancelledError:
            raise
        except LeaseLost:
            queue.failed(key)
        except KubeError as error:
            at_least = (error.retry_after or 0.0) if isinstance(error, Unavailable) else 0.0
            wait = queue.failed(key, at_least)
            metrics.passes.labels(key.kind, "error").inc()
            log.warning("%s: %s; again in %.1f s", key, error, wait)
        except Exception:  # a defect of ours must not stop the others' rollouts
            wait = queue.failed(key)
            metrics.passes.labels(key.kind, "defect").inc()
            log.exception("%s: the pass failed; again in %.1f s", key, wait)
        else:
            queue.done(key, again)
            metrics.passes.labels(key.kind, "done").inc()
