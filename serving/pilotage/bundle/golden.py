"""Golden answers: Open Inference Protocol requests with the responses that the model gave when it was bundled.

One JSON object a line, `{"request": …, "response": {"outputs": […]}}`; the request can be replayed with curl.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import DATATYPES, GOLDEN

Array = np.ndarray[Any, np.dtype[Any]]

_NUMPY: dict[str, Any] = {
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BOOL": np.bool_,
    "BYTES": np.object_,
    **{word: np.dtype(word.lower()) for word in DATATYPES if "INT" in word},
}
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Golden:
    """One request and the answer it must get, by tensor name."""

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]


def choose_rows(train: Array, test: Array, *, count: int = 16) -> list[Array]:
    """The requests: rows spread over `test`, then the edges of `train` (its least, its greatest, its gaps), a batch.

    >>> [len(rows) for rows in choose_rows(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32))]
    [1, 1, 1, 1, 1, 3]
    """
    picked = np.unique(np.linspace(0, len(test) - 1, min(count, len(test))).astype(int))
    requests = [test[index : index + 1] for index in picked]
    filled = train[:, ~np.all(np.isnan(train), axis=0)]
    if filled.shape[1] == train.shape[1]:
        requests += [np.nanmin(train, axis=0)[None, :], np.nanmax(train, axis=0)[None, :]]
    gaps = np.isnan(train).any(axis=1)
    if gaps.any():
        requests.append(train[gaps][:1])
    requests.append(test[picked[:4]])
    return requests


def write(path: Path, pairs: Iterable[Golden], datatypes: Mapping[str, str]) -> None:
    """Write the lines; `datatypes` gives the V2 word of each tensor by name."""
    lines = []
    for number, pair in enumerate(pairs, start=1):
        request = {"id": f"golden-{number}", "inputs": _encode(pair.inputs, datatypes)}
        lines.append(json.dumps({"request": request, "response": {"outputs": _encode(pair.outputs, datatypes)}}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(directory: Path) -> list[Golden]:
    """The golden answers of the bundle in `directory`. Raises BundleError("structure", …) naming the line."""
    path = directory / GOLDEN
    if path.stat().st_size > _MAX_BYTES:
        raise BundleError("structure", f"{GOLDEN} is larger than {_MAX_BYTES} bytes; build the bundle again")
    pairs = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                raw = json.loads(line)
                pairs.append(Golden(_decode(raw["request"]["inputs"]), _decode(raw["response"]["outputs"])))
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
                raise BundleError(
                    "structure", f"{GOLDEN} line {number} is no request with its response ({error}); build again"
                ) from error
    if not pairs:
        raise BundleError("structure", f"{GOLDEN} is empty; without golden answers nothing proves the model")
    return pairs


def _encode(tensors: Mapping[str, Array], datatypes: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "datatype": datatypes[name],
            "shape": list(array.shape),
            "data": [_value(value, datatypes[name]) for value in array.ravel().tolist()],
        }
        for name, array in tensors.items()
    ]


def _value(value: Any, datatype: str) -> Any:
    if not isinstance(value, float):
        return value
    if math.isnan(value):
        return None  # a missing value
    # The shortest text that is the same float32 again.
    return float(str(np.float32(value))) if datatype == "FP32" else value


def _decode(tensors: Any) -> dict[str, Array]:
    return {tensor["name"]: _array(tensor) for tensor in tensors}


def _array(tensor: Any) -> Array:
    dtype = _NUMPY[tensor["datatype"]]
    data = tensor["data"]
    if tensor["datatype"].startswith("FP"):
        data = [math.nan if value is None else value for value in data]
    return np.array(data, dtype=dtype).reshape(tensor["shape"])
