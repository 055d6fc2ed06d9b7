"""One object, one line: printable ASCII, whatever anybody put into it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

# Beyond ASCII lie more line ends than one, terminal controls (C1) and marks that reverse what is read.
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


def json_line(document: Mapping[str, Any]) -> bytes:
    """`document` as one JSON line; numbers that are not finite become null. Texts must have gone through `clean`.

    >>> json_line({"id": "a" + chr(10) + "b", "share": float("nan")})
    b'{"id":"a\\\\nb","share":null}\\n'
    """
    line = msgspec.json.encode(document)
    if not line.isascii() or b"\x7f" in line:  # what is not plain can only stand inside of a text
        line = _NOT_PLAIN.sub(_escaped, line.decode()).encode("ascii")
    return line + b"\n"


def clean(text: str, limit: int) -> str:
    """At most `limit` letters of `text`, and nothing that UTF-8 has no bytes for.

    >>> clean("a" + chr(0xD800) + "bc", 3)
    'a?b'
    """
    short = text if len(text) <= limit else text[:limit]
    return short if short.isascii() else short.encode("utf-8", "replace").decode()


def moment(seconds: float) -> str:
    """Unix seconds as RFC 3339.

    >>> moment(1_700_000_000.25)
    '2023-11-14T22:13:20.250+00:00'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _escaped(match: re.Match[str]) -> str:
    pairs = match[0].encode("utf-16-be")
    return "".join(f"\\u{pairs[at : at + 2].hex()}" for at in range(0, len(pairs), 2))
