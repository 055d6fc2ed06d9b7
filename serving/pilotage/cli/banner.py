"""What a person at a terminal sees once a server is ready: what it takes, what it gives, and a request to paste."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pilotage.bundle.format import BundleDocument, Feature, Tensor

T = TypeVar("T")

_MOST = 12  # lines of one table
_MOST_CATEGORIES = 4
_LONGEST_NAME = 40
_LONGEST_REQUEST = 100_000  # letters; a shell takes no argument above 128 KiB


def banner(document: BundleDocument, golden_request: Mapping[str, Any], url: str, digest: str) -> str:
    """The model, its contract as a table, and a curl line with a request that the bundle itself vouches for."""
    inputs, outputs = document.contract.inputs, document.contract.outputs
    lines = ["", f"{document.name} {document.version} is ready at {url}", digest]
    lines += ["", "takes", *_table(inputs, _tensor)]
    for tensor in inputs[:_MOST]:
        if tensor.features:
            lines += ["", f"{_plain(tensor.name)} has", *_table(tensor.features, _feature)]
    lines += ["", "gives", *_table(outputs, _tensor)]
    request = json.dumps(golden_request, separators=(",", ":"))
    if len(request) <= _LONGEST_REQUEST:
        lines += ["", "try it", f"curl -s {url}/v2/models/{document.name}/infer -d {shlex.quote(request)}"]
    return "\n".join([*lines, ""])


def _tensor(tensor: Tensor) -> tuple[str, ...]:
    shape = ", ".join("any" if size == -1 else str(size) for size in tensor.shape)
    return _plain(tensor.name), tensor.datatype, f"[{shape}]"


def _feature(feature: Feature) -> tuple[str, ...]:
    values = _values(feature) + (" or missing" if feature.missing else "")
    policy = "others are refused" if feature.refuse else "others are counted"
    return _plain(feature.name), values, policy, "kept out of logs" if feature.redact else ""


def _values(feature: Feature) -> str:
    if feature.categories:
        shown = [_value(entry) for entry in feature.categories[:_MOST_CATEGORIES]]
        return ", ".join([*shown, "…"] if len(feature.categories) > _MOST_CATEGORIES else shown)
    if feature.low is None:
        return "anything" if feature.high is None else f"at most {_value(feature.high)}"
    if feature.high is None:
        return f"at least {_value(feature.low)}"
    return f"{_value(feature.low)} to {_value(feature.high)}"


def _value(value: str | float) -> str:
    return _plain(value) if isinstance(value, str) else f"{value:.12g}"


def _plain(text: str) -> str:
    """A bundle's own words, short and without what a terminal would obey."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[: _LONGEST_NAME + 1])
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"


def _table(items: Sequence[T], row: Callable[[T], tuple[str, ...]]) -> list[str]:
    """The first of `items`, a line each."""
    rows = [row(item) for item in items[:_MOST]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    rest = [f"and {len(items) - _MOST} more"] if len(items) > _MOST else []
    return [f"  {line.rstrip()}" for line in [*lines, *rest]]
