"""A model that wants more than its container has is refused in a sentence, and nothing else is."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.bundle.errors import BundleError
from pilotage.runtime.memory import loading
from tests.unit.bundle.bundles import adding_graph

GIBIBYTE = 1 << 30
LOAD = """
import sys
from pathlib import Path
import numpy as np
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import Contract, Tensor
from pilotage.runtime.memory import loading
from pilotage.runtime.session import Session

outputs = (Tensor("label", "INT64", (-1,)), Tensor("probabilities", "FP32", (-1, 2)))
contract = Contract((Tensor("input", "FP32", (-1, 5)),), outputs)
try:
    with loading(int(sys.argv[2])):
        Session.load(Path(sys.argv[1]), contract).run({"input": np.zeros((1, 5), dtype=np.float32)})
except BundleError as error:
    sys.exit(f"{error.check}: {error.message}")
"""


def load(model: Path, limit: int) -> str:
    """What a process says that loads and warms the model in a container with that limit."""
    ended = subprocess.run(
        [sys.executable, "-c", LOAD, str(model), str(limit)], capture_output=True, text=True, check=False
    )
    assert ended.returncode in (0, 1), ended.stderr
    return ended.stderr.strip()


def test_a_model_that_wants_gigabytes_is_refused_naming_the_limit(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(adding_graph(GIBIBYTE).SerializeToString())
    assert load(model, 256 << 20) == (
        f"memory: the model wants more memory than the container's limit of {256 << 20} bytes allows; "
        "raise the limit, or make the model smaller"
    )


def test_a_model_that_fits_is_loaded_and_answers(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(adding_graph(1 << 20).SerializeToString())
    assert load(model, 128 << 20) == ""


def test_other_failures_stay_what_they_are_and_the_limit_ends_with_the_loading() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(BundleError, match="cut off"), loading(1 << 40):
        raise BundleError("structure", "cut off")
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
