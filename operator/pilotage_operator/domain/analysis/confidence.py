"""Between what a figure lies: 95 % intervals as they are at one look.

Wilson's interval (E. B. Wilson, 1927) on counts divided by φ, how much more than chance they scatter. It holds for a
look at any one time (for very rare events with 90 %). What decides is the sequential test, which holds for all looks
together and is wider.
"""

from __future__ import annotations

from math import sqrt

Z = 1.96


def wilson(n: float, e: float, phi: float = 1.0) -> tuple[float, float]:
    """Of e among n.

    >>> [round(share, 4) for share in wilson(100, 0)], [round(share, 4) for share in wilson(1000, 500)]
    ([0.0, 0.037], [0.4691, 0.5309])
    """
    n, p = n / phi, e / n
    middle, half = p + Z**2 / (2 * n), Z * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return max(0.0, (middle - half) / (1 + Z**2 / n)), min(1.0, (middle + half) / (1 + Z**2 / n))


def share_between(n: float, e: float, phi: float) -> str:
    """The same as text: `46.9 % to 53.1 %`."""
    if not n:
        return ""
    low, high = wilson(n, e, phi)
    return f"{100 * low:.3g} % to {100 * high:.3g} %"
