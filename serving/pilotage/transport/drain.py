"""How a serving process ends: nobody who was told to come here finds the door shut."""

import asyncio
import logging
from collections.abc import Sized
from time import monotonic

from pilotage.transport.connection import Shared

log = logging.getLogger(__name__)

# Kubernetes takes a pod out of its endpoints while it sends SIGTERM, not before; proxies hear of it seconds later.
LEAST_SECONDS = 5.0
_FINISH_SECONDS = 8.0  # for what is in flight; with the default drain within Kubernetes' 30 s of grace
_QUIET_SECONDS = 1.0
_POLL_SECONDS = 0.1


async def drain(server: asyncio.Server, shared: Shared, seconds: float) -> None:
    """Answer for up to `seconds` more, each answer closing its connection; then shut the door and finish.

    It ends early when no connection has been open for a second, but not in the first five seconds.
    """
    shared.drain()
    await lame_duck(shared.connections, seconds, LEAST_SECONDS)
    server.close()
    for connection in list(shared.connections):
        connection.close_if_idle()
    await finish(shared.connections)


async def lame_duck(connections: Sized, seconds: float, least: float) -> None:
    """Wait for `seconds`; or, once `least` are over, until no connection has been open for a second."""
    began = last_open = monotonic()
    while (now := monotonic()) - began < seconds:
        if connections:
            last_open = now
        if now - began >= least and now - last_open >= _QUIET_SECONDS:
            return
        await asyncio.sleep(_POLL_SECONDS)


async def finish(connections: Sized) -> None:
    """Wait for requests on their way in and answers on their way out."""
    deadline = monotonic() + _FINISH_SECONDS
    while monotonic() < deadline:
        if not connections:
            return
        await asyncio.sleep(_POLL_SECONDS)
    log.warning("%d connections did not end in time and are cut", len(connections))
