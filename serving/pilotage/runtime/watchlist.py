"""What of a contract is watched: which columns of which tensors, and in which bins each is counted."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pilotage.bundle.format import Contract, Feature, Tensor
from pilotage.bundle.reference import Bins, Reference, Value
from pilotage.bundle.reference import Values as Known
from pilotage.runtime.bins import Ranges, Values, carried, sortable
from pilotage.runtime.exposition import ABOVE, BELOW, MISSING, OTHER, UNKNOWN, shown
from pilotage.runtime.families import MOST_CATEGORIES, MOST_CLASSES, MOST_COLUMNS, MOST_FEATURES
from pilotage.runtime.session import dtype_of
from pilotage.runtime.watch import CODE, TextWatch, Watch

_KINDS = {BELOW: "below", ABOVE: "above", MISSING: "missing", UNKNOWN: "unknown_category"}


@dataclass(frozen=True)
class Column:
    """Bins, and the labels that say whose they are; `kinds`: which of the bins violate the contract, and how."""

    names: Mapping[str, str]
    bins: Ranges | Values
    kinds: Mapping[str, str] = field(default_factory=dict)


class Watchlist:
    """Made once for a bundle. Tensors that leave more open than the number of rows are not on it."""

    def __init__(self, contract: Contract, reference: Reference) -> None:
        self.has_rows = all(tensor.shape[:1] == (-1,) for tensor in (*contract.inputs, *contract.outputs))
        self.features: list[Column] = []
        self.outputs: list[Column] = []
        self.classes: list[Column] = []
        self.of_inputs: dict[str, Watch] = {}
        self.of_outputs: dict[str, Watch] = {}
        self._reference = reference
        for tensor in contract.inputs:
            self._add_features(tensor)
        for tensor in contract.outputs:
            if tensor.datatype.startswith("FP"):
                self._add_columns(tensor)
            else:
                self._add_labels(tensor)

    def _add_features(self, tensor: Tensor) -> None:
        values = self._values_in_row(tensor)
        factory = _Factory(tensor, whole=False)
        bins: list[Ranges | Values | None] = []
        for feature in tensor.features[: min(values, MOST_FEATURES - len(self.features))]:
            made = factory.of_feature(feature, self._reference.feature(tensor.name, feature.name))
            bins.append(made)
            if made is not None:
                names = {"input": shown(tensor.name), "feature": shown(feature.name)}
                kinds = {label: kind for label, kind in _KINDS.items() if not (label == MISSING and feature.missing)}
                self.features.append(Column(names, made, kinds))
        if any(bins):
            self.of_inputs[tensor.name] = factory.watch((values,), bins)

    def _add_columns(self, tensor: Tensor) -> None:
        values = self._values_in_row(tensor)
        factory = _Factory(tensor, whole=False)
        bins: list[Ranges | Values | None] = []
        for column in range(min(values, MOST_COLUMNS - len(self.outputs))):
            made = factory.of_column(self._reference.outputs.get((tensor.name, column)))
            bins.append(made)
            if made is not None:
                self.outputs.append(Column({"output": shown(tensor.name), "column": str(column)}, made))
        if any(bins):
            self.of_outputs[tensor.name] = factory.watch((values,), bins)

    def _add_labels(self, tensor: Tensor) -> None:
        values = self._values_in_row(tensor)
        factory = _Factory(tensor, whole=True)
        made = factory.of_labels(self._reference.outputs.get((tensor.name, 0)))
        if made is not None and values:
            self.classes.append(Column({"output": shown(tensor.name)}, made))
            self.of_outputs[tensor.name] = factory.watch((values, 1), [made])

    def _values_in_row(self, tensor: Tensor) -> int:
        """0: not as many in each row."""
        row = tensor.shape[1:] if self.has_rows else tensor.shape
        return 0 if -1 in row else math.prod(row)


def classes(contract: Contract, reference: Reference) -> dict[str, tuple[str, ...]]:
    """The classes of each output of labels that are counted by name, as metrics name them."""
    labelled = [tensor for tensor in contract.outputs if not tensor.datatype.startswith("FP")]
    made = {
        tensor.name: _Factory(tensor, whole=True).of_labels(reference.outputs.get((tensor.name, 0)))
        for tensor in labelled
    }
    ours = (OTHER, MISSING)
    return {name: tuple(at for at in bins.labels if at not in ours) for name, bins in made.items() if bins is not None}


class _Factory:
    """Makes the bins of one tensor's columns, and the watch that fills them. Texts are given numbers on the way."""

    def __init__(self, tensor: Tensor, *, whole: bool) -> None:
        """With `whole`, whole numbers stay what they are: labels may be too large for FP64."""
        self._dtype: np.dtype[Any] = dtype_of(tensor.datatype)
        self._texts = tensor.datatype == "BYTES"
        self._ordered = CODE if self._texts else self._dtype if whole else sortable(self._dtype)
        self._codes: dict[str | bytes, int] = {}

    def of_feature(self, feature: Feature, known: Bins | Known | None) -> Ranges | Values | None:
        if feature.categories:
            return self._by_value(feature.categories, MOST_CATEGORIES, UNKNOWN)
        if isinstance(known, Known):
            return self._by_value(known.values, MOST_CATEGORIES, OTHER)
        if self._texts:
            return None
        edges = known.edges if known is not None else ()
        return Ranges(edges, self._dtype, feature.low, feature.high, gaps=self._dtype.kind == "f")

    def of_column(self, known: Bins | Known | None) -> Ranges | None:
        return Ranges(known.edges, self._dtype, None, None, gaps=False) if isinstance(known, Bins) else None

    def of_labels(self, known: Bins | Known | None) -> Values | None:
        if not isinstance(known, Known):
            return None
        frequent = sorted(zip(known.counts, known.values, strict=True), key=lambda pair: -pair[0])
        return self._by_value([value for _, value in frequent], MOST_CLASSES, OTHER)

    def watch(self, row: Sequence[int], bins: Sequence[Ranges | Values | None]) -> Watch:
        if self._texts:
            return TextWatch(row, self._codes, bins)
        return Watch(row, self._dtype, self._ordered, bins)

    def _by_value(self, values: Sequence[Value], most: int, beyond: str) -> Values:
        numbers = [self._code(value) if self._texts else carried(value, self._dtype) for value in values]
        return Values(values, numbers, self._ordered, most, beyond)

    def _code(self, value: Value) -> int | None:
        """A text may come as its bytes."""
        if not isinstance(value, str):
            return None
        code = self._codes.setdefault(value, len(self._codes))
        self._codes.setdefault(value.encode(errors="surrogatepass"), code)
        return code
