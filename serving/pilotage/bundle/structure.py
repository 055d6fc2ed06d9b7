"""Decoded JSON that anybody may have written, taken apart with the place that is wrong in every refusal."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

from pilotage.bundle.errors import BundleError

T = TypeVar("T")


def mapping(raw: object, where: str) -> dict[str, Any]:
    """An object."""
    if not isinstance(raw, dict):
        raise wrong(f"{where} must be an object")
    return raw


def sequence(raw: object, where: str, item: Callable[[object, str], T], *, most: int) -> tuple[T, ...]:
    """A list of at most `most`, each read by `item`."""
    if not isinstance(raw, list) or len(raw) > most:
        raise wrong(f"{where} must be a list of at most {most}")
    return tuple(item(entry, f"{where}[{index}]") for index, entry in enumerate(raw))


def text(raw: object, where: str) -> str:
    """A text; it may be empty."""
    if not isinstance(raw, str) or not _is_unicode(raw):
        raise wrong(f"{where} must be a text, of whole characters")
    return raw


def _is_unicode(text: str) -> bool:
    """JSON can spell half of a surrogate pair, which no encoding can write."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def number(raw: object, where: str) -> float:
    """A finite number."""
    try:
        found = float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else math.nan
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise wrong(f"{where} must be a finite number")
    return found


def count(raw: object, where: str) -> int:
    """A whole number from 0 to 2^63 - 1."""
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw < 1 << 63:
        raise wrong(f"{where} must be a whole number, not below 0")
    return raw


def wrong(message: str) -> BundleError:
    return BundleError("structure", message)
