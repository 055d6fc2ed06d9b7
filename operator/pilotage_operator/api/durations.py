"""Lengths of time as people write them in YAML."""

import re
from typing import Annotated, Final

from pydantic import Field

from pilotage_operator.api.schema import Rule

_PATTERN: Final = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"
_PARTS: Final = re.compile(r"(\d+)(ms|h|m|s)")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def is_duration(value: str) -> str:
    """In CEL: whether `value` is a Duration. A rule that reckons with one asks first, so that a slip of the pen is
    answered by one sentence and not by a conversion error as well."""
    return f"{value}.matches('{_PATTERN}')"


Duration = Annotated[
    str,
    Field(min_length=2, max_length=20),
    Rule(
        says="write a duration in hours, minutes, seconds and milliseconds, largest first: 500ms, 15s, 5m, 1h30m",
        cel=is_duration("self"),
        holds=lambda text: re.fullmatch(_PATTERN, text) is not None,
    ),
]


def seconds(duration: str) -> float:
    """The length of a Duration in seconds: `1h30m` is 5400.0, `500ms` is 0.5."""
    return sum(int(count) * _SECONDS[unit] for count, unit in _PARTS.findall(duration))
