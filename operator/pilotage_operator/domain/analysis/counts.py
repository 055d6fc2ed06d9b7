"""From what counters stood at, at one instant after the other, to what was counted in between.

Differences are taken per process, never of sums: a new process begins at 0, one that vanished adds 0, and integers come
out that no double scrape can change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Counts = Mapping[str, int]
"""Requests by HTTP code; of a histogram, requests not above an edge (`le`); values and rows by `labelled` keys."""

Source = Literal["answers", "durations", "inputs", "classes", "outputs", "predictions"]
"""What a check counts. `predictions` are classes and outputs together; all others stand in a snapshot as read."""

APART = "\t"  # no label that a serving pod writes has one


def labelled(kind: str, *labels: str) -> str:
    """The key of a count that more than one label tells apart."""
    return APART.join((kind, *labels))


def labels_of(key: str) -> tuple[str, ...]:
    """The kind and the labels that a key was made of."""
    return tuple(key.split(APART))


@dataclass(frozen=True)
class Process:
    """One run of a serving process. `start`: seconds since the epoch."""

    pod: str
    start: int
    revision: str


Seen = tuple[float, float, int, int]
"""Begin and end of an interval, requests of the canary and of stable in it."""

Reading = Mapping[Process, Counts]
"""What the counters of each process stood at."""


@dataclass(frozen=True)
class Snapshot:
    """All that was read of one deployment at one instant. What was not seen, or not asked for, is missing, never 0."""

    at: float
    answers: Reading  # by HTTP code
    durations: Reading = field(default_factory=dict)  # by edge in seconds
    inputs: Reading = field(default_factory=dict)  # `rows`; `invalid` by feature and kind; `value` by feature and bin
    classes: Reading = field(default_factory=dict)  # `class` by output and class
    outputs: Reading = field(default_factory=dict)  # `bin` by output, column and bin

    def of(self, source: Source) -> Reading:
        """What a check counts, by process."""
        match source:
            case "answers":
                return self.answers
            case "durations":
                return self.durations
            case "inputs":  # a request that was refused is at least one row that did not come to the model
                refused = {p: {REFUSED: counts.get("400", 0)} for p, counts in self.answers.items() if p in self.inputs}
                return {p: {**counts, **refused.get(p, {})} for p, counts in self.inputs.items()}
            case "classes":
                return self.classes
            case "outputs":
                return self.outputs
            case "predictions":
                both = self.classes.keys() | self.outputs.keys()
                return {p: {**self.classes.get(p, {}), **self.outputs.get(p, {})} for p in both}


@dataclass(frozen=True)
class PodCount:
    """What one process counted in one interval, none of it below 0."""

    pod: str
    start: int
    counts: Counts
    requests: int


@dataclass(frozen=True)
class Interval:
    """What both sides counted after `begin`, up to `end`. Without `canary` it is stable's past, from before it."""

    begin: float
    end: float
    stable: tuple[PodCount, ...]
    canary: tuple[PodCount, ...] = ()

    @property
    def sides(self) -> tuple[int, int]:
        """Requests of stable and of the canary."""
        return sum(p.requests for p in self.stable), sum(p.requests for p in self.canary)


def summed(counts: Iterable[Counts]) -> dict[str, int]:
    """The sum of counts by key."""
    found: dict[str, int] = {}
    for each in counts:
        for key, n in each.items():
            found[key] = found.get(key, 0) + n
    return found


def answered(counts: Counts) -> int:
    """All requests, where they are counted by code."""
    return sum(counts.values())


def timed(counts: Counts) -> int:
    """All requests, where they are counted by edge."""
    return counts.get("+Inf", 0)


ROWS, REFUSED = "rows", "refused"


def entered(counts: Counts) -> int:
    """Rows that came to the model, and requests that were refused before."""
    return counts.get(ROWS, 0) + counts.get(REFUSED, 0)


def predicted(counts: Counts) -> int:
    """Rows that were answered: the most that any one output counted."""
    totals: dict[tuple[str, ...], int] = {}
    for key, count in counts.items():
        totals[labels_of(key)[:-1]] = totals.get(labels_of(key)[:-1], 0) + count
    return max(totals.values(), default=0)


REQUESTS: Mapping[Source, Callable[[Counts], int]] = {
    "answers": answered,
    "durations": timed,
    "inputs": entered,
    "classes": predicted,
    "outputs": predicted,
    "predictions": predicted,
}
"""How much one process did, by what was counted of it."""


@dataclass(frozen=True)
class Tally:
    """One family's counters, followed from instant to instant. Evidence counts from `since`.

    A process that is seen for the first time begins at 0 if it started after the first instant that showed anything.
    One that is older was there before the memory of the metrics begins: what it counted then is nobody's evidence.
    A process cannot count down: a figure below the last comes from a source that lags, adds 0 and is forgotten.
    """

    stable: str  # revision
    canary: str
    since: float
    requests: Callable[[Counts], int]
    remembers_from: float | None = None  # the first instant that showed anything
    at: float | None = None
    stood: Reading = field(default_factory=dict)  # what each process was last seen at
    waiting: Interval | None = None  # one side had no request in it: merged with the next
    seen: tuple[Seen, ...] = ()  # since evidence counts, nothing merged

    def after(self, at: float, reading: Reading) -> tuple[Tally, Interval | None]:
        """The next state, and the interval that this instant completes."""
        if self.remembers_from is None and not reading:
            return replace(self, at=at), None
        memory = at if self.remembers_from is None else self.remembers_from
        counted = [
            (process, self._counted(process, counts, memory)) for process, counts in sorted(reading.items(), key=_order)
        ]
        stood = {**self.stood, **{p: _highest(self.stood.get(p, {}), counts) for p, counts in reading.items()}}
        following = replace(self, remembers_from=memory, at=at, stood=stood)
        if self.at is None:
            return following, None
        fresh = Interval(self.at, at, self._side(counted, self.stable), self._side(counted, self.canary))
        if at <= self.since:
            return following, replace(fresh, canary=())
        to_stable, to_canary = fresh.sides
        following = replace(following, seen=(*self.seen, (fresh.begin, at, to_canary, to_stable)))
        whole = _merged(self.waiting, fresh) if self.waiting else fresh
        if min(whole.sides) == 0:
            return replace(following, waiting=whole), None
        return replace(following, waiting=None), whole

    def _counted(self, process: Process, counts: Counts, memory: float) -> Counts:
        before = self.stood.get(process)
        if before is None and process.start <= memory:
            before = counts
        before = before or {}
        return {label: max(0, count - before.get(label, 0)) for label, count in counts.items()}

    def _side(self, counted: Sequence[tuple[Process, Counts]], revision: str) -> tuple[PodCount, ...]:
        return tuple(
            PodCount(process.pod, process.start, counts, self.requests(counts))
            for process, counts in counted
            if process.revision == revision
        )


def intervals(
    series: Sequence[tuple[float, Reading]], stable: str, canary: str, since: float, requests: Callable[[Counts], int]
) -> tuple[Interval, ...]:
    """All intervals of a series of instants, in their order."""
    tally, found = Tally(stable, canary, since, requests), []
    for at, reading in series:
        tally, interval = tally.after(at, reading)
        if interval is not None:
            found.append(interval)
    return tuple(found)


def _order(item: tuple[Process, Counts]) -> tuple[str, int]:
    return item[0].pod, item[0].start


def _highest(before: Counts, counts: Counts) -> Counts:
    return {**before, **{label: max(count, before.get(label, 0)) for label, count in counts.items()}}


def _merged(first: Interval, second: Interval) -> Interval:
    return Interval(first.begin, second.end, _added(first.stable, second.stable), _added(first.canary, second.canary))


def _added(first: tuple[PodCount, ...], second: tuple[PodCount, ...]) -> tuple[PodCount, ...]:
    total = {(p.pod, p.start): p for p in first}
    for p in second:
        was = total.get((p.pod, p.start))
        if was is not None:
            p = PodCount(p.pod, p.start, summed([was.counts, p.counts]), was.requests + p.requests)
        total[p.pod, p.start] = p
    return tuple(total[key] for key in sorted(total))
