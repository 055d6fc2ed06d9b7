"""What one request gets of a call that it shared with others."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]


class Part(msgspec.Struct):
    """`rows` rows of a call's outputs, from `first` on; without `rows`, all that the call gave.

    Arrays are cut only when somebody asks for one. In `made` is what a door wrote of all rows at once, for the others
    of the call: that is a third of the price of writing each by itself.
    """

    outputs: Arrays
    first: int = 0
    rows: int | None = None
    made: list[bytes] = []

    def __getitem__(self, name: str) -> Array:
        return self.of(self.outputs[name])

    def of(self, whole: Array) -> Array:
        """This request's rows of an array of the call's."""
        return whole if self.rows is None else whole[self.first : self.first + self.rows]

    def items(self) -> Iterator[tuple[str, Array]]:
        """The outputs by name."""
        return ((name, self[name]) for name in self.outputs)


Outcome = Part | Exception
