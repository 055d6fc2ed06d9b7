"""A JSON list of megabytes as lists of kilobytes: as objects, all of it at once would take twenty times its size.

Only for JSON that is known to be well-formed. A list of texts is not cut: a comma may be part of one.
"""

import re
from collections.abc import Iterator

_PIECE = 64 << 10  # bytes
_OPENING = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*(\[?)")


def is_nested(data: bytes) -> bool | None:
    """Whether the list in `data` begins with a list; None when it is no list.

    >>> is_nested(b"[ [1]]"), is_nested(b"[1, [2]]"), is_nested(b"{}")
    (True, False, None)
    """
    opening = _OPENING.match(data)
    return None if opening is None else bool(opening[1])


def cut(data: bytes, *, nested: bool, size: int = _PIECE) -> Iterator[bytes]:
    """Lists of what the list in `data` holds; when `nested`, of whole lists. What else is in it is cut to no JSON.

    >>> list(cut(b"[1, 2, 3]", nested=False, size=2))
    [b'[1, 2]', b'[ 3]']
    >>> list(cut(b"[[1], [2, 3]]", nested=True, size=2))
    [b'[[1]]', b'[ [2, 3]]']
    """
    start, end = data.index(b"[") + 1, data.rindex(b"]")
    while start < end:
        after = data.find(b"]", start + size, end) if nested else start + size
        comma = data.find(b",", after, end) if after >= 0 else -1
        stop = end if comma < 0 else comma
        yield b"[" + data[start:stop] + b"]"
        start = stop + 1
