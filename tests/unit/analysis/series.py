"""Counters as serving pods keep them, for tests: what they stood at, and intervals as they come out."""

from collections.abc import Callable, Mapping, Sequence

from pilotage_operator.domain.analysis.counts import Counts, Interval, PodCount, Process, Reading, Snapshot

STABLE, CANARY = "aaaaaaaaaa", "cccccccccc"
INTERVAL = 5.0
BEGIN = 1_800_000_000.0  # of every series, a multiple of the interval
BOOT = int(BEGIN) - 86_400  # when pods started that were there before

Pair = tuple[int, int]
"""Requests and errors of one pod in one interval."""


def pod(name: str, start: int = BOOT, revision: str = STABLE) -> Process:
    return Process(name, start, revision)


def codes(pair: Pair) -> Counts:
    requests, errors = pair
    return {"200": requests - errors, "500": errors}


def interval(stable: Sequence[Pair], canary: Sequence[Pair] = (), at: float = BEGIN) -> Interval:
    """One that was counted already; pods are named by their place."""

    def side(letter: str, pairs: Sequence[Pair]) -> tuple[PodCount, ...]:
        return tuple(PodCount(f"{letter}{i}", BOOT, codes(pair), pair[0]) for i, pair in enumerate(pairs))

    return Interval(at, at + INTERVAL, side("s", stable), side("c", canary))


def edges_hit(hits: Mapping[float, int], edges: Sequence[float]) -> Counts:
    """A histogram, cumulative as Prometheus has it: so many requests took so many seconds."""
    below = {repr(edge): sum(n for seconds, n in hits.items() if seconds <= edge) for edge in edges}
    return {**below, "+Inf": sum(hits.values())}


def snapshots(rows: Sequence[tuple[Sequence[Pair], Sequence[Pair]]], history: int = 0) -> tuple[Snapshot, ...]:
    """Counters that grow row by row: each pod of stable and of the canary. The canary's pods start after the history,
    and were scraped once before their first request."""
    stood: dict[Process, Pair] = {}
    born = int(BEGIN + history * INTERVAL) - 1
    found = [Snapshot(BEGIN, _reading(stood, [(0, 0)] * len(rows[0][0]), pod))]
    for number, (stable, canary) in enumerate(rows, 1):
        reading = _reading(stood, stable, pod)
        if number >= history:
            pairs = canary if number > history else [(0, 0)] * len(canary)
            reading = _reading(stood, pairs, lambda name: pod("c" + name, born, CANARY))
        found.append(Snapshot(BEGIN + number * INTERVAL, reading))
    return tuple(found)


def _reading(stood: dict[Process, Pair], pairs: Sequence[Pair], process: Callable[[str], Process]) -> Reading:
    for i, (requests, errors) in enumerate(pairs):
        one = process(f"p{i}")
        before = stood.get(one, (0, 0))
        stood[one] = before[0] + requests, before[1] + errors
    return {one: codes(pair) for one, pair in stood.items()}
