"""Prometheus' text format, written so that a scrape only puts numbers into texts that were made at the start."""

import json
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import count, takewhile

import numpy as np

from pilotage.runtime.families import Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MISSING, BELOW, ABOVE, UNKNOWN, OTHER = "missing", "below", "above", "unknown", "other"
# What a bundle calls by one of our own words, or by nothing, is quoted: two series of one name spoil a whole scrape.
_OURS = frozenset({"", MISSING, BELOW, ABOVE, UNKNOWN, OTHER})
_LONGEST = 100  # letters of a label's value


def bucket_edges() -> tuple[float, ...]:
    """Upper edges in seconds: 0.1 ms · 1.3^(k/2), up to the first that is 16 s or more, rounded to 6 digits.

    Judging a quantile without interpolation needs edges this fine: with the usual ones a doubling is never seen.

    >>> bucket_edges()[:3], bucket_edges()[-1]
    ((0.0001, 0.000114018, 0.00013), 17.4339)
    """
    exact = (0.0001 * 1.3 ** (k / 2) for k in count())
    edges = list(takewhile(lambda edge: edge < 16, exact))
    edges.append(0.0001 * 1.3 ** (len(edges) / 2))
    return tuple(float(f"{edge:.6g}") for edge in edges)


def shown(value: str | float) -> str:
    """A name, category or label of a bundle as a label's value: short, printable, and never that of another one.

    >>> shown("red"), shown("missing"), shown('"'), shown(True), shown(3.0), shown(0.1)
    ('red', '"missing"', '"\\\\""', 'true', '3', '0.1')
    """
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else repr(value).removesuffix(".0")
    text = value
    if text in _OURS or text.startswith('"') or not text.isprintable():
        text = json.dumps(text)
    return text if len(text) <= _LONGEST else f"{text[:80]}…{sha256(text.encode()).hexdigest()[:12]}"


def label_text(labels: Mapping[str, str]) -> str:
    """The inside of the braces.

    >>> label_text({"code": "200", "le": 'a "b"'})
    'code="200",le="a \\\\"b\\\\""'
    """
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())


class Lines:
    """A family whose series stay: `text` puts the numbers of a scrape between their names."""

    def __init__(self, family: Family, common: str, series: Sequence[Mapping[str, str]]) -> None:
        """`common` is the text of the labels on all, `series` the other labels of each."""
        self._template = _heading(family) + _template(family.name, common, series) if series else ""

    def text(self, numbers: Iterable[float]) -> str:
        """As many numbers as there are series, in their order; plain ones, since numpy's would show their type."""
        return self._template % tuple(numbers)


class Counts:
    """A family whose series come up as they happen."""

    def __init__(self, family: Family, common: str) -> None:
        self._family = family
        self._common = common
        self._known: list[tuple[str, ...]] = []
        self._lines = Lines(family, common, [])

    def text(self, counts: Mapping[tuple[str, ...], int]) -> str:
        """`counts` by the values of the family's labels."""
        known = sorted(counts)
        if known != self._known:
            series = [dict(zip(self._family.labels, values, strict=True)) for values in known]
            self._known, self._lines = known, Lines(self._family, self._common, series)
        return self._lines.text(counts[values] for values in known)


class Histogram:
    """Observations are kept as they come, and counted together: a tenth of the price of counting each."""

    def __init__(self, family: Family, common: str, edges: Sequence[float]) -> None:
        self._edges = np.array(edges)
        self._at_most = np.zeros(len(edges), dtype=np.int64)
        self._count = 0
        self._sum = 0.0
        self._waiting = array("d")
        self.add: Callable[[float], None] = self._waiting.append
        """Keep one; whoever adds collects from time to time."""
        buckets = [*({"le": repr(edge)} for edge in edges), {"le": "+Inf"}]
        self._template = (
            _heading(family)
            + _template(f"{family.name}_bucket", common, buckets)
            + _template(f"{family.name}_sum", common, [{}])
            + _template(f"{family.name}_count", common, [{}])
        )

    def collect(self) -> None:
        """Count what was kept."""
        self.count(self._waiting)
        del self._waiting[:]

    def count(self, observed: Sequence[float]) -> None:
        """Count these at once."""
        values = np.array(observed)
        values.sort()
        self._at_most += values.searchsorted(self._edges, "right")
        self._count += len(values)
        self._sum += float(values.sum())

    def text(self) -> str:
        """All of its lines."""
        return self._template % (*self._at_most.tolist(), self._count, self._sum, self._count)


def _heading(family: Family) -> str:
    return f"# HELP {family.name} {family.means}\n# TYPE {family.name} {family.kind}\n".replace("%", "%%")


def _template(name: str, common: str, series: Iterable[Mapping[str, str]]) -> str:
    inside = (f"{common},{label_text(labels)}" if labels else common for labels in series)
    return "".join(f"{name}{{{labels}}} ".replace("%", "%%") + "%r\n" for labels in inside)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
