"""What one request gets of a call that it shared with others."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]


class Part(msgspec.Struct):
    """`rows` rows of a call's outputs, from `first` on; without `rows`, all that the call gave.

    Arrays are cut only when somebody asks for one.
    """

    outputs: Arrays
    first: int = 0
    rows: int | None = None

    def __getitem__(self, name: str) -> Array:
        return self.of(self.outputs[name])

    def of(self, whole: Array) -> Array:
        """This request's rows of an array of the call's."""
        return whole if self.rows is None else whole[self.first : self.first + self.rows]

    def items(self) -> Iterator[tuple[str, Array]]:
        """The outputs by name."""
        return ((name, self[name]) for name in self.outputs)


class Given(msgspec.Struct):
    """What a call gave. `shared`: to several requests, each of which gets as many rows as it had.

    In `made` is what a door wrote of all rows at once: that is a third of the price of writing each by itself.
    """

    outputs: Arrays
    shared: bool = False
    made: list[bytes] = []

    def part(self, first: int, rows: int) -> Part:
        """What the request gets whose `rows` begin at `first`."""
        return Part(self.outputs, first, rows) if self.shared else Part(self.outputs)
