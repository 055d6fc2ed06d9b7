"""A figure of one's own, by PromQL. It is one number at one instant: no test stands behind it, and it says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pilotage_operator.domain.analysis.finding import Finding

NO_GUARANTEE = "one number, without a guarantee against chance"


@dataclass(frozen=True)
class Answer:
    """What a query came to: a number, or what is wrong."""

    value: float | None
    problem: str = ""


NOT_ASKED = Answer(None, "it was not asked yet")


def answer(values: Sequence[float | None]) -> Answer:
    """Of all series that a query gave; None where one is no number."""
    if not values:
        return Answer(None, "the query has no result; a sum that may be empty wants `or vector(0)`")
    if len(values) > 1:
        return Answer(None, f"the query has {len(values)} results, and must have one; aggregate it, as by sum()")
    return Answer(values[0], "" if values[0] is not None else "the query's result is no number")


def filled(promql: str, **names: str) -> str:
    """With $namespace and the like in their places. The names are those of Kubernetes and hashes: none can break out.

    >>> filled('sum(revenue{revision="$canary", shop=~"a$"})', canary="41aa")
    'sum(revenue{revision="41aa", shop=~"a$"})'
    """
    return re.sub(rf"\$({'|'.join(names)})\b", lambda found: names[found[1]], promql)


@dataclass(frozen=True)
class Query:
    """Follows one check: the number must be at least `low` and at most `high`."""

    name: str
    low: float | None
    high: float | None
    answer: Answer = NOT_ASKED

    def finding(self) -> Finding:
        value, named = self.answer.value, (("at least", self.low), ("at most", self.high))
        limit = " and ".join(f"{words} {number:g}" for words, number in named if number is not None)
        if value is None:
            return Finding(self.name, "unknown", "", limit, "", self.answer.problem)
        low, high = self.low is None or value >= self.low, self.high is None or value <= self.high
        said = f"{value:g}, {'within' if low and high else 'beyond'} {limit}; {NO_GUARANTEE}"
        return Finding(self.name, "pass" if low and high else "fail", f"{value:g}", limit, "one query", said)
