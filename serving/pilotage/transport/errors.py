"""The one error of the transport, and the one place that words it for a caller."""

import msgspec


class ProtocolError(Exception):
    """A request that gets an error for an answer: an HTTP status and a sentence that may be shown to anybody."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def body(self) -> bytes:
        """V2's error object."""
        return msgspec.json.encode({"error": self.message})


def shown(text: object, limit: int = 80) -> str:
    """What a caller sent, fit to be shown back: quoted, escaped to printable ASCII, and cut.

    >>> shown("fraud")
    "'fraud'"
    """
    quoted = ascii(text)
    return quoted if len(quoted) <= limit else f"{quoted[:limit]}…"
