"""One small real model, and a server of it that the tests that do not end it share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import pilotage
from tests.component.serving.process import Server


@pytest.fixture(scope="session")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle `iris` 3 of four measurements, trained without gaps and without an imputer."""
    rows, kinds = load_iris(return_X_y=True)
    estimator = LogisticRegression(max_iter=1000).fit(rows, kinds)
    into = tmp_path_factory.mktemp("bundles") / "iris"
    pilotage.bundle(estimator, rows, rows, kinds, name="iris", version="3", into=into)
    return into


@pytest.fixture(scope="module")
def server(flowers: Path) -> Iterator[Server]:
    """Served as a pod of the deployment `flowers` would."""
    with Server(
        flowers,
        "--max-body",
        "100000",
        PILOTAGE_DEPLOYMENT="flowers",
        PILOTAGE_VERSION="iris-v3",
        PILOTAGE_REVISION="1a2b3c4d5e",
    ) as running:
        yield running
