"""Amounts of memory in Kubernetes' notation."""

import re
from typing import Annotated, Final

from pydantic import Field

from pilotage_operator.api.schema import Rule

_PATTERN: Final = r"^[1-9][0-9]*([kMGT]|[KMGT]i)?$"
_FACTORS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}

Memory = Annotated[
    str,
    Field(min_length=1, max_length=20),
    Rule(
        says="write an amount of memory in whole bytes, or with a unit: 512Mi, 2Gi",
        cel=f"self.matches('{_PATTERN}')",
        holds=lambda text: re.fullmatch(_PATTERN, text) is not None,
    ),
]


def to_bytes(memory: str) -> int:
    """The size of a Memory in bytes: `512Mi` is 536870912."""
    unit = memory.lstrip("0123456789")
    return int(memory.removesuffix(unit)) * _FACTORS[unit]
