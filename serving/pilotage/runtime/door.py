"""The contract's values, held against every row before the model sees it.

Infinities never pass. Beyond that only features with `refuse` are looked at; all others are counted with the drift,
in bulk. A good batch pays a few passes over its array; what is wrong with a bad one is found afterwards.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotage.bundle.format import Contract, Feature, Tensor
from pilotage.runtime.session import dtype_of

Array = np.ndarray[Any, Any]

# The ways to break a contract, in the order in which one value is judged; a value's code is its index, 0 is good.
KINDS = ("", "infinite", "missing", "below", "above", "unknown_category")
_MOST_WORDED = 3  # violations of one row
_MOST_CATEGORIES = 5
_LONGEST = 80  # of what a caller sent and a contract says, in letters
_FEW = 1000  # values; up to here a set is faster than numpy's sorting


@dataclass(frozen=True)
class Violation:
    """One value that the contract does not allow. `feature` is empty for a column that the contract does not name."""

    input: str
    column: int
    feature: str
    kind: str
    message: str


@dataclass(frozen=True)
class Refusal:
    """One row of a batch that may not run: its first violations, and how many more there are."""

    row: int
    violations: tuple[Violation, ...]
    more: int

    def message(self, first_row: int = 0) -> str:
        """What a caller is told, whose request begins at `first_row` of the batch."""
        said = []
        place = ""
        for violation in self.violations:
            if violation.input != place:
                place = violation.input
                said.append(f"input {_quoted(place)}, row {self.row - first_row}, {violation.message}")
            else:
                said.append(violation.message)
        if self.more:
            said.append(f"and {self.more} more in this row")
        return "; ".join(said)


class Door:
    """`refused` counts the values that were refused, by feature (an input's name where it names none) and kind."""

    def __init__(self, contract: Contract) -> None:
        gates = (_Gate(tensor) for tensor in contract.inputs)
        self._gates = tuple(gate for gate in gates if gate.floating or gate.refusing)
        self.refused: Counter[tuple[str, str]] = Counter()

    def check(self, inputs: Mapping[str, Array], starts: Sequence[int] | None = None) -> Sequence[Refusal]:
        """The rows that may not run, in order; nothing for a good batch.

        With `starts`, the first row of each request in the batch, at most one refusal for each request: its first bad
        row. A body of a million bad rows costs no more sentences than one.
        """
        for gate in self._gates:
            if not gate.is_good(inputs[gate.name]):
                return self._look_closer(inputs, starts)
        return ()

    def _look_closer(self, inputs: Mapping[str, Array], starts: Sequence[int] | None) -> Sequence[Refusal]:
        found = [(gate, *gate.judge(inputs[gate.name])) for gate in self._gates]
        for gate, _, codes in found:
            self.refused.update(gate.counts(codes))
        bad = np.sort(np.concatenate([np.flatnonzero(codes) // codes.shape[1] for _, _, codes in found]))
        bad = bad[np.flatnonzero(np.diff(bad, prepend=-1))]  # each once; np.unique takes fifty times as long
        return tuple(_refusal(row, found) for row in (bad.tolist() if starts is None else _first_of_each(bad, starts)))


class _Gate:
    """One input: what its columns must be, as vectors to compare whole batches with."""

    def __init__(self, tensor: Tensor) -> None:
        self.name = tensor.name
        self.floating = tensor.datatype.startswith("FP")
        self._tensor = tensor
        self._many_rows = bool(tensor.shape) and tensor.shape[0] == -1
        self._width = len(tensor.features)
        # Whole numbers are compared as FP64.
        dtype = dtype_of(tensor.datatype) if self.floating else np.dtype(np.float64)
        strict = [(column, feature) for column, feature in enumerate(tensor.features) if feature.refuse]
        self.refusing = bool(strict)
        self._low = _limits([f.low if f.refuse else None for f in tensor.features], -math.inf, dtype)
        self._high = _limits([f.high if f.refuse else None for f in tensor.features], math.inf, dtype)
        with np.errstate(over="ignore"):
            self._known = [(column, _known(f, dtype)) for column, f in strict if f.categories]
        self._filled = np.array([f.refuse and not f.missing and self.floating for f in tensor.features], dtype=bool)
        self._compares = tensor.datatype != "BYTES" and self.refusing

    def is_good(self, array: Array) -> bool:
        """Whether nothing is wrong, at the least cost; False only means to look closer."""
        if not self.refusing:
            return is_finite(array) or not np.isinf(array).any()
        rows = self._rows(array)
        if rows.shape[1] != self._width or (self._compares and not self._is_within(rows)):
            return False
        return all(_all_known(rows[:, column], known) for column, known in self._known)

    def _is_within(self, rows: Array) -> bool:
        size, count = rows.size, np.count_nonzero
        if count(rows >= self._low) == size and count(rows <= self._high) == size:
            return True  # and neither infinite nor missing: NaN compares as false
        if not self.floating:
            return False
        return not (count(rows < self._low) or count(rows > self._high) or count(np.isnan(rows) & self._filled))

    def judge(self, array: Array) -> tuple[Array, Array]:
        """The array as rows and columns, and the code of every value."""
        rows = self._rows(array)
        codes = np.zeros(rows.shape, dtype=np.uint8)
        width = min(rows.shape[1], self._width)
        named, judged = rows[:, :width], codes[:, :width]
        # The last assignment wins, so they come in the order opposite to KINDS.
        for column, known in self._known:
            if column < width:
                judged[:, column][~_is_known(named[:, column], known)] = KINDS.index("unknown_category")
        if self._compares:
            judged[named > self._high[:width]] = KINDS.index("above")
            judged[named < self._low[:width]] = KINDS.index("below")
        if self.floating:
            gaps = np.isnan(named)
            judged[gaps] = 0  # a gap is no unknown category
            judged[gaps & self._filled[:width]] = KINDS.index("missing")
            codes[np.isinf(rows)] = KINDS.index("infinite")
        return rows, codes

    def counts(self, codes: Array) -> dict[tuple[str, str], int]:
        """How many values of each feature are wrong in which way."""
        counts: Counter[tuple[str, str]] = Counter()
        wrong = np.flatnonzero(codes)
        pairs = np.bincount(wrong % codes.shape[1] * len(KINDS) + codes.ravel()[wrong])
        for pair in np.flatnonzero(pairs).tolist():
            column, code = divmod(pair, len(KINDS))
            counts[(self._feature_name(column) or self.name, KINDS[code])] += int(pairs[pair])
        return counts

    def violation(self, column: int, value: Any, kind: str) -> Violation:
        """A value with its code, in words."""
        name = self._feature_name(column)
        where = f"feature {_quoted(name)}" if name else f"column {column}"
        feature = self._tensor.features[column] if name else None
        return Violation(self.name, column, name, kind, f"{where}: {_sentence(kind, value, feature)}")

    def _feature_name(self, column: int) -> str:
        return self._tensor.features[column].name if column < self._width else ""

    def _rows(self, array: Array) -> Array:
        """One line for each row. A tensor without a free first dimension is one row."""
        if array.ndim == 2 and self._many_rows:
            return array
        if not self._many_rows:
            return array.reshape(1, array.size)
        return array.reshape(array.shape[0], math.prod(array.shape[1:]))


def is_finite(array: Array) -> bool:
    """Whether a sum of squares is finite, which it is only if all of them are; False only means to look closer."""
    return math.isfinite(np.vdot(array, array))  # unlike `dot`, it does not warn of a sum that is too large


def _first_of_each(bad: Array, starts: Sequence[int]) -> list[int]:
    """The first of the `bad` rows from each start up to the next.

    >>> _first_of_each(np.array([1, 2, 6]), [0, 3, 5])
    [1, 6]
    """
    ends = [*starts[1:], math.inf]
    at = np.searchsorted(bad, starts)
    return [int(bad[i]) for i, end in zip(at, ends, strict=True) if i < len(bad) and bad[i] < end]


def _refusal(row: int, found: Sequence[tuple[_Gate, Array, Array]]) -> Refusal:
    violations: list[Violation] = []
    total = 0
    for gate, rows, codes in found:
        if row >= len(codes):
            continue
        columns = np.flatnonzero(codes[row])
        total += len(columns)
        for column in columns[: _MOST_WORDED - len(violations)].tolist():
            violations.append(gate.violation(column, rows[row, column], KINDS[codes[row, column]]))
    return Refusal(row, tuple(violations), total - len(violations))


def _limits(limits: Sequence[float | None], none: float, dtype: np.dtype[Any]) -> Array:
    """As the datatype carries them. What has no limit ends where the numbers do, so that no infinity is within."""
    largest = np.finfo(dtype).max
    with np.errstate(over="ignore"):
        array: Array = np.array([none if limit is None else limit for limit in limits]).astype(dtype)
    return array.clip(-largest, largest)


def _known(feature: Feature, dtype: np.dtype[Any]) -> frozenset[Any]:
    """The categories as the datatype carries them: 0.1 is another number in FP32. A text may come as its bytes."""
    texts = [entry for entry in feature.categories if isinstance(entry, str)]
    numbers = [dtype.type(entry).item() for entry in feature.categories if not isinstance(entry, str)]
    return frozenset([*numbers, *texts, *(text.encode() for text in texts)])


def _all_known(values: Array, known: frozenset[Any]) -> bool:
    if len(values) <= _FEW or values.dtype.kind == "O":
        return known.issuperset(values.tolist())
    return bool(_is_known(values, known).all())


def _is_known(values: Array, known: frozenset[Any]) -> Array:
    if values.dtype.kind == "O":
        return np.fromiter((value in known for value in values.tolist()), dtype=bool, count=len(values))
    return np.isin(values, np.array(sorted(known), dtype=values.dtype))


def _sentence(kind: str, value: Any, feature: Feature | None) -> str:
    if kind == "infinite":
        return "an infinite value is no number that a model can use; a missing value is null in JSON, NaN in binary"
    assert feature is not None  # only features with a policy are judged otherwise
    if kind == "missing":
        return "a value is missing (null or NaN) and must be there"
    found = "a value" if feature.redact else _shown(value)
    if kind == "below":
        return f"{found} is below {_shown(feature.low)}, the least that is allowed"
    if kind == "above":
        return f"{found} is above {_shown(feature.high)}, the most that is allowed"
    allowed = ", ".join(_shown(entry) for entry in feature.categories[:_MOST_CATEGORIES])
    rest = len(feature.categories) - _MOST_CATEGORIES
    return f"{found} is none of {allowed}" + (f" and {rest} more" if rest > 0 else "")


def _shown(value: Any) -> str:
    """A number as short as its datatype allows, a text quoted.

    >>> _shown(np.float32(0.1)), _shown(130.0), _shown("F")
    ('0.1', '130', "'F'")
    """
    return _quoted(value) if isinstance(value, str | bytes) else str(value).removesuffix(".0")


def _quoted(text: str | bytes) -> str:
    quoted = ascii(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
    return quoted if len(quoted) <= _LONGEST else f"{quoted[:_LONGEST]}…"
