"""What a simulated model answers, and how long it takes: classes, scores in bins, times in buckets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.random import Generator

from pilotage_operator.domain.analysis.counts import Counts, labelled
from tests.bench.judgement.ours import Step
from tests.bench.judgement.worlds import HISTORY, PODS, Floats

CANARY_PODS = 2
BINS = 10
EDGES = 0.0001 * 1.3 ** (np.arange(93) / 2)
NAMES = [*(f"{edge:.6g}" for edge in EDGES), "+Inf"]
SPREAD = 0.6  # of the logarithm of times
MIX_MEMORY, MIX = 0.99, 0.8  # how a mix of traffic wanders for both alike


def classes(rng: Generator, requests: float, share: Floats, rare: float, times: float) -> list[Step]:
    """A rare class and the rest; the rare one's share wanders, and is `times` as large in the canary."""
    x, steps = 0.0, []
    for part in _parts(share):
        x = 0.95 * x + 0.312 * 0.2 * rng.standard_normal()
        p = min(rare * float(np.exp(x)), 0.5)
        steps.append(_step(rng, requests, part, partial(_labels, rng, p), partial(_labels, rng, min(p * times, 1.0))))
    return steps


def scores(rng: Generator, requests: float, share: Floats, shift: float) -> list[Step]:
    """Scores in ten bins, each a tenth in training; the canary's are `shift` standard deviations higher."""
    z, steps, tilted = np.zeros(BINS), [], _tilt(shift)
    for part in _parts(share):
        z = MIX_MEMORY * z + np.sqrt(1 - MIX_MEMORY**2) * MIX * rng.standard_normal(BINS)
        p = np.exp(z) / np.exp(z).sum()
        q = p * tilted / (p * tilted).sum()
        steps.append(_step(rng, requests, part, partial(_binned, rng, p), partial(_binned, rng, q)))
    return steps


def times(rng: Generator, requests: float, share: Floats, ratio: float) -> list[Step]:
    """Log-normal times that wander with the load; the canary takes `ratio` as long."""
    x, steps = 0.0, []
    for part in _parts(share):
        x = 0.95 * x + 0.312 * 0.15 * rng.standard_normal()
        usual = 0.008 * float(np.exp(x))
        steps.append(_step(rng, requests, part, partial(_timed, rng, usual), partial(_timed, rng, usual * ratio)))
    return steps


def psi(shift: float) -> float:
    """The index of a shift where the mix is even."""
    q, p = _tilt(shift) / BINS, 1 / BINS
    return float(((q - p) * np.log(q / p)).sum())


def _tilt(shift: float) -> Floats:
    """How many times as much is in each tenth of a normal distribution that has moved."""
    draws = np.sort(np.random.default_rng(0).standard_normal(200_000))
    edges = draws[[len(draws) * i // BINS for i in range(1, BINS)]]
    moved = np.diff(np.concatenate([[0], np.searchsorted(draws + shift, edges), [len(draws)]])) / len(draws)
    return np.maximum(moved * BINS, 1e-3)


def _parts(share: Floats) -> list[float]:
    return [0.0] * HISTORY + [float(part) for part in share]


def _step(
    rng: Generator,
    requests: float,
    part: float,
    of_stable: Callable[[int], Counts],
    of_canary: Callable[[int], Counts],
) -> Step:
    stable = [of_stable(int(n)) for n in rng.poisson(requests * (1 - part) / PODS, PODS)]
    return stable, [of_canary(int(n)) for n in rng.poisson(requests * part / CANARY_PODS, CANARY_PODS)]


def _labels(rng: Generator, p: float, n: int) -> Counts:
    rare = int(rng.binomial(n, p))
    return {labelled("class", "label", "fraud"): rare, labelled("class", "label", "fine"): n - rare}


def _binned(rng: Generator, p: Floats, n: int) -> Counts:
    return {labelled("bin", "score", "0", str(i)): int(k) for i, k in enumerate(rng.multinomial(n, p))}


def _timed(rng: Generator, median: float, n: int) -> Counts:
    taken = np.sort(median * np.exp(SPREAD * rng.standard_normal(n)))
    below: Sequence[int] = [*np.searchsorted(taken, EDGES, side="right").tolist(), n]
    return dict(zip(NAMES, below, strict=True))
