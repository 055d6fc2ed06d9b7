"""Everything that touches models; knows nothing of Kubernetes."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Imported before the function of the same name is defined: the import system sets a package's attribute only once,
# so `pilotage.bundle(...)` stays the function, and `from pilotage.bundle.format import …` finds the package.
import pilotage.bundle as _  # noqa: F401

if TYPE_CHECKING:
    from pilotage.bundle.build import Bundle


def bundle(
    estimator: Any,
    X_train: Any,
    X_test: Any,
    y_test: Any,
    *,
    name: str,
    version: str,
    into: str | PathLike[str],
    metrics: Mapping[str, float] | None = None,
    provenance: Mapping[str, Any] | None = None,
    contract: Mapping[str, Mapping[str, Any]] | None = None,
) -> "Bundle":
    """Write the bundle of a fitted scikit-learn classifier or regressor into the folder `into`.

    `X_train` gives ranges and distributions, `X_test` and `y_test` the offline metrics and the golden answers. Rows
    are numbers in one table (array or DataFrame); NaN is a missing value. `metrics` and `provenance` (a commit, say)
    are written beside what is measured here, and win over it.

    `contract` declares, by feature, more or other than the training data showed:

        contract={
            "age": {"min": 0, "max": 120, "missing": False, "onViolation": "refuse"},
            "region": {"categories": [1, 2, 3]},
            "income": {"redact": True},
        }

    `min` and `max` (None: no limit), `categories` (the only values there are) and `missing` (whether gaps are allowed)
    say what belongs to the feature. What goes beyond is served and counted ("onViolation": "count", the default), or
    refused with a sentence to the caller ("refuse"; declare its limits then, or another training set moves them).
    `redact` keeps the feature's values out of payload logs and error messages.

    The ONNX model must answer the test rows as scikit-learn does. The same arguments give the same digest, on any day.

    Raises BundleError with a sentence when the estimator cannot be converted, differs, or the data does not fit it.
    """
    from pilotage.bundle.build import build

    return build(
        estimator,
        X_train,
        X_test,
        y_test,
        name=name,
        version=version,
        into=Path(into),
        metrics=metrics,
        provenance=provenance,
        contract=contract,
    )
