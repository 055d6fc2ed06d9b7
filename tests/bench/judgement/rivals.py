"""What others do with the same counts. Each gives the interval in which it rolls back, or None.

Thresholds are on the canary's own error rate. They are given what they never have: the true base rate, to which the
same limit is added.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.bench.judgement.worlds import HISTORY, Floats, Traffic

MINUTE = 12  # intervals
QUARTER = 3  # intervals in 15 s
WINDOW = 20  # intervals that Mann and Whitney's test compares
CONFIDENT = 2.054  # of 98 %, one-sided, as Kayenta has it
EFFECT = 1.25  # and its least effect

Rival = Callable[[Traffic, float], int | None]


def _rates(seen: Traffic, window: int, step: int) -> tuple[list[int], list[float]]:
    """When it is looked, and the canary's error rate over the window before; NaN without a request."""
    n, e = (counts[HISTORY:].sum(1).astype(float) for counts in seen.canary)
    total = [np.concatenate([[0.0], np.cumsum(c)]) for c in (n, e)]
    ends = list(range(window, len(n) + 1, step))
    counted = [(total[0][t] - total[0][t - window], total[1][t] - total[1][t - window]) for t in ends]
    return [t - 1 for t in ends], [bad / requests if requests else float("nan") for requests, bad in counted]


def _threshold(seen: Traffic, limit: float, window: int, step: int, failures: int, errors: int) -> int | None:
    """Rolls back at so many failed looks, or after so many in a row without a figure."""
    failed = without = 0
    for at, rate in zip(*_rates(seen, window, step), strict=True):
        nothing = rate != rate
        without = without + 1 if nothing else 0
        failed += not nothing and rate > limit
        if failed >= failures or without >= errors:
            return at
    return None


def argo_5s(seen: Traffic, limit: float) -> int | None:
    """Argo Rollouts: rate over 60 s, every 5 s, failureLimit 0, five errors in a row."""
    return _threshold(seen, limit, MINUTE, 1, 1, 5)


def argo_60s(seen: Traffic, limit: float) -> int | None:
    """The same every 60 s."""
    return _threshold(seen, limit, MINUTE, MINUTE, 1, 5)


def flagger_60s(seen: Traffic, limit: float) -> int | None:
    """Flagger: threshold 5 at 60 s. A look without a figure is a failed one."""
    return _threshold(seen, limit, MINUTE, MINUTE, 5, 5)


def flagger_15s(seen: Traffic, limit: float) -> int | None:
    """Threshold 3 at 15 s."""
    return _threshold(seen, limit, QUARTER, QUARTER, 3, 3)


def kayenta(seen: Traffic, limit: float) -> int | None:
    """Mann and Whitney's test on the error rates of the last 20 intervals, every interval; the limit is not its own."""
    n_c, e_c, n_s, e_s = (counts[HISTORY:].sum(1) for counts in (*seen.canary, *seen.stable))
    both = np.flatnonzero((n_c > 0) & (n_s > 0))
    x, y = e_c[both] / n_c[both], e_s[both] / n_s[both]
    for end in range(WINDOW, len(both) + 1):
        mine, theirs = x[end - WINDOW : end], y[end - WINDOW : end]
        if mine.mean() > EFFECT * theirs.mean() and _z(mine, theirs) > CONFIDENT:
            return int(both[end - 1])
    return None


def _z(x: Floats, y: Floats) -> float:
    """Normal approximation with ties and continuity."""
    u = (x[:, None] > y).sum() + 0.5 * (x[:, None] == y).sum()
    _, ties = np.unique(np.concatenate([x, y]), return_counts=True)
    n = 2 * WINDOW
    variance = WINDOW**2 / 12 * (n + 1 - (ties**3 - ties).sum() / (n * (n - 1)))
    return float((u - WINDOW**2 / 2 - 0.5) / np.sqrt(variance)) if variance > 0 else 0.0


RIVALS: dict[str, Rival] = {
    "Argo Rollouts, 5 s": argo_5s,
    "Argo Rollouts, 60 s": argo_60s,
    "Flagger, 5 at 60 s": flagger_60s,
    "Flagger, 3 at 15 s": flagger_15s,
    "Kayenta, Mann-Whitney": kayenta,
}
