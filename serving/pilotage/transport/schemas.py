"""JSON schemas of one contract's requests and responses, and a request to begin with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pilotage.bundle.format import Contract, Feature, Tensor
from pilotage.runtime.session import dtype_of
from pilotage.transport.inference import MAX_SIZE

Schema = dict[str, Any]

_MOST_NAMED = 256  # columns described one by one; more of them would make the document larger than the model


def infer_request(contract: Contract) -> Schema:
    """A request in JSON. That `data` has as many elements as `shape` says is beyond a schema."""
    names = [tensor.name for tensor in contract.outputs]
    asked = _object({"name": {"enum": names}, "parameters": _parameters(binary_data=_FLAG)}, "name")
    return _object(
        {
            "id": {"type": ["string", "null"], "description": "Comes back with the answer."},
            "parameters": _parameters(
                timeout={
                    "type": ["integer", "null"],
                    "minimum": 0,
                    "maximum": 2**63 - 1,
                    "description": "Microseconds after which the caller needs no answer; 0 for none.",
                },
                binary_data_output=_FLAG | {"description": "Whether outputs come in binary unless asked otherwise."},
            ),
            "inputs": _each([_input(tensor) for tensor in contract.inputs], "Every input, in any order."),
            "outputs": {
                "type": ["array", "null"],
                "maxItems": len(names),
                "uniqueItems": True,
                "items": asked,
                "description": "The outputs to answer with, each once; all of them when none is named.",
            },
        },
        "inputs",
    )


def infer_response(contract: Contract) -> Schema:
    """An answer in JSON."""
    text = {"type": "string"}
    outputs = {"type": "array", "minItems": 1, "items": {"anyOf": [_output(tensor) for tensor in contract.outputs]}}
    return _object(
        {"model_name": text, "model_version": text, "id": text, "outputs": outputs},
        *("model_name", "model_version", "outputs"),
    )


def example(contract: Contract) -> dict[str, Any]:
    """A request that the contract allows: one row, of the middle of each feature's range."""
    inputs = []
    for tensor in contract.inputs:
        shape = [1 if size < 0 else size for size in tensor.shape]
        row = [_typical(tensor, feature) for feature in tensor.features]
        plain = {"BYTES": "", "BOOL": False}.get(tensor.datatype, 0)
        data = row if len(row) == math.prod(shape) else [plain] * math.prod(shape)
        inputs.append({"name": tensor.name, "datatype": tensor.datatype, "shape": shape, "data": data})
    return {"inputs": inputs}


def _input(tensor: Tensor) -> Schema:
    required = ("name", "datatype", "shape", "data")
    return _object(_signature(tensor) | {"data": _data(tensor), "parameters": _parameters()}, *required)


def _output(tensor: Tensor) -> Schema:
    # Each size by itself would be told by prefixItems, which few tools know in a response.
    rank = len(tensor.shape)
    shape = {"type": "array", "minItems": rank, "maxItems": rank, "items": {"type": "integer", "minimum": 0}}
    data = {"type": "array", "items": _element(tensor, None)}
    return _object(_signature(tensor) | {"shape": shape, "data": data}, "name", "datatype", "shape", "data")


def _signature(tensor: Tensor) -> Schema:
    sizes = [
        {"type": "integer", "minimum": 1, "maximum": MAX_SIZE} if size < 0 else {"const": size} for size in tensor.shape
    ]
    return {"name": {"const": tensor.name}, "datatype": {"const": tensor.datatype}, "shape": _each(sizes)}


def _data(tensor: Tensor) -> Schema:
    """Flat, or nested as the shape is; the features of a matrix are described where they are nested."""
    flat = {"type": "array", "minItems": 1, "items": _element(tensor, None)}
    if len(tensor.shape) < 2:
        return flat
    nested: Schema = _element(tensor, None)
    for size in reversed(tensor.shape[1:]):
        nested = {"type": "array", "minItems": 1, "items": nested}
        if size >= 0:
            nested |= {"minItems": size, "maxItems": size}
    if len(tensor.shape) == 2 and 0 < len(tensor.features) <= _MOST_NAMED:
        nested = _each([_element(tensor, feature) for feature in tensor.features])
    return {"anyOf": [{"type": "array", "minItems": 1, "items": nested, "description": "Row by row."}, flat]}


def _element(tensor: Tensor, feature: Feature | None) -> Schema:
    """One value. Ranges and categories are the schema's where others are refused, and else a word to the reader."""
    schema: Schema
    if tensor.datatype == "BYTES":
        schema = {"type": "string"}
    elif tensor.datatype == "BOOL":
        schema = dict(_BOOLEAN)
    else:
        schema = _number(dtype_of(tensor.datatype))
        if schema["type"] == "number" and (feature is None or feature.missing or not feature.refuse):
            schema["type"] = ["number", "null"]
    return schema if feature is None else schema | _described(feature, schema)


def _number(dtype: np.dtype[Any]) -> Schema:
    """What the datatype holds: of floats, whatever is not rounded to infinity."""
    if dtype.kind != "f":
        integers = np.iinfo(dtype)
        return {"type": "integer", "minimum": int(integers.min), "maximum": int(integers.max)}
    largest = np.finfo(dtype).max
    step = float(largest) - float(np.nextafter(largest, dtype.type(0)))
    limit = math.nextafter(float(largest) + step / 2, 0)
    return {"type": "number", "minimum": -limit, "maximum": limit}


def _described(feature: Feature, schema: Mapping[str, Any]) -> Schema:
    described: Schema = {"title": feature.name}
    if not feature.refuse:
        if feature.low is not None and feature.high is not None:
            described["description"] = f"From {feature.low:g} to {feature.high:g} in training."
        return described
    if feature.low is not None:
        described["minimum"] = feature.low
    if feature.high is not None:
        described["maximum"] = feature.high
    if feature.categories:
        described["enum"] = [*feature.categories, *([None] if "null" in schema["type"] else [])]
    return described


def _typical(tensor: Tensor, feature: Feature) -> Any:
    if feature.categories:
        return feature.categories[0]
    if tensor.datatype == "BYTES":
        return ""
    low, high = feature.low, feature.high
    middle = ((low or 0.0) + (high or 0.0)) / 2 if low is not None and high is not None else low or high or 0.0
    if tensor.datatype == "BOOL":
        return middle > 0.5
    if tensor.datatype.startswith("FP"):
        rounded = round(middle, 2)
        return rounded if low is None or high is None or low <= rounded <= high else middle
    return math.ceil(middle) if low is not None and math.floor(middle) < low else math.floor(middle)


_BOOLEAN: Schema = {"type": "boolean"}
_FLAG: Schema = {"type": ["boolean", "null"]}


def _parameters(**known: Schema) -> Schema:
    return {"type": ["object", "null"], "properties": known}


def _object(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "required": list(required), "properties": properties}


def _each(schemas: list[Schema], description: str = "") -> Schema:
    """A list with one entry for each of `schemas`."""
    exact = {"type": "array", "minItems": len(schemas), "maxItems": len(schemas), "prefixItems": schemas}
    return exact | ({"description": description} if description else {})
