"""Durations and amounts of memory: what is read, and as how much."""

import pytest

from pilotage_operator.api.durations import seconds
from pilotage_operator.api.quantities import to_bytes


@pytest.mark.parametrize(
    ("text", "length"),
    [("500ms", 0.5), ("15s", 15), ("5m", 300), ("2h", 7200), ("1h30m", 5400), ("1m500ms", 60.5), ("0s", 0)],
)
def test_a_duration_has_a_length_in_seconds(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize(
    ("text", "size"), [("1024", 1024), ("1k", 1000), ("512Mi", 536_870_912), ("2G", 2_000_000_000), ("1Ti", 2**40)]
)
def test_an_amount_of_memory_has_a_size_in_bytes(text: str, size: int) -> None:
    assert to_bytes(text) == size
