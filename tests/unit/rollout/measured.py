"""A simulated Prometheus, and requests that the pods count; the operator's own measuring and judges read it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import erf, log, sqrt
from typing import Any, TypeVar, cast

from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.clients.counters import Counters, Key
from pilotage_operator.clients.prometheus import PrometheusUnavailable
from pilotage_operator.control.measure import Measure
from pilotage_operator.domain.analysis.availability import Scrapes
from pilotage_operator.domain.analysis.counts import Counts, Process, Reading, Snapshot, Source, labelled
from pilotage_operator.domain.rollout.seen import Metrics
from pilotage_operator.domain.rollout.state import Canary, Stable

PER_SECOND = 1000
REMEMBERED = 3600.0  # seconds for which a process that is gone is still seen
SCRAPES = 180.0
FAILING = 0.3  # of the answers of a version that has errors, and of all in an outage
SPREAD = 0.5  # of the logarithm of the time that a request takes
T = TypeVar("T")


@dataclass
class Server:
    """What one serving process has counted."""

    answers: dict[str, int] = field(default_factory=dict)
    durations: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)

    def answer(self, requests: int, nature: str, outage: bool) -> None:
        failed = round(requests * FAILING) if nature == "errors" or outage else 0
        rare = round(requests * (0.2 if nature == "skewed" else 0.05))
        slow = 4 if nature == "slow" else 1
        invalid = round(requests * 0.1) if nature == "confused" else 0
        _add(self.answers, {"200": requests - failed, "500": failed})
        _add(self.durations, {edge: round(requests * share) for edge, share in _below(slow).items()})
        _add(self.durations, {"+Inf": requests})
        _add(self.inputs, {"rows": requests, labelled("invalid", "country", "unknown_category"): invalid})
        _add(self.classes, {labelled("class", "label", "0"): requests - rare, labelled("class", "label", "1"): rare})

    def copy(self) -> Server:
        return Server(dict(self.answers), dict(self.durations), dict(self.inputs), dict(self.classes))


@dataclass(frozen=True)
class Scrape:
    """`alive`: those scraped now; `stood`: what each process was last seen at, and when, gone ones for a while too."""

    at: float
    alive: frozenset[Process]
    stood: dict[Process, tuple[float, Server]]


@dataclass
class Measured:
    """`up`: Prometheus answers; `fresh`: it scrapes; `traffic`: somebody sends requests; `outage`: what all versions
    call is away, so that all of them fail alike."""

    up: bool = True
    fresh: bool = True
    traffic: bool = True
    outage: bool = False
    figures: list[float | None] = field(default_factory=lambda: [1.0])  # what every query comes to
    per_second: int = PER_SECOND  # requests
    last: float = 0.0
    servers: dict[Process, Server] = field(default_factory=dict)
    scraped: list[Scrape] = field(default_factory=list)
    measure: Measure = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another operator: nothing is in memory."""
        self.measure = Measure(cast(Counters, self))

    def answer(self, now: float, shares: Mapping[Process, tuple[float, str]]) -> None:
        """The requests since the last time were answered by these processes, and they are scraped."""
        requests = self.per_second * min(now - self.last, 60) if self.traffic and self.last else 0
        self.last = now
        for process, (share, nature) in shares.items():
            server = self.servers.setdefault(process, Server())
            server.answer(round(requests * share), nature, self.outage)
        self.servers = {process: self.servers[process] for process in shares}
        if self.fresh:
            before = self.scraped[-1].stood if self.scraped else {}
            stood = {p: known for p, known in before.items() if known[0] > now - REMEMBERED}
            stood |= {p: (now, server.copy()) for p, server in self.servers.items()}
            self.scraped.append(Scrape(now, frozenset(self.servers), stood))

    def reset(self) -> None:
        """It forgets everything, as after the loss of its disk."""
        self.scraped = []

    def metrics(self, spec: ModelDeploymentSpec, stable: Stable, canary: Canary, pods: int, now: float) -> Metrics:
        return _run(self.measure.metrics("team", "fraud", spec, stable, canary, pods, now))

    # --- what the operator's counters answer

    async def scrapes(self, key: Key, now: float) -> Scrapes:
        self._answer()
        times: dict[Process, list[float]] = {}
        for scrape in self.scraped[self._until(now - SCRAPES) : self._until(now)]:
            for process in scrape.alive:
                times.setdefault(process, []).append(scrape.at)
        return times

    async def read(
        self, key: Key, instants: Sequence[float], interval: float, sources: Collection[Source] = ()
    ) -> tuple[Snapshot, ...]:
        self._answer()
        found = []
        for instant in instants:
            known = self._until(instant)
            newest = self.scraped[known - 1].stood if known else {}
            stood = {process: server for process, (at, server) in newest.items() if at > instant - REMEMBERED}
            readings = {name: _reading(stood, of) for name, of in _SOURCES.items() if name in {"answers", *sources}}
            found.append(Snapshot(instant, **readings))
        return tuple(found)

    async def ask(self, promql: str, instant: float) -> list[float | None]:
        self._answer()
        return self.figures

    def _until(self, time: float) -> int:
        return bisect_right(self.scraped, time, key=lambda scrape: scrape.at)

    def _answer(self) -> None:
        if not self.up:
            raise PrometheusUnavailable("Prometheus does not answer")


_SOURCES: Mapping[str, Callable[[Server], Counts]] = {
    "answers": lambda server: server.answers,
    "durations": lambda server: server.durations,
    "inputs": lambda server: server.inputs,
    "classes": lambda server: server.classes,
}


def _reading(stood: Mapping[Process, Server], of: Callable[[Server], Counts]) -> Reading:
    return {process: of(server) for process, server in stood.items()}


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count


@cache
def _below(slow: int) -> dict[str, float]:
    """The share of requests that take no longer than each edge; half of them take 10 ms, or so many times that."""
    edges = [0.005 * 1.14**k for k in range(36)]
    return {f"{edge:.6f}": 0.5 * (1 + erf(log(edge / (0.01 * slow)) / (SPREAD * sqrt(2)))) for edge in edges}


def _run(work: Coroutine[Any, None, T]) -> T:
    """To its end, without a loop: nothing in it waits for anything."""
    while True:
        try:
            work.send(None)
        except StopIteration as end:
            return cast(T, end.value)
