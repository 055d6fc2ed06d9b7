"""`reference.json`: how features and answers were distributed in training, in bins that never move again.

Drift is measured later by counting live values into the same bins.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pilotage.bundle.format import FORMAT, MAX_CATEGORIES, MAX_CATEGORY_LETTERS, MAX_DOCUMENT_BYTES, REFERENCE, Tensor
from pilotage.bundle.structure import count, mapping, number, sequence, text, wrong

Array = np.ndarray[Any, np.dtype[Any]]
Value = str | float  # whole numbers stay whole: a label may be larger than a float can tell apart
Key = TypeVar("Key")

MAX_FEATURES = 1000  # and as many columns of outputs
MAX_EDGES = 30
_BINS = 10


@dataclass(frozen=True)
class Bins:
    """Numbers: bin i holds edges[i-1] < x <= edges[i], the first and last are open. `missing` is a share of rows."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: float = 0.0


@dataclass(frozen=True)
class Values:
    """What is counted by value: categories and labels. The counts need not be all of the rows."""

    values: tuple[Value, ...]
    counts: tuple[int, ...]
    missing: float = 0.0


@dataclass(frozen=True)
class Reference:
    """Outputs by name and column (labels have one), features by input and name; "" is whichever input has it."""

    rows: int = 0
    features: Mapping[tuple[str, str], Bins | Values] = field(default_factory=dict)
    outputs: Mapping[tuple[str, int], Bins | Values] = field(default_factory=dict)

    def feature(self, tensor: str, name: str) -> Bins | Values | None:
        """How that column of that input was distributed; None: not known."""
        return self.features.get((tensor, name)) or self.features.get(("", name))


def reference(
    features: list[str],
    rows: Array,
    outputs: tuple[Tensor, ...],
    answers: dict[str, Array],
    categories: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, Any]:
    """The document: per feature and per output column the edges, the counts and the rate of missing values.

    A label is counted by value, and so are the features that have `categories`. Of very many, the first (of labels the
    most frequent) are kept.
    """
    known = categories or {}
    columns: list[dict[str, Any]] = []
    for tensor in outputs:
        array = answers[tensor.name]
        if tensor.datatype.startswith("FP"):
            flat = array.reshape(len(array), -1)
            columns += [
                {"output": tensor.name, "column": index, **_binned(flat[:, index])} for index in range(flat.shape[1])
            ]
        else:
            columns.append({"output": tensor.name, **_labelled(array.ravel())})
    return {
        "format": FORMAT,
        "rows": len(rows),
        "features": [
            {"name": name, **(_by_category(column, known[name]) if name in known else _binned(column))}
            for name, column in zip(features[:MAX_FEATURES], rows.T, strict=False)
        ],
        "outputs": columns[:MAX_FEATURES],
    }


def read(directory: Path) -> Reference:
    """The reference of the bundle in `directory`. Raises BundleError("structure", …) naming the place that is wrong."""
    path = directory / REFERENCE
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise wrong(f"{REFERENCE} is larger than {MAX_DOCUMENT_BYTES} bytes; build the bundle again")
    try:
        raw = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise wrong(f"{REFERENCE} is not JSON ({error}); build the bundle again") from error
    return parse(raw)


def parse(raw: object) -> Reference:
    """The reference from decoded JSON; raises as `read` does."""
    document = mapping(raw, REFERENCE)
    if document.get("format") != FORMAT:
        raise wrong(f"{REFERENCE} is not of format {FORMAT}, which this Pilotage reads; build the bundle again")
    return Reference(
        rows=count(document.get("rows"), f"{REFERENCE} rows"),
        features=_by_key(document.get("features"), f"{REFERENCE} features", _feature_key),
        outputs=_by_key(document.get("outputs"), f"{REFERENCE} outputs", _output_key),
    )


def _binned(column: Array) -> dict[str, Any]:
    """Edges at the quantiles of `column`, fewer where values repeat.

    >>> _binned(np.array([1.0, 1.0, np.nan, 1.0]))
    {'edges': [1.0], 'counts': [3, 0], 'missing': 0.25}
    """
    present = column[~np.isnan(column)].astype(np.float64)
    quantiles = np.quantile(present, np.arange(1, _BINS) / _BINS) if present.size else np.array([])
    edges = sorted({round_figure(value) for value in quantiles.tolist()})
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return {"edges": edges, "counts": counts.tolist(), "missing": _missing(column)}


def _by_category(column: Array, categories: Sequence[float]) -> dict[str, Any]:
    """What is none of the categories is in no count.

    >>> _by_category(np.array([1.0, 2.0, 1.0, np.nan]), [1, 2, 3])
    {'values': [1, 2, 3], 'counts': [2, 1, 0], 'missing': 0.25}
    """
    counts = [int(np.count_nonzero(column == value)) for value in categories]
    return {"values": list(categories), "counts": counts, "missing": _missing(column)}


def _labelled(labels: Array) -> dict[str, Any]:
    values, counts = np.unique(labels, return_counts=True)
    most = sorted(np.argsort(-counts, kind="stable")[:MAX_CATEGORIES].tolist())
    kept = [at for at in most if not isinstance(values[at], str) or len(values[at]) <= MAX_CATEGORY_LETTERS]
    return {"values": values[kept].tolist(), "counts": counts[kept].tolist()}


def _missing(column: Array) -> float:
    return round_figure(np.count_nonzero(np.isnan(column)) / column.size)


def round_figure(value: float) -> float:
    """Six significant digits: what a processor adds in another order must not change the digest.

    >>> round_figure(0.12345678)
    0.123457
    """
    return float(f"{value:.6g}")


def _by_key(raw: object, where: str, key: Callable[[dict[str, Any], str], Key]) -> dict[Key, Bins | Values]:
    found: dict[Key, Bins | Values] = {}
    for index, entry in enumerate(sequence(raw, where, mapping, most=MAX_FEATURES)):
        place = f"{where}[{index}]"
        name = key(entry, place)
        if name in found:
            raise wrong(f"{place} is there twice")
        found[name] = _distribution(entry, place)
    return found


def _feature_key(entry: dict[str, Any], where: str) -> tuple[str, str]:
    return text(entry.get("input", ""), f"{where}.input"), text(entry.get("name"), f"{where}.name")


def _output_key(entry: dict[str, Any], where: str) -> tuple[str, int]:
    return text(entry.get("output"), f"{where}.output"), count(entry.get("column", 0), f"{where}.column")


def _distribution(entry: dict[str, Any], where: str) -> Bins | Values:
    missing = number(entry.get("missing", 0), f"{where}.missing")
    counts = sequence(entry.get("counts"), f"{where}.counts", count, most=MAX_CATEGORIES)
    if "values" in entry:
        values = sequence(entry["values"], f"{where}.values", _value, most=MAX_CATEGORIES)
        if len(set(values)) < len(values) or len({isinstance(value, str) for value in values}) > 1:
            raise wrong(f"{where}.values must be either numbers or texts, each once")
        if len(counts) != len(values):
            raise wrong(f"{where}.counts must be as many as the values")
        return Values(values, counts, missing)
    edges = sequence(entry.get("edges"), f"{where}.edges", number, most=MAX_EDGES)
    if any(left >= right for left, right in pairwise(edges)):
        raise wrong(f"{where}.edges must grow from one to the next")
    if len(counts) != len(edges) + 1:
        raise wrong(f"{where}.counts must be one more than the edges")
    return Bins(edges, counts, missing)


def _value(raw: object, where: str) -> Value:
    if isinstance(raw, int):  # true and false are labels as well
        if abs(raw) >= 1 << 64:
            raise wrong(f"{where} must fit into 64 bits")
        return raw
    return text(raw, where) if isinstance(raw, str) else number(raw, where)
