"""Small bundles for tests: real scikit-learn pipelines, and ONNX graphs made by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pilotage
from pilotage.bundle.build import Bundle

COLUMNS = 5
TRAIN = 300


def rows(*, gaps: bool) -> tuple[Any, Any]:
    """Five columns of a data set that ships with scikit-learn, with every seventh row incomplete if asked."""
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :COLUMNS].copy()
    if gaps:
        X[::7, 3] = np.nan
    return X, y


def make_bundle(into: Path, *, name: str = "fraud", version: str = "1") -> Bundle:
    """A classifier whose pipeline fills missing values."""
    X, y = rows(gaps=True)
    estimator = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    estimator.fit(X[:TRAIN], y[:TRAIN])
    return pilotage.bundle(estimator, X[:TRAIN], X[TRAIN:], y[TRAIN:], name=name, version=version, into=into)


def adding_graph(elements: int, *, domain: str = "") -> onnx.ModelProto:
    """A model with the contract of `make_bundle`'s that needs 4·elements bytes to answer."""
    helper, proto = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node(
            "ConstantOfShape", ["count"], ["ones"], value=helper.make_tensor("one", proto.FLOAT, [1], [1])
        ),
        helper.make_node("ReduceSum", ["ones"], ["sum"], keepdims=0),
        helper.make_node("Slice", ["input", "zero", "two", "axis"], ["both"]),
        helper.make_node("Add", ["both", "sum"], ["probabilities"], domain=domain),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    constants = [
        helper.make_tensor("count", proto.INT64, [1], [elements]),
        helper.make_tensor("zero", proto.INT64, [1], [0]),
        helper.make_tensor("two", proto.INT64, [1], [2]),
        helper.make_tensor("axis", proto.INT64, [1], [1]),
    ]
    graph = helper.make_graph(
        nodes,
        "adding",
        [helper.make_tensor_value_info("input", proto.FLOAT, [None, COLUMNS])],
        [
            helper.make_tensor_value_info("label", proto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", proto.FLOAT, [None, 2]),
        ],
        constants,
    )
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)
