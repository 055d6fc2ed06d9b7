"""Checks of outputs and classes that the model does not have are refused, with those that it has."""

from __future__ import annotations

from typing import Any

import pytest

from pilotage_operator.api.analysis import Check
from pilotage_operator.api.modelversion import TensorContract
from pilotage_operator.domain.analysis.applicable import unknown_to_model

LABEL = TensorContract(name="label", datatype="INT64", shape=(-1,), classes=("0", "1"))
UNLISTED = LABEL.model_copy(update={"classes": None})
SCORE = TensorContract(name="score", datatype="FP32", shape=(-1, 2))


@pytest.mark.parametrize(
    ("check", "outputs", "says"),
    [
        pytest.param({"errorRate": {}}, (LABEL,), "", id="no output is asked for"),
        pytest.param({"predictionShare": {}}, (LABEL, SCORE), "", id="every class"),
        pytest.param({"predictionShare": {"class": "1"}}, (LABEL, SCORE), "", id="a class that it has"),
        pytest.param({"predictionShare": {"class": "fraud"}}, (UNLISTED,), "", id="a class, and none is listed"),
        pytest.param({"predictionShare": {"output": "x"}}, (), "", id="an output, and none is listed"),
        pytest.param(
            {"predictionShare": {"class": "fraud"}}, (LABEL, SCORE), "v3 has no class fraud; it has 0, 1", id="a class"
        ),
        pytest.param(
            {"predictionShare": {"output": "lable"}}, (LABEL, SCORE), "no output lable; it has label, score", id="share"
        ),
        pytest.param({"predictionDrift": {"output": "x"}}, (SCORE,), "no output x; it has score", id="drift"),
        pytest.param(
            {"predictionShare": {"output": "score"}}, (LABEL, SCORE), "output score is of numbers", id="not of labels"
        ),
        pytest.param({"predictionShare": {}}, (SCORE,), "answers with numbers only", id="no output of labels at all"),
    ],
)
def test_what_a_model_does_not_have(check: dict[str, Any], outputs: tuple[TensorContract, ...], says: str) -> None:
    said = unknown_to_model([Check.model_validate(check)], outputs, "v3")
    assert says in said
    assert bool(said) == bool(says)


def test_of_many_classes_some_are_named() -> None:
    many = LABEL.model_copy(update={"classes": tuple(map(str, range(40)))})
    said = unknown_to_model([Check.model_validate({"predictionShare": {"class": "x"}})], [many], "v3")
    assert said.endswith("it has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 30 more")
