"""What is said of each feature: what the training data showed, and over it what the model's maker declares."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import Feature
from pilotage.bundle.reference import round_figure

Array = np.ndarray[Any, np.dtype[Any]]
Declared = Mapping[str, Mapping[str, Any]]

_KEYS = ("min", "max", "categories", "missing", "onViolation", "redact")
_MOST_NAMED = 10


def describe(features: Sequence[str], train: Array, declared: Declared) -> list[dict[str, Any]]:
    """The features as `bundle.json` has them. Raises BundleError("build", …) for a name or key that there is not."""
    for name, entries in declared.items():
        if name not in features:
            raise _wrong(f"contract names {name!r}, which is no feature; the features are {_listed(features)}")
        for key in entries if isinstance(entries, Mapping) else [entries]:
            if key not in _KEYS:
                raise _wrong(f"contract of {name!r} has {key!r}; what can be declared is {', '.join(_KEYS)}")
    return [_feature(name, train[:, index], declared.get(name, {})) for index, name in enumerate(features)]


def within(features: Sequence[Feature], rows: Array) -> Array:
    """For each row whether a server with these features takes it, as far as numbers go."""
    good = np.ones(len(rows), dtype=bool)
    for feature, column in zip(features, rows.T, strict=True):
        if not feature.refuse:
            continue
        present = ~np.isnan(column)
        if not feature.missing:
            good &= present
        if feature.low is not None:
            good &= ~(column < feature.low)
        if feature.high is not None:
            good &= ~(column > feature.high)
        if feature.categories:
            good &= np.isin(column, np.array(feature.categories)) | ~present
    return good


def _feature(name: str, column: Array, declared: Mapping[str, Any]) -> dict[str, Any]:
    present = column[~np.isnan(column)]
    # What is refused by it is not rounded: a training row itself could fall outside.
    figure = float if declared.get("onViolation") == "refuse" else round_figure
    ranged = bool(present.size) and not declared.get("categories")  # those need not all be in the training data
    shown = {
        "name": name,
        "min": figure(present.min()) if ranged else None,
        "max": figure(present.max()) if ranged else None,
        "missing": bool(present.size < len(column)),
    }
    return shown | {key: _plain(value) for key, value in declared.items()}


def _plain(value: Any) -> Any:
    """What JSON can hold of NumPy's and pandas' values and any collection; a set in order, or the digest would change.

    >>> _plain({3, 1, 2}), _plain(np.float32(0.5)), _plain(("a", np.int64(1)))
    ([1, 2, 3], 0.5, ['a', 1])
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted((_plain(entry) for entry in value), key=lambda entry: (str(type(entry)), entry))
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple | range) else value


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")


def _wrong(message: str) -> BundleError:
    return BundleError("build", message)
