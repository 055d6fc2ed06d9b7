"""The one error of the transport, and the one place that words every failure for a caller."""

from math import ceil

import msgspec

from pilotage.runtime.errors import DeadlinePassed, NotFinite, Overloaded, Refused, RunError


class ProtocolError(Exception):
    """A request that gets an error for an answer: an HTTP status and a sentence that may be shown to anybody."""

    def __init__(self, status: int, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers

    def body(self) -> bytes:
        """V2's error object."""
        return msgspec.json.encode({"error": self.message})


TOLD = (ProtocolError, Refused, Overloaded, DeadlinePassed, NotFinite)
"""Failures whose whole reason is the caller's to know; of all others the log says why."""


def worded(error: Exception) -> ProtocolError:
    """What a caller is told; what the model or this server said of itself stays in the log."""
    match error:
        case ProtocolError():
            return error
        case Refused():
            return ProtocolError(400, str(error))
        case Overloaded():
            return ProtocolError(429, str(error), ("retry-after", str(max(1, ceil(error.retry_after)))))
        case DeadlinePassed():
            return ProtocolError(504, str(error))
        case NotFinite():
            return ProtocolError(500, str(error))
        case RunError():
            return ProtocolError(500, "the model failed to answer this request; the server's log says why")
        case _:
            return ProtocolError(500, "the server failed to answer this request; its log says why")


def shown(text: object, limit: int = 80) -> str:
    """What a caller sent, fit to be shown back: quoted, escaped to printable ASCII, and cut.

    >>> shown("fraud")
    "'fraud'"
    """
    if isinstance(text, str):
        text = text[: limit + 1]  # before it is escaped: it may be megabytes
    quoted = ascii(text)
    return quoted if len(quoted) <= limit else f"{quoted[:limit]}…"
