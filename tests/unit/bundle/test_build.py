import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import pilotage
from pilotage.bundle import golden
from pilotage.bundle.build import Bundle
from pilotage.bundle.convert import run
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import load
from pilotage.runtime.door import Door
from tests.unit.bundle.bundles import TRAIN, rows


def bundle(estimator: Any, X: Any, y: Any, into: Path, **more: Any) -> Bundle:
    estimator.fit(X[:TRAIN], y[:TRAIN])
    return pilotage.bundle(
        estimator, X[:TRAIN], X[TRAIN:], y[TRAIN:], **{"name": "fraud", "version": "1", "into": into, **more}
    )


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_digest_is_the_same_in_another_process(built: Bundle, tmp_path: Path, seed: str) -> None:
    script = (
        "import sys, pathlib; from tests.unit.bundle.bundles import make_bundle\n"
        "print(make_bundle(pathlib.Path(sys.argv[1])).digest)"
    )
    root = Path(__file__).parents[3]
    answer = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "again")],
        capture_output=True,
        check=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    assert answer.stdout.strip() == built.digest


def test_golden_requests_hold_the_gaps_of_the_training_data_as_null(built: Bundle) -> None:
    lines = [json.loads(line) for line in (built.path / "golden.jsonl").read_text().splitlines()]
    assert any(None in line["request"]["inputs"][0]["data"] for line in lines)
    assert all(None not in output["data"] for line in lines for output in line["response"]["outputs"])


def test_a_pipeline_without_imputer_passes_offline_and_answers_nan_to_a_gap(tmp_path: Path) -> None:
    X, y = rows(gaps=False)
    made = bundle(make_pipeline(StandardScaler(), LogisticRegression()), X, y, tmp_path / "b")
    gap = X[:1].copy()
    gap[0, 3] = np.nan
    assert np.isnan(run((made.path / "model.onnx").read_bytes(), gap)["probabilities"]).all()


def test_text_labels_become_bytes(tmp_path: Path) -> None:
    X, y = rows(gaps=True)
    labels = np.array(["benign", "malign"], dtype=object)[y]
    made = bundle(HistGradientBoostingClassifier(max_iter=5), X, labels, tmp_path / "b")
    outputs = json.loads((made.path / "bundle.json").read_text())["contract"]["outputs"]
    assert outputs[0] == {"name": "label", "datatype": "BYTES", "shape": [-1]}


def test_a_regressor_answers_prediction(tmp_path: Path) -> None:
    X, y = load_diabetes(return_X_y=True)
    made = bundle(make_pipeline(StandardScaler(), Ridge()), X, y, tmp_path / "b")
    document = json.loads((made.path / "bundle.json").read_text())
    assert document["contract"]["outputs"] == [{"name": "prediction", "datatype": "FP32", "shape": [-1, 1]}]
    assert document["metrics"]["r2"] == pytest.approx(0.505, abs=0.01)


def test_given_metrics_and_provenance_win_over_the_measured(tmp_path: Path) -> None:
    X, y = rows(gaps=False)
    given = {"metrics": {"auc": np.float32(0.5), "cost": 3}, "provenance": {"commit": "1a2b"}}
    made = bundle(make_pipeline(StandardScaler(), LogisticRegression()), X, y, tmp_path / "b", **given)
    document = json.loads((made.path / "bundle.json").read_text())
    assert (document["metrics"]["auc"], document["metrics"]["cost"]) == (0.5, 3)
    assert document["provenance"]["commit"] == "1a2b"
    assert document["provenance"]["parameters"]["logisticregression__C"] == 1.0


def test_a_model_that_onnx_answers_differently_is_refused_with_the_figure(tmp_path: Path) -> None:
    X, y = rows(gaps=True)  # this converter drops the forest's branches for missing values
    with pytest.raises(BundleError, match="put an imputer before") as refused:
        bundle(RandomForestClassifier(10, random_state=0), X, y, tmp_path / "b")
    assert refused.value.check == "parity"
    assert float(refused.value.figure) > 0.01
    assert not (tmp_path / "b").exists()


def test_what_is_declared_stands_over_what_training_showed(tmp_path: Path) -> None:
    X, y = rows(gaps=False)
    X[:, 4] = np.arange(len(X)) % 3
    made = bundle(
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        X,
        y,
        tmp_path / "b",
        contract={
            "x0": {"min": 0, "max": np.float64(100), "missing": True, "onViolation": "refuse"},
            "x1": {"redact": True},
            "x4": {"categories": {2, 0, 1, 7}},
        },
    )
    features = json.loads((made.path / "bundle.json").read_text())["contract"]["inputs"][0]["features"]
    assert features[0] == {"name": "x0", "min": 0, "max": 100.0, "missing": True, "onViolation": "refuse"}
    assert features[1] == {"name": "x1", "min": 9.71, "max": 39.28, "missing": False, "redact": True}
    assert features[2].keys() == {"name", "min", "max", "missing"}
    assert features[4] == {"name": "x4", "min": None, "max": None, "missing": False, "categories": [0, 1, 2, 7]}
    reference = json.loads((made.path / "reference.json").read_text())["features"][4]
    assert reference == {"name": "x4", "values": [0, 1, 2, 7], "counts": [100, 100, 100, 0], "missing": 0.0}


def test_no_golden_request_is_refused_by_the_contract_itself(tmp_path: Path) -> None:
    X, y = rows(gaps=True)
    X *= 1.000_000_7  # ranges with more digits than are shown
    made = bundle(
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        X,
        y,
        tmp_path / "b",
        contract={
            "x0": {"onViolation": "refuse"},
            "x1": {"max": 20, "onViolation": "refuse"},
            "x3": {"missing": False, "onViolation": "refuse"},
        },
    )
    door = Door(load(made.path).contract)
    requests = golden.read(made.path)
    assert len(requests) > 10
    assert not any(door.check(pair.inputs) for pair in requests)


GOOD = {"name": "fraud", "version": "1"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"X_test": np.ones((3, 4))}, r"X_test has shape \(3, 4\); wanted is \(rows, 5\)", id="columns"),
        pytest.param({"X_test": np.full((3, 5), np.inf)}, "X_test holds values beyond float32", id="infinity"),
        pytest.param({"X_test": [["a"] * 5]}, "X_test holds values that are no numbers", id="texts"),
        pytest.param({"y_test": [1]}, "they must go together", id="rows without their truth"),
        pytest.param({"name": "Fraud"}, "name 'Fraud' must be", id="a bad name"),
        pytest.param({"metrics": {"auc": "high"}}, "metrics must be numbers", id="a metric that is a text"),
        pytest.param({"provenance": {"when": object()}}, "give plain JSON", id="provenance that is no JSON"),
        pytest.param(
            {"contract": {"age": {}}}, "names 'age', which is no feature; the features are x0, x1", id="no such feature"
        ),
        pytest.param(
            {"contract": {"x1": {"maximum": 3}}},
            "contract of 'x1' has 'maximum'; what can be declared is min, max, cat",
            id="no such key",
        ),
        pytest.param({"contract": {"x1": 3}}, "contract of 'x1' has 3; what", id="a limit without its name"),
        pytest.param(
            {"contract": {"x1": {"onViolation": "raise"}}},
            r"contract.inputs\[0\].features\[1\].onViolation must be",
            id="no such policy",
        ),
        pytest.param(
            {"contract": {"x1": {"categories": ["a"]}}},
            r"features\[1\].categories must be numbers: it is FP32",
            id="texts for a number",
        ),
        pytest.param(
            {"contract": {"x1": {"min": -2, "max": -1, "onViolation": "refuse"}}},
            "the contract refuses every row of X_train or of X_test",
            id="a contract that nothing keeps",
        ),
        pytest.param({"estimator": LogisticRegression()}, "cannot be converted to ONNX", id="an unfitted estimator"),
        pytest.param(
            {"estimator": LinearSVC().fit([[1], [2]], [0, 1])}, "gives no probabilities", id="no probabilities"
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    X, y = rows(gaps=False)
    arguments = {"estimator": None, "X_train": X, "X_test": X, "y_test": y, "into": tmp_path / "b", **GOOD, **change}
    if arguments["estimator"] is None:
        arguments["estimator"] = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    with pytest.raises(BundleError, match=sentence):
        pilotage.bundle(**arguments)
    assert not (tmp_path / "b").exists()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    X, y = rows(gaps=False)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BundleError, match="choose a new folder"):
        bundle(make_pipeline(StandardScaler(), LogisticRegression()), X, y, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]
