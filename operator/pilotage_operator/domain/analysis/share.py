"""The canary's share of the traffic as it was seen, against the weight that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from pilotage_operator.domain.analysis.counts import Seen

DEVIATIONS = 4.0  # standard deviations: chance alone goes beyond in 1 of 16,000 looks
SLACK = 0.1  # of the smaller share: what a late scrape or a connection that is still open moves
LATELY = 20  # intervals
LEAST_SHARE = 0.01  # so that weights of 0 and 100 have some slack too


def agrees(weight: int, canary: int, stable: int) -> bool:
    """Whether `canary` of canary + stable requests is what a weight in percent gives, within chance.

    |canary - np| <= 4 √(np(1-p)) + n · max(min(p, 1-p), 0.01) / 10, with n requests in all and p = weight / 100.

    At 25 % of 1,000 requests 250 ± 79 agree; at 5 % 50 ± 32; of 100,000 at 25 % 25,000 ± 3,047.
    """
    n, p = canary + stable, weight / 100
    slack = n * SLACK * max(min(p, 1 - p), LEAST_SHARE)
    return abs(canary - n * p) <= DEVIATIONS * sqrt(n * p * (1 - p)) + slack


def observed_share(seen: Sequence[Seen], since: float) -> tuple[int, int]:
    """Requests of the canary and of stable since a weight was written, of late: what was amiss before and is not any
    more, as when one side had no pods for a while, is not held against the weight for ever.

    What an instant shows was scraped up to one scrape before it, and an interval is at least a scrape long: so an
    interval counts whose begin is one more interval after the change. (0, 0) until there is one.
    """
    counted = [(canary, stable) for begin, end, canary, stable in seen if begin - (end - begin) >= since][-LATELY:]
    return sum(canary for canary, _ in counted), sum(stable for _, stable in counted)
