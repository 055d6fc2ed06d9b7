"""From a fitted scikit-learn estimator to ONNX bytes, and the proof that both answer alike."""

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import Tensor

INPUT = "input"
# Pinned, so that another release of the converter does not change the operators that a server must know.
_OPSETS = {"": 21, "ai.onnx.ml": 3}
# As the gate's defaults: a bundle that passes here passes its golden answers there.
RTOL, ATOL = 1e-4, 1e-5

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Converted:
    """An ONNX model, its outputs as the contract names them, and whether it is a classifier."""

    model: bytes
    outputs: tuple[Tensor, ...]
    classifier: bool


def convert(estimator: Any, columns: int) -> Converted:
    """Convert to a model with one FP32 input `input` of shape [-1, columns].

    A classifier answers `label` and `probabilities`, a regressor `prediction`. The bytes depend on the estimator
    alone. Raises BundleError("convert", …) when the estimator cannot be expressed in ONNX.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.base import is_classifier

    classifier = bool(is_classifier(estimator))
    if classifier and not hasattr(estimator, "predict_proba"):
        raise BundleError(
            "convert",
            f"{type(estimator).__name__} gives no probabilities; wrap it in CalibratedClassifierCV and fit it again",
        )
    logging.getLogger("skl2onnx").setLevel(logging.ERROR)
    try:
        model = convert_sklearn(
            estimator,
            name="pilotage",  # without a name the converter invents one on each call
            initial_types=[(INPUT, FloatTensorType([None, columns]))],
            options={id(estimator): {"zipmap": False}} if classifier else None,
            target_opset=_OPSETS,
        )
    except Exception as error:  # the converter raises many kinds, also bare RuntimeError
        raise BundleError(
            "convert", f"{type(estimator).__name__} cannot be converted to ONNX: {_first_line(error)}"
        ) from error
    if not classifier:
        _rename_output(model, "prediction")
    return Converted(model.SerializeToString(deterministic=True), _outputs(model), classifier)


def run(model: bytes, rows: Array) -> dict[str, Array]:
    """The model's answers to `rows` (narrowed to float32, one row per line) by output name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the order of additions, and with it the last digit, is fixed
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {INPUT: rows.astype(np.float32)}), strict=True))


def check_parity(estimator: Any, converted: Converted, rows: Array) -> None:
    """Raise BundleError("parity", …) unless ONNX and scikit-learn answer `rows` alike.

    scikit-learn gets the rows in full precision, as the user's own code gives them: a tree's threshold may be a
    training value itself, and there only the narrowing of both sides agrees.

    Alike is |a - b| <= ATOL + RTOL·|b|, b from scikit-learn. Labels must be equal but where the best two classes are
    that near to each other.
    """
    answers = run(converted.model, rows)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        if not converted.classifier:
            _alike("predict", rows, answers["prediction"], np.asarray(estimator.predict(rows)))
            return
        expected = np.asarray(estimator.predict_proba(rows))
        labels = np.asarray(estimator.predict(rows))
    if expected.ndim != 2:
        raise BundleError("convert", "a classifier with more than one target is not supported; bundle one for each")
    _alike("predict_proba", rows, answers["probabilities"], expected)
    best = np.sort(expected, axis=1)
    clear = best[:, -1] - best[:, -2] > 2 * (ATOL + RTOL)
    wrong = int(np.sum(clear & (answers["label"].astype(str) != labels.astype(str))))
    if wrong:
        raise BundleError(
            "parity", f"ONNX gives {wrong} of {len(rows)} rows another label than predict", figure=str(wrong), limit="0"
        )


def _alike(method: str, rows: Array, found: Array, expected: Array) -> None:
    expected = expected.reshape(found.shape) if expected.size == found.size else expected
    if found.shape != expected.shape:
        raise BundleError("parity", f"ONNX answers shape {found.shape}, {method} {expected.shape}")
    excess = np.abs(found - expected) - (ATOL + RTOL * np.abs(expected))
    if np.all(excess <= 0):  # NaN is not
        return
    worst = int(np.argmax(np.nan_to_num(excess, nan=np.inf)))
    row = worst // max(1, found[0].size)
    difference = abs(float(found.flat[worst]) - float(expected.flat[worst]))
    # The converter has no branch for missing values in some trees; narrowing to float32 moves others' thresholds.
    advice = (
        "that row has missing values: put an imputer before the estimator"
        if np.isnan(rows[row]).any()
        else "fit it on X.astype('float32'), or scale the features"
    )
    raise BundleError(
        "parity",
        f"ONNX differs from {method} by {difference:.3g} in row {row} of the test rows, allowed is {ATOL:g} + {RTOL:g} "
        f"of the value; {advice}",
        figure=f"{difference:.3g}",
        limit=f"{ATOL:g} + {RTOL:g}·|value|",
    )


def _rename_output(model: Any, name: str) -> None:
    """Give the only output of a regressor the field's name in place of the converter's `variable`."""
    old = model.graph.output[0].name
    model.graph.output[0].name = name
    for node in model.graph.node:
        for index, output in enumerate(node.output):
            if output == old:
                node.output[index] = name
        for index, consumed in enumerate(node.input):
            if consumed == old:
                node.input[index] = name


def _outputs(model: Any) -> tuple[Tensor, ...]:
    datatypes = {1: "FP32", 7: "INT64", 8: "BYTES", 9: "BOOL", 11: "FP64"}  # onnx.TensorProto.DataType
    tensors = []
    for output in model.graph.output:
        tensor = output.type.tensor_type
        if tensor.elem_type not in datatypes:
            raise BundleError("convert", f"output {output.name} has ONNX element type {tensor.elem_type}")
        shape = tuple(dimension.dim_value or -1 for dimension in tensor.shape.dim)
        tensors.append(Tensor(output.name, datatypes[tensor.elem_type], shape))
    return tuple(tensors)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
