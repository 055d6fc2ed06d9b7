"""A model is held to its contract, and fails in sentences."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import Contract, Tensor
from pilotage.runtime.errors import RunError
from pilotage.runtime.session import Session

DECLARED = Contract((Tensor("x", "FP32", (-1, 2)),), (Tensor("y", "FP32", (-1, 2)),))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """y = x + [1, 2]: fails on any other width."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "b"], ["y"])],
        "add",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", "columns"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", "columns"])],
        [helper.make_tensor("b", TensorProto.FLOAT, [2], [1.0, 2.0])],
    )
    path = tmp_path / "model.onnx"
    opset = [helper.make_opsetid("", 20)]
    path.write_bytes(helper.make_model(graph, ir_version=10, opset_imports=opset).SerializeToString())
    assert onnx.load(path)
    return path


def test_a_model_answers_by_name(model: Path) -> None:
    session = Session.load(model, DECLARED)
    answers = session.run({"x": np.zeros((3, 2), dtype=np.float32)})
    assert answers["y"].tolist() == [[1, 2]] * 3
    assert session.inputs == (Tensor("x", "FP32", (-1, -1)),)


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"),
    [
        pytest.param((Tensor("z", "FP32", (-1, 2)),), DECLARED.outputs, "inputs are not those", id="another name"),
        pytest.param(DECLARED.inputs * 2, DECLARED.outputs, "inputs are not those", id="a name given twice"),
        pytest.param((Tensor("x", "FP64", (-1, 2)),), DECLARED.outputs, "input 'x'", id="another datatype"),
        pytest.param((Tensor("x", "FP32", (2,)),), DECLARED.outputs, "input 'x'", id="another rank"),
        pytest.param(DECLARED.inputs, (Tensor("y", "INT64", (-1, 2)),), "output 'y'", id="another output"),
    ],
)
def test_a_model_that_is_not_as_declared_is_refused(
    model: Path, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], says: str
) -> None:
    with pytest.raises(BundleError, match=says) as caught:
        Session.load(model, Contract(inputs, outputs))
    assert caught.value.check == "contract"
    assert caught.value.figure != caught.value.limit


def test_a_model_that_is_cut_is_refused_without_its_path(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:40])
    with pytest.raises(BundleError, match="cannot load model") as caught:
        Session.load(model, DECLARED)
    assert caught.value.check == "load"
    assert str(model.parent) not in caught.value.message


def test_a_model_that_fails_while_it_runs_is_a_run_error(model: Path) -> None:
    session = Session.load(model, DECLARED)
    with pytest.raises(RunError, match="the model failed"):
        session.run({"x": np.zeros((3, 5), dtype=np.float32)})
