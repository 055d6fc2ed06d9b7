"""What an entry of the payload log keeps of a tensor: the first rows, up to a size, nothing that is redacted."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotage.bundle.format import Tensor
from pilotage.transport.log.line import clean
from pilotage.transport.log.redaction import REDACTED

Array = np.ndarray[Any, Any]

_VALUE = 16  # bytes that a number takes, about, as JSON; and the least that is kept of a text
_TEXT = 1024  # letters
_NAME = 256


@dataclass(frozen=True)
class Bounds:
    """Of one entry: rows of a tensor, and bytes of all tensors together, about, as JSON."""

    rows: int = 32
    size: int = 64 << 10


class Excerpts:
    """How one tensor of the contract is shown. `take` runs on the loop, what it gives is worded elsewhere."""

    def __init__(self, tensor: Tensor, *, rows: int, size: int) -> None:
        self.name = clean(tensor.name, _NAME)
        self.datatype = tensor.datatype
        names = [clean(feature.name, _NAME) for feature in tensor.features]
        self.features = names if len(set(names)) == len(names) else []
        self.hidden = frozenset(name for name, f in zip(names, tensor.features, strict=True) if f.redact)
        self._many_rows = tensor.shape[:1] == (-1,)  # without a free first dimension it is one row
        self._texts = tensor.datatype == "BYTES"
        self._rows = rows
        self._values = max(1, size // _VALUE)

    def take(self, array: Array) -> "Excerpt":
        """A copy of what is kept of `array`, which may be a view of what the next batch overwrites."""
        shape = array.shape
        if array.size <= self._values and len(array) <= self._rows and not self._texts:
            return Excerpt(self, shape, array.copy(), False)
        have, width = self.table_of(shape)
        rows, columns = min(have, self._rows, max(1, self._values // max(1, width))), min(width, self._values)
        some = array[:rows] if self._many_rows else array  # first, since reshaping may copy
        table = some.reshape(rows, width)[:, :columns].copy()
        cut = rows < have or columns < width
        if self._texts:
            cut = _cut_texts(table, min(_TEXT, self._values * _VALUE // max(1, table.size))) or cut
        return Excerpt(self, shape, table, cut)

    def table_of(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of an array of this tensor."""
        return (shape[0], math.prod(shape[1:])) if self._many_rows else (1, math.prod(shape))


@dataclass(slots=True)  # not frozen: it is made on the loop, and that would take four times as long
class Excerpt:
    """What is kept of one array: all of it, or a table of its first rows."""

    tensor: Excerpts
    shape: tuple[int, ...]
    kept: Array
    cut: bool

    def document(self) -> dict[str, Any]:
        """As it stands in an entry: `features`, or else `data` with a list (or one value) for each row."""
        tensor = self.tensor
        rows, width = tensor.table_of(self.shape)
        table = self.kept if self.cut else self.kept.reshape(rows, width)
        said: dict[str, Any] = {"datatype": tensor.datatype, "shape": list(self.shape)}
        if tensor.features and len(tensor.features) == width:
            columns = zip(tensor.features, table.T.tolist(), strict=False)
            said["features"] = {name: REDACTED if name in tensor.hidden else column for name, column in columns}
        elif tensor.hidden:  # nobody knows where the hidden one stands
            said["data"] = REDACTED
            return said
        else:
            said["data"] = (table[:, 0] if width == 1 else table).tolist()
        if self.cut:
            said["truncated"] = True
        return said


def _cut_texts(table: Array, letters: int) -> bool:
    """Shorten the texts of `table` in place; whether there was one to shorten."""
    cut = False
    for place, value in enumerate(table.flat):
        if isinstance(value, bytes):
            cut = cut or len(value) > 4 * letters
            value = value[: 4 * letters].decode("utf-8", "replace")
        text = str(value)
        cut = cut or len(text) > letters
        table.flat[place] = clean(text, letters)
    return cut
