"""Traffic as simulated: what both sides count in each interval of 5 s, in kinder and unkinder worlds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

HISTORY = 60  # intervals in which stable is alone
LENGTH = 360  # intervals of a rollout: half an hour
PODS = 3  # of stable
FINE = 10  # points in an interval, on which outages and scrapes lie

ROLLOUT = np.repeat([0.05, 0.25, 0.5], [90, 90, 180])
"""The canary's share: 5 %, 25 %, then half of the traffic."""


@dataclass(frozen=True)
class World:
    """`drift`: how much the error rate wanders (sd of its logarithm); `outages`: chance of one per interval, and how
    long they last; `skew`: by up to how many intervals the two sides' samples are apart; `burst`: requests that share
    an outcome; `client`: chance per interval that a client begins to fail, for 8 intervals with a fifth of the traffic;
    `pinned`: to one pod."""

    name: str
    drift: float = 0.0
    outages: tuple[float, float] = (0.0, 1.0)
    skew: float = 0.0
    burst: float = 1.0
    client: float = 0.0
    pinned: bool = False


INDEPENDENT = World("independent requests")
WORLDS = (
    INDEPENDENT,
    World("outages of both", 0.3, (0.01, 8.0)),
    World("outages of both, scrapes out of step", 0.3, (0.01, 8.0), skew=1.0),
    World("short outages, scrapes out of step", 0.3, (0.05, 1.0), skew=1.0),
    World("bursts of one failing client", 0.3, burst=5.0),
    World("a client that fails for 40 s", 0.3, client=0.01),
    World("the same, tied to one pod", 0.3, client=0.01, pinned=True),
)


@dataclass(frozen=True)
class Traffic:
    """Requests and errors by interval and pod; the canary's share as it was meant to be."""

    stable: tuple[Ints, Ints]
    canary: tuple[Ints, Ints]
    share: Floats


@dataclass(frozen=True)
class Change:
    """What is wrong with the canary: `times` stable's error rate, and `plus`."""

    name: str
    times: float = 1.0
    plus: float = 0.0


def traffic(
    rng: Generator,
    world: World,
    requests: float,
    base: float,
    change: Change,
    share: Floats = ROLLOUT,
    pods: int = 2,
) -> Traffic:
    """One rollout, with `requests` an interval in all."""
    length = HISTORY + len(share)
    shares = np.concatenate([np.zeros(HISTORY), share])
    rate = np.minimum(base * np.exp(_wander(rng, length, world.drift)), 0.5)
    bad = np.minimum(rate * change.times + change.plus, 1.0)
    level, shift = _outages(rng, length, world), round(FINE * world.skew * (2 * rng.random() - 1))
    now = level[FINE : FINE * (length + 1)].reshape(length, FINE)
    then = level[FINE + shift : FINE * (length + 1) + shift].reshape(length, FINE)
    of_stable = np.maximum(rate[:, None], now).mean(1)
    of_canary = np.maximum(bad[:, None], np.minimum(then + (bad - rate)[:, None] * (then > 0), 1.0)).mean(1)
    volume = np.full(length, requests) if world is INDEPENDENT else requests * rng.gamma(2.0, 0.5, length)
    stable = _draw(rng, np.outer(volume * (1 - shares), np.full(PODS, 1 / PODS)), of_stable, world.burst)
    canary = _draw(rng, np.outer(volume * shares, np.full(pods, 1 / pods)), of_canary, world.burst)
    if world.client:
        _fail(rng, world, requests, shares, stable, canary)
    return Traffic(stable, canary, shares)


def _wander(rng: Generator, length: int, deviation: float) -> Floats:
    """An autoregression whose memory is 20 intervals."""
    found, x = np.zeros(length), deviation * rng.standard_normal()
    for t, step in enumerate(rng.standard_normal(length)):
        x = 0.95 * x + 0.312 * deviation * step
        found[t] = x
    return found


def _outages(rng: Generator, length: int, world: World) -> Floats:
    """How bad an outage of both is, by time; with an interval to spare on both sides."""
    chance, lasts = world.outages
    found = np.zeros((length + 2) * FINE)
    for begin in np.flatnonzero(rng.random(len(found)) < chance / FINE):
        end = begin + 1 + rng.geometric(1 / (lasts * FINE))
        found[begin:end] = np.maximum(found[begin:end], rng.uniform(0.1, 1.0))
    return found


def _draw(rng: Generator, mean: Floats, rate: Floats, burst: float) -> tuple[Ints, Ints]:
    """Requests and errors; `burst` of them on average share an outcome."""
    clumps = rng.poisson(mean / burst)
    bad = rng.binomial(clumps, np.clip(rate, 0, 1)[:, None])
    errors, others = (_sizes(rng, n, burst) for n in (bad, clumps - bad))
    return errors + others, errors


def _sizes(rng: Generator, clumps: Ints, burst: float) -> Ints:
    if burst <= 1:
        return clumps
    more = rng.negative_binomial(np.maximum(clumps, 1), 1 / burst)
    return clumps + np.where(clumps > 0, more, 0)


def _fail(
    rng: Generator, world: World, requests: float, shares: Floats, stable: tuple[Ints, Ints], canary: tuple[Ints, Ints]
) -> None:
    """Adds clients that fail for a while, to all pods by their shares or to one pod alone."""
    length, pods = canary[0].shape
    for begin in np.flatnonzero(rng.random(length) < world.client):
        end = min(length, begin + rng.geometric(1 / 8))
        to_canary = rng.random() < shares[begin]
        pod = rng.integers(pods if to_canary else PODS)
        for t in range(begin, end):
            n = rng.poisson(0.2 * requests)
            for side, part in ((stable, 1 - shares[t]), (canary, shares[t])):
                width = side[0].shape[1]
                if world.pinned:
                    added = np.zeros(width, dtype=np.int64)
                    if (side is canary) == to_canary and (not to_canary or shares[t] > 0):
                        added[pod] = n
                else:
                    added = rng.multinomial(rng.binomial(n, part), np.full(width, 1 / width))
                for counts in side:
                    counts[t] += added
