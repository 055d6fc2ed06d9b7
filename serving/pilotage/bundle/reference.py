"""`reference.json`: how features and answers were distributed in training, in bins that never move again.

Drift is measured later by counting live values into the same bins.
"""

from typing import Any

import numpy as np

from pilotage.bundle.format import Tensor

Array = np.ndarray[Any, np.dtype[Any]]
_BINS = 10


def reference(
    features: list[str], rows: Array, outputs: tuple[Tensor, ...], answers: dict[str, Array]
) -> dict[str, Any]:
    """The document: per feature and per output column the edges, the counts and the rate of missing values.

    Counts are one more than edges: bin i holds edges[i-1] < x <= edges[i], the first and last are open. A label is
    counted by value.
    """
    columns = []
    for tensor in outputs:
        array = answers[tensor.name]
        if tensor.datatype.startswith("FP"):
            flat = array.reshape(len(array), -1)
            columns += [
                {"output": tensor.name, "column": index, **_binned(flat[:, index])} for index in range(flat.shape[1])
            ]
        else:
            values, counts = np.unique(array.ravel(), return_counts=True)
            columns.append({"output": tensor.name, "values": values.tolist(), "counts": counts.tolist()})
    return {
        "format": 1,
        "rows": len(rows),
        "features": [{"name": name, **_binned(rows[:, index])} for index, name in enumerate(features)],
        "outputs": columns,
    }


def _binned(column: Array) -> dict[str, Any]:
    """Edges at the quantiles of `column`, fewer where values repeat.

    >>> _binned(np.array([1.0, 1.0, np.nan, 1.0]))
    {'edges': [1.0], 'counts': [3, 0], 'missing': 0.25}
    """
    present = column[~np.isnan(column)].astype(np.float64)
    quantiles = np.quantile(present, np.arange(1, _BINS) / _BINS) if present.size else np.array([])
    edges = sorted({round_figure(value) for value in quantiles.tolist()})
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return {
        "edges": edges,
        "counts": counts.tolist(),
        "missing": round_figure(1 - present.size / column.size),
    }


def round_figure(value: float) -> float:
    """Six significant digits: what a processor adds in another order must not change the digest.

    >>> round_figure(0.12345678)
    0.123457
    """
    return float(f"{value:.6g}")
