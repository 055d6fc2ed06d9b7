"""Models spoilt at random: at the level of bytes, and at the level of what ONNX means by them."""

import random
from typing import Any

import onnx

_INTEGERS = (0, 1, -1, 2, 127, 255, 2**15, 2**31 - 1, -(2**31), 2**31, 2**32 - 1, 2**62, 2**63 - 1, -(2**63))
_FLOATS = (0.0, -1.0, float("nan"), float("inf"), 1e38, -1e38, 1e-40)
_TEXTS = ("", "input", "label", "probabilities", "x", "a" * 1000, "\0", "ai.onnx.ml", "BRANCH_LEQ", "LEAF")
_OPERATORS = (
    *(
        "Loop",
        "If",
        "Scan",
        "Gather",
        "Reshape",
        "Expand",
        "Tile",
        "ConstantOfShape",
        "Range",
        "Pad",
        "Slice",
        "Concat",
    ),
    *("Resize", "TreeEnsembleClassifier", "LinearClassifier", "ZipMap", "StringNormalizer", "LabelEncoder", "Cast"),
    *("Gemm", "MatMul", "Conv", "LSTM", "GRU", "Einsum", "TopK", "NonMaxSuppression", "ScatterElements", "GatherND"),
    *("QLinearMatMul", "OneHot", "Normalizer", "SVMClassifier", "CumSum", "Split", "Squeeze", "TfIdfVectorizer", "DFT"),
    *("RoiAlign", "GridSample", "MaxUnpool", "Compress", "Unique", "EyeLike", "RandomNormal", "DequantizeLinear"),
    *("StringSplit", "SequenceAt", "SplitToSequence", "Optional"),
)
_KIND: Any = onnx.ModelProto.DESCRIPTOR.fields[0]  # knows the constants of protobuf's types
_VALUES = {
    _KIND.TYPE_INT32: _INTEGERS,
    _KIND.TYPE_INT64: _INTEGERS,
    _KIND.TYPE_UINT64: _INTEGERS,
    _KIND.TYPE_ENUM: tuple(range(26)),
    _KIND.TYPE_FLOAT: _FLOATS,
    _KIND.TYPE_DOUBLE: _FLOATS,
    _KIND.TYPE_STRING: _TEXTS,
}


def mutated(model: bytes, seed: int) -> bytes:
    """`model` with a few things changed; the same seed changes the same."""
    chance = random.Random(seed)
    if chance.random() < 0.25:
        return _with_other_bytes(model, chance)
    parsed = onnx.ModelProto.FromString(model)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        message = chance.choice(_messages(parsed))
        if isinstance(message, onnx.NodeProto) and chance.random() < 0.4:
            _rewire(message, parsed, chance)
        elif isinstance(message, onnx.TensorProto) and chance.random() < 0.5:
            _reshape(message, chance)
        else:
            _change(message, chance)
    return bytes(parsed.SerializeToString())


def _messages(message: Any) -> list[Any]:
    found = [message]
    for field, value in message.ListFields():
        if field.type == _KIND.TYPE_MESSAGE:
            for inner in value if field.is_repeated else [value]:
                found += _messages(inner)
    return found


def _rewire(node: Any, model: Any, chance: random.Random) -> None:
    names = ["", "input", *(name for other in model.graph.node for name in other.output)]
    what = chance.random()
    if what < 0.5:
        node.op_type = chance.choice(_OPERATORS)
    elif what < 0.8 and node.input:
        node.input[chance.randrange(len(node.input))] = chance.choice(names)
    else:
        node.input.append(chance.choice(names))


def _reshape(tensor: Any, chance: random.Random) -> None:
    what = chance.random()
    if what < 0.4:
        tensor.data_type = chance.randrange(27)
    elif what < 0.6 and tensor.dims:
        tensor.dims[chance.randrange(len(tensor.dims))] = chance.choice(_INTEGERS)
    elif what < 0.8:
        tensor.dims.append(chance.choice(_INTEGERS))
    else:
        tensor.raw_data = chance.randbytes(chance.choice((0, 1, 4, 8, 40)))


def _change(message: Any, chance: random.Random) -> None:
    """One field, mostly one that is set, to another value, away, or once more."""
    present = [field for field, _ in message.ListFields()]
    field = chance.choice(present if present and chance.random() < 0.8 else list(message.DESCRIPTOR.fields))
    current = getattr(message, field.name)
    try:
        if field.is_repeated and len(current) and chance.random() < 0.3:
            del current[chance.randrange(len(current))]
        elif field.type == _KIND.TYPE_MESSAGE:
            if not field.is_repeated:
                message.ClearField(field.name)
            elif len(current):
                current.add().CopyFrom(chance.choice(list(current)))
            else:
                current.add()
        else:
            value = chance.choice(_VALUES.get(field.type, (b"", b"\xff" * 9, b"LEAF", chance.randbytes(20))))
            if not field.is_repeated:
                setattr(message, field.name, value)
            elif len(current):
                current[chance.randrange(len(current))] = value
            else:
                current.append(value)
    except ValueError:  # a number that the field cannot hold: this one stays as it was
        return


def _with_other_bytes(model: bytes, chance: random.Random) -> bytes:
    content = bytearray(model)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if not content:
            break
        what, at = chance.random(), chance.randrange(len(content))
        if what < 0.4:
            content[at] = chance.randrange(256)
        elif what < 0.6:
            content[at] ^= 1 << chance.randrange(8)
        elif what < 0.7:
            content[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif what < 0.8:
            del content[at : at + chance.randrange(1, 9)]
        elif what < 0.9:
            start = chance.randrange(len(content))
            content[at:at] = content[start : start + chance.randrange(1, 64)]
        else:
            del content[at + 1 :]
    return bytes(content)
