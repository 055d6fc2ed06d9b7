import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pilotage.bundle.build import Bundle
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import load, parse

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "name": "fraud",
    "version": "3",
    "contract": {
        "inputs": [
            {
                "name": "input",
                "datatype": "FP32",
                "shape": [-1, 1],
                "features": [{"name": "age", "min": 1, "max": 99.5, "missing": False}],
            }
        ],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
    },
    "provenance": {},
    "metrics": {"auc": 0.9},
}


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return document


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        pytest.param([], "bundle.json must be an object", id="a list instead of an object"),
        pytest.param(changed("format", to=2), "format is 2, this Pilotage reads 1", id="a format of the future"),
        pytest.param(changed("name", to="Fraud!"), "name 'Fraud!' must be at most 52", id="a name Kubernetes refuses"),
        pytest.param(changed("version", to="a/b"), "version 'a/b' must be", id="a version that breaks a URL"),
        pytest.param(changed("contract", to=None), "contract must be an object", id="no contract"),
        pytest.param(changed("contract", "inputs", to=[]), "contract.inputs must be a list with", id="no inputs"),
        pytest.param(
            changed("contract", "inputs", 0, "datatype", to="float"),
            "contract.inputs[0].datatype float is none of the protocol's",
            id="a datatype of another language",
        ),
        pytest.param(
            changed("contract", "inputs", 0, "shape", to=[-2]),
            "contract.inputs[0].shape[0] must be a whole number",
            id="a negative dimension",
        ),
        pytest.param(
            changed("contract", "inputs", 0, "shape", to=[True]),
            "contract.inputs[0].shape[0] must be a whole number",
            id="a boolean dimension",
        ),
        pytest.param(
            changed("contract", "inputs", 0, "features", 0, "missing", to="no"),
            "contract.inputs[0].features[0].missing must be true or false",
            id="missing as a text",
        ),
        pytest.param(changed("metrics", "auc", to="0.9"), "metrics.auc must be a number", id="a metric as a text"),
    ],
)
def test_a_wrong_document_is_refused_naming_the_place(document: Any, sentence: str) -> None:
    with pytest.raises(BundleError) as refused:
        parse(document)
    assert sentence in refused.value.message
    assert refused.value.check == "structure"


@pytest.mark.parametrize(
    ("document", "noticed"),
    [
        pytest.param(changed("version", to="4"), False, id="another version"),
        pytest.param(changed("contract", "inputs", 0, "features", 0, "max", to=100), False, id="another range"),
        pytest.param(changed("contract", "inputs", 0, "features", 0, "missing", to=True), False, id="gaps in training"),
        pytest.param(changed("contract", "inputs", 0, "features", 0, "name", to="sex"), True, id="another column"),
        pytest.param(changed("contract", "inputs", 0, "shape", to=[-1, 2]), True, id="another shape"),
        pytest.param(changed("contract", "outputs", 0, "datatype", to="BYTES"), True, id="another datatype"),
    ],
)
def test_the_contracts_hash_changes_when_a_caller_would_notice(document: Any, noticed: bool) -> None:
    assert (parse(document).contract.hash() != parse(DOCUMENT).contract.hash()) is noticed


def spoil_with_link(folder: Path) -> None:
    (folder / "model.onnx").rename(folder.parent / "elsewhere")
    (folder / "model.onnx").symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda f: (f / "golden.jsonl").unlink(), "golden.jsonl is missing", id="a file is missing"),
        pytest.param(lambda f: (f / "run.py").touch(), "run.py does not belong into a bundle", id="a file too many"),
        pytest.param(spoil_with_link, "model.onnx is a link or a folder", id="a link"),
        pytest.param(lambda f: (f / "bundle.json").write_text("{"), "bundle.json is not JSON", id="half a document"),
        pytest.param(
            lambda f: (f / "bundle.json").write_text("[" * 100_000), "bundle.json is not JSON", id="endless nesting"
        ),
    ],
)
def test_a_spoilt_folder_is_refused(folder: Path, spoil: Callable[[Path], object], sentence: str) -> None:
    spoil(folder)
    with pytest.raises(BundleError, match=sentence):
        load(folder)


def test_a_built_bundle_reads_back(built: Bundle) -> None:
    document = load(built.path)
    raw = json.loads((built.path / "bundle.json").read_text())
    assert (document.name, document.version) == ("fraud", "1")
    assert [t.signature() for t in document.contract.outputs] == raw["contract"]["outputs"]
    assert [f.missing for f in document.contract.inputs[0].features] == [False, False, False, True, False]
