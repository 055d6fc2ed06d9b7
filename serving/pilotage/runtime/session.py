"""A model loaded in ONNX Runtime, under the names and datatypes of its contract."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import Contract, Tensor
from pilotage.runtime.errors import RunError

# A serving pod tells nobody anything but its clients and its scraper.
onnxruntime.disable_telemetry_events()

# V2's word for an element type: what ONNX Runtime calls it, and the numpy type that carries it.
_ELEMENTS: dict[str, tuple[str, type[np.generic]]] = {
    "BOOL": ("tensor(bool)", np.bool_),
    "UINT8": ("tensor(uint8)", np.uint8),
    "UINT16": ("tensor(uint16)", np.uint16),
    "UINT32": ("tensor(uint32)", np.uint32),
    "UINT64": ("tensor(uint64)", np.uint64),
    "INT8": ("tensor(int8)", np.int8),
    "INT16": ("tensor(int16)", np.int16),
    "INT32": ("tensor(int32)", np.int32),
    "INT64": ("tensor(int64)", np.int64),
    "FP16": ("tensor(float16)", np.float16),
    "FP32": ("tensor(float)", np.float32),
    "FP64": ("tensor(double)", np.float64),
    "BYTES": ("tensor(string)", np.object_),
}
# `[ONNXRuntimeError] : 1 : FAIL : `, and `/onnxruntime_src/…/graph.cc:1617 void f(int) [with T = float] `
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_SOURCE = re.compile(r"/onnxruntime_src/\S+:\d+ [^()]*\([^()]*\)( const)?( \[with [^\]]*\])? ?")
_WORDS = {onnx: datatype for datatype, (onnx, _) in _ELEMENTS.items()}


def dtype_of(datatype: str) -> np.dtype[Any]:
    """The numpy dtype that carries a V2 datatype; BYTES are Python strings in an object array."""
    return np.dtype(_ELEMENTS[datatype][1])


class Session:
    """One loaded model. `run` is neither queued nor thread-safe by promise: one loop, one caller."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.inputs = tuple(_tensor(node) for node in session.get_inputs())
        self.outputs = tuple(_tensor(node) for node in session.get_outputs())
        # run(None) asks for every output by walking the graph's metadata on each call; names asked once are cheaper.
        self._output_names = [tensor.name for tensor in self.outputs]

    @classmethod
    def load(cls, model_path: Path, contract: Contract) -> "Session":
        """Load `model_path` on one thread and hold it to `contract`.

        Raises BundleError("load", …) when ONNX Runtime refuses the file, BundleError("contract", …) when the model's
        inputs or outputs are not those declared. A hostile model can ask for any amount of memory while loading: call
        this in a process that has a limit.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one process, one core: more threads only fight over it
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors come as exceptions; warnings about the graph help nobody here
        try:
            session = onnxruntime.InferenceSession(
                str(model_path),
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # it would print on stdout, and load a hostile model twice
            )
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            reason = _reason(error)
            for folder in (model_path.parent, model_path.parent.resolve()):
                reason = reason.replace(f"{folder}/", "")
            raise BundleError("load", f"ONNX Runtime cannot load {model_path.name}: {reason}") from error
        loaded = cls(session)
        _hold("input", loaded.inputs, contract.inputs)
        _hold("output", loaded.outputs, contract.outputs)
        return loaded

    def run(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """The model's outputs by name. Raises RunError when the model cannot answer."""
        try:
            answers = self._session.run(self._output_names, inputs)
        except Exception as error:  # as above: no base class
            raise RunError(f"the model failed: {_reason(error)}") from error
        return dict(zip(self._output_names, answers, strict=True))


def _tensor(node: onnxruntime.NodeArg) -> Tensor:
    """A graph's input or output in V2's words; a type that V2 has no word for keeps ONNX Runtime's."""
    shape = tuple(size if isinstance(size, int) and size >= 0 else -1 for size in node.shape or ())
    return Tensor(name=node.name, datatype=_WORDS.get(node.type, node.type), shape=shape)


def _hold(kind: str, found: tuple[Tensor, ...], declared: tuple[Tensor, ...]) -> None:
    by_name = {tensor.name: tensor for tensor in found}
    names = {tensor.name for tensor in declared}
    if by_name.keys() != names or len(declared) != len(names):
        raise BundleError(
            "contract",
            f"the model's {kind}s are not those of bundle.json; build the bundle again",
            figure=", ".join(sorted(by_name)),
            limit=", ".join(sorted(tensor.name for tensor in declared)),
        )
    for tensor in declared:
        model = by_name[tensor.name]
        if model.datatype != tensor.datatype or not _fits(model.shape, tensor.shape):
            raise BundleError(
                "contract",
                f"{kind} {tensor.name!r} of the model is not as bundle.json says; build the bundle again",
                figure=f"{model.datatype} {list(model.shape)}",
                limit=f"{tensor.datatype} {list(tensor.shape)}",
            )


def _fits(model: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    """A model that leaves a dimension open takes whatever the contract fixes there, but not the other way round.

    A graph without any shape (rank unknown) fits every contract.
    """
    if not model:
        return True
    return len(model) == len(declared) and all(m in (-1, d) for m, d in zip(model, declared, strict=True))


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, without the place in its own sources.

    >>> _reason(ValueError("[ONNXRuntimeError] : 1 : FAIL : bad /onnxruntime_src/a/b.cc:6 int f(int) no such axis"))
    'bad no such axis'
    """
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return _SOURCE.sub("", _CODE.sub("", line))
