"""The server against its own /v2/openapi.json: requests made from it, right ones and wrong ones, by schemathesis."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import pilotage
from tests.component.serving.process import Server

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A tree: it has an answer, and a finite one, to every number there is."""
    rows, kinds = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0).fit(rows, kinds)
    into = tmp_path_factory.mktemp("bundles") / "iris"
    contract = {"x3": {"min": 0, "max": 100, "missing": False, "onViolation": "refuse"}}
    pilotage.bundle(tree, rows, rows, kinds, name="iris", version="3", into=into, contract=contract)
    with Server(into, PILOTAGE_DEPLOYMENT="flowers", PILOTAGE_VERSION="iris-v3") as running:
        yield running


def test_the_server_keeps_to_its_document(server: Server, tmp_path: Path) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--no-color", "run"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--continue-on-failure"),
            f"http://127.0.0.1:{server.port}/v2/openapi.json",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.component.serving.fitting"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Tested: 10" in run.stdout


def test_the_documents_example_is_answered(server: Server) -> None:
    document = json.loads(server.ask("GET", "/v2/openapi.json").body)
    infer = document["paths"]["/v2/models/{model}/infer"]
    (names,) = infer["parameters"]
    assert names["schema"]["enum"] == ["flowers", "iris"]
    example = infer["post"]["requestBody"]["content"]["application/json"]["example"]
    assert server.ask("POST", "/v2/models/flowers/infer", json.dumps(example).encode()).status == 200
