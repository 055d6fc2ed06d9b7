"""What one check says of the canary."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

MOST_NAMED = 10
Verdict = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True)
class Finding:
    """`pass` and `fail` are proven beyond chance; `unknown` is everything else. The texts are for people."""

    name: str
    verdict: Verdict
    figure: str = ""  # what was measured of the canary, and of stable
    limit: str = ""  # what is allowed
    evidence: str = ""  # on how many requests of each side it rests
    message: str = ""  # what it means; of an unknown, what is missing
    interval: str = ""  # between what the canary's figure lies, with 95 % confidence at this look
    cause: str = ""  # where a failure comes from: a feature, a class, a bin, and both sides' counts
    eta: str = ""  # when there will be enough evidence, if traffic goes on like this


def together(verdicts: Collection[Verdict]) -> Verdict:
    """Of several parts: one that fails fails all, and all have to pass."""
    return "fail" if "fail" in verdicts else "unknown" if "unknown" in verdicts else "pass"


def listed(names: Sequence[str]) -> str:
    """Names for a person, the first ten of them."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def length(seconds: float) -> str:
    """A length of time as people write it: 45 is `45s`, 100 is `1m40s`, 8040 is `2h14m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60}s" if whole % 60 else f"{whole // 60}m"
    return f"{whole // 3600}h{whole % 3600 // 60}m"


def time_of_day(at: float, now: float) -> str:
    """A time (seconds since 1970) as people say it, with the day where that is not today's.

    >>> time_of_day(1790000000, now=1789990000), time_of_day(1790000000, now=1789900000)
    ('14:13 UTC', '21 Sep 14:13 UTC')
    """
    then, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC).date()
    return then.strftime("%H:%M UTC" if then.date() == today else "%-d %b %H:%M UTC")
