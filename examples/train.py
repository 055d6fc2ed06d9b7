"""Three versions of a model, as a data scientist makes them: `python examples/train.py DIR`.

The rows are scikit-learn's breast cancer measurements. In production some of them come incomplete. Version 3 was
trained and tested on complete rows only and lost its imputer on the way: offline it looks as good as any, on a row
with a gap it answers NaN.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pilotage
from pilotage.bundle.build import Bundle
from sklearn.datasets import load_breast_cancer  # type: ignore[import-untyped]
from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-untyped]
from sklearn.impute import SimpleImputer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

GAPS = 0.3  # of the rows that production sends, the share with a missing measurement

Array = np.ndarray[Any, np.dtype[Any]]


def measurements() -> tuple[Array, Array]:
    """Complete rows, and what each one was."""
    X, y = load_breast_cancer(return_X_y=True)
    return X, y


def with_gaps(X: Array, seed: int = 0) -> Array:
    """The rows as production sends them: in a share of `GAPS`, one measurement is missing (NaN)."""
    random = np.random.default_rng(seed)
    incomplete = np.flatnonzero(random.random(len(X)) < GAPS)
    X = X.copy()
    X[incomplete, random.integers(X.shape[1], size=len(incomplete))] = np.nan
    return X


def train(into: Path) -> list[Bundle]:
    """Train and bundle the three versions, each in its own folder below `into`."""
    X, y = measurements()
    gaps = with_gaps(X)
    made = []
    for version, rows, estimator in [
        ("1", gaps, make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=0.01))),
        ("2", gaps, make_pipeline(SimpleImputer(), HistGradientBoostingClassifier(max_iter=60, random_state=0))),
        ("3", X, make_pipeline(StandardScaler(), LogisticRegression())),
    ]:
        X_train, X_test, y_train, y_test = train_test_split(rows, y, random_state=0)
        estimator.fit(X_train, y_train)
        folder = into / f"fraud-{version}"
        made.append(pilotage.bundle(estimator, X_train, X_test, y_test, name="fraud", version=version, into=folder))
    return made


if __name__ == "__main__":
    for bundle in train(Path(sys.argv[1])):
        print(bundle.path, bundle.digest)
