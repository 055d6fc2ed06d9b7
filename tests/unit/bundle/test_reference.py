import doctest
import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import Tensor
from pilotage.bundle.reference import reference

values = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))


@given(column=st.lists(values, min_size=1, max_size=200))
def test_every_training_value_is_counted_once_or_missing(column: list[float]) -> None:
    rows = np.array(column)[:, None]
    outputs = (Tensor("label", "INT64", (-1,)),)
    document = reference(["age"], rows, outputs, {"label": np.zeros(len(column), dtype=np.int64)})
    feature = document["features"][0]
    gaps = int(np.isnan(column).sum())
    assert sum(feature["counts"]) + gaps == len(column)
    assert len(feature["counts"]) == len(feature["edges"]) + 1
    assert feature["edges"] == sorted(set(feature["edges"]))
    assert feature["missing"] == pytest.approx(gaps / len(column), abs=1e-6)
    assert document["outputs"] == [{"output": "label", "values": [0], "counts": [len(column)]}]


@pytest.mark.parametrize("module", ["bundle.golden", "bundle.reference", "checks.report", "cli.release"])
def test_worked_examples_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"pilotage.{module}"))
    assert (found.failed, found.attempted > 0) == (0, True)
