"""A bundle whose model gives back what it gets, one tensor for each datatype of the protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from pilotage.bundle import golden
from pilotage.bundle.format import DATATYPES, DOCUMENT, FORMAT, GOLDEN, MODEL, REFERENCE
from pilotage.runtime.session import dtype_of

Array = np.ndarray[Any, Any]

_ONNX = {"BYTES": "STRING", "FP16": "FLOAT16", "FP32": "FLOAT", "FP64": "DOUBLE"}


def values(datatype: str) -> Array:
    """Six values of a datatype, its extremes among them, in two rows."""
    dtype = dtype_of(datatype)
    if dtype.kind in "iuf":
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        return np.array([[0, 1, 2], [3, limits.min, limits.max]], dtype)
    if dtype.kind == "b":
        return np.array([[True, False, True], [False, False, True]])
    return np.array([["", "é", "a\x00b"], ["日本", '"\\\n', "x" * 1000]], dtype)


def write(folder: Path) -> Path:
    """The bundle `echo` 1: inputs in_bool, in_uint8, …, outputs out_bool, out_uint8, …"""
    folder.mkdir()
    (folder / MODEL).write_bytes(_model())
    contract = {
        f"{side}puts": [{"name": f"{side}_{word.lower()}", "datatype": word, "shape": [-1, 3]} for word in DATATYPES]
        for side in ("in", "out")
    }
    document = {"format": FORMAT, "name": "echo", "version": "1", "contract": contract}
    (folder / DOCUMENT).write_text(json.dumps(document))
    (folder / REFERENCE).write_text(json.dumps({"format": FORMAT, "rows": 2, "features": [], "outputs": []}))
    sent, back = ({f"{side}_{word.lower()}": values(word) for word in DATATYPES} for side in ("in", "out"))
    datatypes = {f"{side}_{word.lower()}": word for word in DATATYPES for side in ("in", "out")}
    golden.write(folder / GOLDEN, [golden.Golden(sent, back)], datatypes)
    return folder


def _model() -> bytes:
    nodes, inputs, outputs = [], [], []
    for word in DATATYPES:
        element = TensorProto.DataType.Value(_ONNX.get(word, word))
        given, back = f"in_{word.lower()}", f"out_{word.lower()}"
        nodes.append(helper.make_node("Identity", [given], [back]))
        inputs.append(helper.make_tensor_value_info(given, element, ["rows", 3]))
        outputs.append(helper.make_tensor_value_info(back, element, ["rows", 3]))
    graph = helper.make_graph(nodes, "echo", inputs, outputs)
    opset = [helper.make_opsetid("", 20)]
    model: bytes = helper.make_model(graph, ir_version=10, opset_imports=opset).SerializeToString()
    return model
