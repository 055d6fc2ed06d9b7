"""The document that is made from a contract: its example is taken, and it says what the contract refuses."""

import json
from typing import Any

import pytest

from pilotage.bundle.format import DATATYPES, Contract, Feature, Tensor
from pilotage.transport.openapi import document
from pilotage.transport.schemas import example
from pilotage.transport.v2 import Codec

OUTPUTS = (Tensor("label", "INT64", (-1,)),)
AGE = Feature("age", 18, 90, False, refuse=True)
CITY = Feature("city", None, None, True, categories=(1.0, 2.0), refuse=True)
INCOME = Feature("income", 0, 9e5, True)


def schema_of(*features: Feature) -> Any:
    """What the document says of `data`."""
    contract = Contract((Tensor("input", "FP32", (-1, len(features)), features),), OUTPUTS)
    written = json.loads(json.dumps(document(contract, ("fraud", "fraud"), ("3", "3"))))
    (tensor,) = written["components"]["schemas"]["InferRequest"]["properties"]["inputs"]["prefixItems"]
    return tensor["properties"]["data"]


def test_each_feature_is_described_and_what_is_refused_is_the_schemas() -> None:
    nested, flat = schema_of(AGE, CITY, INCOME)["anyOf"]
    age, city, income = nested["items"]["prefixItems"]
    assert (age["title"], age["type"], age["minimum"], age["maximum"]) == ("age", "number", 18, 90)
    assert (city["type"], city["enum"]) == (["number", "null"], [1, 2, None])
    assert (income["type"], income["description"]) == (["number", "null"], "From 0 to 900000 in training.")
    assert income["maximum"] == flat["items"]["maximum"] > 3.4e38


def test_thousands_of_features_do_not_make_a_document_of_megabytes() -> None:
    many = [Feature(f"x{i}", 0, 1, True) for i in range(5000)]
    nested, _ = schema_of(*many)["anyOf"]
    assert (nested["items"]["minItems"], nested["items"]["maxItems"], "prefixItems" in nested["items"]) == (
        *(5000, 5000),
        False,
    )


def test_names_and_versions_are_each_said_once() -> None:
    paths = document(Contract((Tensor("x", "FP32", (-1, 1)),), OUTPUTS), ("fraud", "fraud"), ("3", "iris-v3"))["paths"]
    model, version = paths["/v2/models/{model}/versions/{version}/infer"]["parameters"]
    assert (model["schema"]["enum"], version["schema"]["enum"]) == (["fraud"], ["3", "iris-v3"])


@pytest.mark.parametrize(
    "tensor",
    [
        *(Tensor("input", word, (-1, 2)) for word in DATATYPES),
        *(Tensor("input", word, (-1, 1), (AGE,)) for word in DATATYPES if word not in ("BYTES", "BOOL")),
        Tensor("input", "FP64", (2, 3, -1)),
        Tensor("input", "BYTES", (-1, 1), (Feature("kind", None, None, False, categories=("a", "b")),)),
        Tensor("input", "INT32", (-1, 1), (Feature("half", 0.5, 1.4, False),)),
        Tensor("input", "FP32", (-1, 1), (Feature("narrow", 1e-9, 2e-9, False, refuse=True),)),
    ],
    ids=str,
)
def test_the_example_is_a_request_that_the_contract_takes(tensor: Tensor) -> None:
    contract = Contract((tensor,), OUTPUTS)
    array = Codec(contract).decode(json.dumps(example(contract)).encode(), None).inputs["input"]
    for feature in tensor.features:
        assert all(
            value in feature.categories if feature.categories else feature.low <= value <= feature.high
            for value in array.ravel().tolist()
        )
