"""The models that all servers serve: trained here, each in the form that its server wants.

`python -m tests.bench.serving.models INTO` writes a folder for each: our bundle, scikit-learn's own file for MLServer,
and the requests' bodies. A process of its own, so that the bench holds no page of a library that a server is charged
for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_iris, make_classification, make_regression
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pilotage
from tests.bench.serving import bodies

Data = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Recipe:
    data: Callable[[], Data]
    estimator: Callable[[], BaseEstimator]


def _images() -> Data:
    """As many pixels as a handwritten digit has; what they show does not change how long a network takes."""
    rows, classes = make_classification(1500, 784, n_informative=40, n_classes=10, random_state=0)
    return rows, classes


def _many() -> Data:
    rows, values = make_regression(5500, 30, noise=1.0, random_state=0)
    return rows, values


RECIPES: dict[str, Recipe] = {
    "iris-lr": Recipe(lambda: load_iris(return_X_y=True), lambda: LogisticRegression(max_iter=500)),
    "iris-gb": Recipe(lambda: load_iris(return_X_y=True), lambda: GradientBoostingClassifier(random_state=0)),
    "tumour": Recipe(
        lambda: load_breast_cancer(return_X_y=True),
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    ),
    "mlp": Recipe(_images, lambda: MLPClassifier((512, 512), max_iter=2, random_state=0)),
    # Neighbours among 5,000 rows: some 20 ms a call in a file of half a megabyte.
    "slow": Recipe(_many, lambda: KNeighborsRegressor(5)),
}


def build(name: str, into: Path) -> None:
    """One model's folder: `bundle/`, `model.joblib`, and one row: alone, and as a request in each form."""
    recipe = RECIPES[name]
    rows, answers = recipe.data()
    rows = rows.astype(np.float32)
    held = max(1, len(rows) // 10)  # the last tenth tests
    order = np.random.default_rng(0).permutation(len(rows))
    rows, answers = rows[order], answers[order]
    estimator = recipe.estimator().fit(rows[:-held], answers[:-held])
    into.mkdir(parents=True)
    pilotage.bundle(
        estimator,
        rows[:-held],
        rows[-held:],
        answers[-held:],
        name=name,
        version="1",
        into=into / "bundle",
    )
    joblib.dump(estimator, into / "model.joblib")
    np.save(into / "row.npy", rows[-1:])
    tensor = bodies.Tensor("input", (1, rows.shape[1]), rows[-1].astype("<f4").tobytes())
    for kind, body in bodies.all_of(name, tensor).items():
        (into / f"{kind}.body").write_bytes(body)
    (into / "binary.head").write_text(str(bodies.as_binary(tensor)[1]))


def main() -> None:
    into = Path(sys.argv[1])
    for name in RECIPES:
        print(f"training {name}", flush=True)
        build(name, into / name)


if __name__ == "__main__":
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    main()
