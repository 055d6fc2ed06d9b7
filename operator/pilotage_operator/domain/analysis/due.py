"""Which instants are measured: multiples of the interval since the epoch, the same for all."""

from __future__ import annotations

from math import floor

HISTORY = 1800.0  # seconds before the canary's first request in which stable's own pods are learnt from


def due(now: float, interval: float, scrape: float) -> float:
    """The newest instant whose samples are all in: it is asked for one scrape after it passed.

    With interval 15 s and scrape 5 s: 12:00:19 gives 12:00:00, 12:00:20 gives 12:00:15.
    """
    return floor((now - scrape) / interval) * interval


def instants(since: float, last: float | None, until: float, interval: float) -> tuple[float, ...]:
    """The instants that are still to be read, up to `until`: those after `last`, or all from the history before
    `since` on where nothing was read yet."""
    first = floor((since - HISTORY) / interval) if last is None else round(last / interval) + 1
    return tuple(k * interval for k in range(first, round(until / interval) + 1))
