import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pilotage.bundle.build import Bundle
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import Feature, load, parse

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


def feature(datatype: str = "FP32", **entries: Any) -> dict[str, Any]:
    document = changed("contract", "inputs", 0, "datatype", to=datatype)
    document["contract"]["inputs"][0]["features"][0].update(entries)
    return document


FEATURE = "contract.inputs[0].features[0]"


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
        pytest.param(
            changed("metrics", "auc", to="0.9"), "metrics.auc must be a finite number", id="a metric as a text"
        ),
        pytest.param(
            changed("contract", "inputs", 0, "features", to=[{"name": "age", "missing": False}] * 2),
            "contract.inputs[0].features names a feature twice",
            id="a feature twice",
        ),
        pytest.param(changed("metrics", "auc", to=10**400), "metrics.auc must be a finite number", id="a huge metric"),
        pytest.param(feature(max=float("inf")), f"{FEATURE}.max must be a finite number", id="an infinite limit"),
        pytest.param(
            feature(onViolation="warn"), f'{FEATURE}.onViolation must be "count" or "refuse"', id="an unknown policy"
        ),
        pytest.param(
            feature(name="\ud800"), f"{FEATURE}.name must be a text, of whole characters", id="half a character"
        ),
        pytest.param(feature(redact=1), f"{FEATURE}.redact must be true or false", id="redact as a number"),
        pytest.param(feature(categories=[]), f"{FEATURE}.categories must be a list with", id="no categories"),
        pytest.param(feature(categories=["a"]), f"{FEATURE}.categories must be numbers", id="texts for numbers"),
        pytest.param(feature(categories=[1, 1.0]), f"{FEATURE}.categories names an entry twice", id="a category twice"),
        pytest.param(feature(categories=[True]), f"{FEATURE}.categories[0] must be a finite", id="true as a category"),
        pytest.param(
            feature(categories=list(range(1001))), f"{FEATURE}.categories has 1001 entries, at most 1000", id="too many"
        ),
        pytest.param(
            feature(categories=["a" * 201]),
            f"{FEATURE}.categories[0] must be a text of at most 200",
            id="a category as a novel",
        ),
        pytest.param(
            feature(onViolation="refuse", min=3, max=2), f"{FEATURE}.min is above its max", id="nothing is allowed"
        ),
        pytest.param(
            feature(datatype="BYTES", onViolation="refuse"), f"{FEATURE} is BYTES and has no min", id="a text's range"
        ),
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
        pytest.param(feature(categories=[1, 2]), False, id="categories that are counted"),
        pytest.param(feature(redact=True), False, id="values kept out of logs"),
        pytest.param(feature(onViolation="count"), False, id="the usual policy, said aloud"),
        pytest.param(feature(onViolation="refuse"), True, id="a value beyond the range is refused from now on"),
    ],
)
def test_the_contracts_hash_changes_when_a_caller_would_notice(document: Any, noticed: bool) -> None:
    assert (parse(document).contract.hash() != parse(DOCUMENT).contract.hash()) is noticed


def test_what_is_refused_belongs_to_the_contract_that_a_caller_notices() -> None:
    strict = parse(feature(onViolation="refuse")).contract
    assert strict.hash() != parse(feature(onViolation="refuse", max=100)).contract.hash()
    assert strict.hash() == parse(feature(onViolation="refuse", redact=True)).contract.hash()


def test_a_feature_says_its_categories_its_policy_and_its_secrecy() -> None:
    raw = feature("BYTES", min=None, max=None, categories=["a", "b"], onViolation="refuse", redact=True)
    assert parse(raw).contract.inputs[0].features == (Feature("age", None, None, False, ("a", "b"), True, True),)


def test_a_contract_without_policies_has_the_hash_that_it_always_had() -> None:
    hashed = parse(DOCUMENT).contract.hash()
    assert hashed == "ffa9e7d40959c93d022ae1ea3aec8c4b3cac93a2091c2e76682dff123062dd9a"


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
