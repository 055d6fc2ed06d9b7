"""The versions that the demo and the end-to-end tests release: trained on a data set that ships with scikit-learn.

Tumours are told benign or malignant from 30 measurements. Live rows differ from offline ones in one respect: some
have a gap, as real rows do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pilotage
from pilotage.bundle.build import Bundle

Rows = NDArray[np.float32]
GAPS = 0.5  # share of live rows with a missing value


@dataclass(frozen=True)
class Data:
    train: Rows
    test: Rows
    y_train: NDArray[np.int64]
    y_test: NDArray[np.int64]


def data() -> Data:
    rows, answers = load_breast_cancer(return_X_y=True)
    train, test, y_train, y_test = train_test_split(rows.astype(np.float32), answers, random_state=0, test_size=0.3)
    return Data(train, test, y_train, y_test)


def _careful(strength: float) -> BaseEstimator:
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(C=strength))


def _careless(strength: float) -> BaseEstimator:
    """The imputer was lost in a refactoring. Offline rows have no gaps, so that no offline test sees it."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength))


def _alarmed() -> BaseEstimator:
    """A missed tumour was made so dear that nearly every one is called malignant, class 0."""
    weighed = LogisticRegression(C=1e-4, class_weight={0: 1000.0, 1: 1.0})
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), weighed)


def _slow() -> BaseEstimator:
    """As right as the others, and a hundred times as much work for each answer."""
    network = MLPClassifier(hidden_layer_sizes=(2000, 2000), max_iter=1, batch_size=398, random_state=0)
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), network)


ESTIMATORS: dict[str, Callable[[], BaseEstimator]] = {
    "v1": lambda: _careful(0.1),
    "v2": lambda: _careful(1.0),
    "v3": lambda: _careless(1.0),
    "v4": lambda: _careless(0.1),
    "slow": _slow,
    "alarmed": _alarmed,
    "narrow": lambda: _careful(1.0),
}
NARROW = 14.0
"""The greatest mean radius that the version `narrow` was trained on: its contract does not know greater ones."""


def build(which: str, version: str, into: Path, name: str = "tumour") -> Bundle:
    """Trains one of ESTIMATORS and writes its bundle."""
    given = data()
    train, answers = given.train, given.y_train
    if which == "narrow":
        train, answers = train[given.train[:, 0] <= NARROW], answers[given.train[:, 0] <= NARROW]
    estimator = ESTIMATORS[which]().fit(train, answers)
    return pilotage.bundle(estimator, train, given.test, given.y_test, name=name, version=version, into=into)


def live_bodies(into: Path, gaps: float = GAPS) -> Path:
    """A file of V2 requests of one row each, a line a request; `gaps` of them have one value missing (null)."""
    chance = np.random.default_rng(7)
    lines = []
    for row in data().test:
        values: list[float | None] = [float(value) for value in row]
        if chance.random() < gaps:
            values[int(chance.integers(len(values)))] = None
        tensor = {"name": "input", "datatype": "FP32", "shape": [1, len(values)], "data": values}
        lines.append(json.dumps({"inputs": [tensor]}))
    into.write_text("\n".join(lines))
    return into
