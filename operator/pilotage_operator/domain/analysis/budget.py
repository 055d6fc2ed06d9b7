"""One error budget: the chance that a canary no worse than its limits is rolled back in a whole rollout.

It is split over the checks that can roll back by a statistical test (the union bound). It is not split over steps,
since one process spans them all; but drift begins anew at each of them, and so splits its part once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from pilotage_operator.api.analysis import Check

ALPHA = 0.01


def part(checks: Sequence[Check], alpha: float = ALPHA) -> float:
    """What one check may spend. One that only pauses or observes may as much, and takes nothing from the others.

    Of four checks that can roll back, 0.0025 each; a `query` has no error rate to speak of, and counts for nothing.
    """
    return alpha / max(1, sum(1 for check in checks if check.on_fail == "rollback" and check.query is None))
