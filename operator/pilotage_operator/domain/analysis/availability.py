"""Whether the canary and stable can be measured at all, from when their pods were last scraped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pilotage_operator.domain.analysis.counts import Process
from pilotage_operator.domain.analysis.finding import length

Scrapes = Mapping[Process, Sequence[float]]
"""When each process was scraped of late, oldest first; seconds since the epoch."""

GONE = 4  # intervals without a scrape, and a process is taken to be gone
LATE = 1.5  # by how much a scrape may be longer than the interval: they are not punctual


@dataclass(frozen=True)
class Availability:
    """`reason` is one word: Sampled, or why not."""

    available: bool
    reason: str
    message: str


def scrape_interval(scrapes: Scrapes) -> float | None:
    """Seconds between two scrapes of one process, as seen; None where none was scraped twice."""
    gaps = [later - earlier for times in scrapes.values() for earlier, later in pairwise(times)]
    return median(gaps) if gaps else None


def availability(scrapes: Scrapes, *, stable: str, canary: str, instant: float, interval: float) -> Availability:
    """Whether both revisions have a process that was scraped within two intervals before the instant that is due."""
    scrape = scrape_interval(scrapes)
    for side, revision in (("canary", canary), ("stable version", stable)):
        newest = max((times[-1] for p, times in scrapes.items() if p.revision == revision and times), default=None)
        if newest is None:
            message = f"Prometheus has no sample of the {side}'s pods; look whether it scrapes them"
            return Availability(False, "NoSamples", message)
        if newest < instant - 2 * max(interval, scrape or 0.0):
            message = f"Prometheus last scraped a pod of the {side} {length(instant - newest)} before it should have"
            return Availability(False, "StaleSamples", message)
    if scrape is not None and scrape > LATE * interval:
        message = (
            f"Prometheus scrapes every {length(scrape)}, and spec.analysis.interval is {length(interval)}; "
            f"set it to {length(scrape)} or more"
        )
        return Availability(False, "IntervalTooShort", message)
    return Availability(True, "Sampled", "Prometheus scrapes the pods of both versions")


def fresh(scrapes: Scrapes, instant: float, interval: float) -> bool:
    """Whether at an instant no sample was older than an interval; of processes that are still there.

    Then no more than an interval lies between what is taken for the same interval of two processes.
    """
    for times in scrapes.values():
        newest = max((time for time in times if time <= instant), default=None)
        if newest is not None and interval <= instant - newest < GONE * interval:
            return False
    return True


def unreachable(message: str) -> Availability:
    """Where Prometheus itself does not answer."""
    return Availability(False, "PrometheusUnavailable", message)
