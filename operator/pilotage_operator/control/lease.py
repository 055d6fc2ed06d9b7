"""One active operator, by a Lease: whoever holds it may write, and stops writing before another may begin."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pilotage_operator.clients.kube import LEASE, AlreadyExists, Conflict, Kube, KubeError

log = logging.getLogger(__name__)

NAME = "pilotage"
DURATION = 15.0  # seconds that a holder may be silent before another takes over
DEADLINE = 10.0  # seconds after its last renewal at which a holder begins no write; the last has WRITE_TIMEOUT to end
RENEW_EVERY = 3.0
LOOK_EVERY = 1.0
ATTEMPT = 4.0  # seconds for one attempt, so that one that hangs leaves time for another


class LeaseLost(KubeError):
    """This process is not, or not any more, the one that may write."""


class Lease:
    """`clock` is monotonic seconds. Another's lease is judged by when we saw it change, so clocks need not agree."""

    def __init__(self, namespace: str, holder: str, clock: Callable[[], float]) -> None:
        self._namespace = namespace
        self._holder = holder
        self._clock = clock
        self._renewed: float | None = None
        self._seen: tuple[str, float] = ("", 0.0)  # another's last renewal, and when we first saw it
        self.held = asyncio.Event()
        self.lost = asyncio.Event()

    def fence(self) -> None:
        """Called before every write; raises LeaseLost."""
        if self._renewed is None or self._clock() - self._renewed >= DEADLINE:
            raise LeaseLost("the Lease is not held: another operator may be writing")

    async def run(self, kube: Kube) -> None:
        """Acquires, and renews until it is lost; then `lost` is set, and this process should end.

        `kube` writes unfenced: the Lease is the fence.
        """
        while not self.held.is_set():
            if await self.attempt(kube):
                log.info("the lease is held by %s", self._holder)
                self.held.set()
                break
            await asyncio.sleep(LOOK_EVERY)
        while self._renewed is not None and self._clock() - self._renewed < DEADLINE:
            await asyncio.sleep(RENEW_EVERY)
            await self.attempt(kube)
        log.error("the lease is lost: it could not be renewed in %s s", DEADLINE)
        self.lost.set()

    async def release(self, kube: Kube) -> None:
        """Lets another take over at once."""
        if self._renewed is None:
            return
        self._renewed = None
        try:
            body = await kube.get(LEASE, self._namespace, NAME)
            if body is not None and body["spec"].get("holderIdentity") == self._holder:
                spec = {**body["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                await kube.update(LEASE, {**body, "spec": spec})
        except KubeError as error:
            log.warning("the lease could not be released: %s", error)

    async def attempt(self, kube: Kube) -> bool:
        """One attempt to acquire or renew; whether the lease is ours afterwards. Never raises KubeError."""
        asked = self._clock()  # a renewal counts from before it was asked for
        try:
            async with asyncio.timeout(ATTEMPT):
                body = await kube.get(LEASE, self._namespace, NAME)
                if body is None:
                    await kube.create(LEASE, self._body({}))
                elif self._may_take(body["spec"]):
                    await kube.update(LEASE, {**body, "spec": self._spec(body["spec"])})
                else:
                    return False
        except (AlreadyExists, Conflict):
            return False
        except (KubeError, TimeoutError) as error:
            log.warning("the lease could not be written: %r", error)
            return False
        self._renewed = asked
        return True

    def _may_take(self, spec: dict[str, Any]) -> bool:
        holder = spec.get("holderIdentity") or ""
        if holder in ("", self._holder):
            return True
        renewal = f"{holder} {spec.get('renewTime', '')}"
        if renewal != self._seen[0]:
            self._seen = renewal, self._clock()
        return self._clock() - self._seen[1] >= float(spec.get("leaseDurationSeconds") or DURATION)

    def _spec(self, before: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = before.get("holderIdentity") == self._holder
        return {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": int(DURATION),
            "acquireTime": before.get("acquireTime", now) if mine else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (not mine),
        }

    def _body(self, before: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": NAME, "namespace": self._namespace}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": self._spec(before),
        }
