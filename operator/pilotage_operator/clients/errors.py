"""What can go wrong with the API server, named by what the caller does next."""

from __future__ import annotations


class KubeError(Exception):
    """The API server said no, or nothing. The message says what was asked, and what it answered."""


class NotFound(KubeError):
    """The object, its namespace or its kind does not exist."""


class AlreadyExists(KubeError):
    """An object of this name exists: look whose it is, and leave it alone if it is somebody else's."""


class Conflict(KubeError):
    """The object changed since it was read: read it again and decide anew."""


class Invalid(KubeError):
    """The API server refuses the body as it is: sending it again is of no use."""


class Forbidden(KubeError):
    """A right is missing, or an admission policy or a quota refuses: a person has to act."""


class Unavailable(KubeError):
    """The API server is away or overloaded: try again, not before `retry_after` seconds if it gave a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def from_status(code: int, reason: str, message: str, retry_after: float | None = None) -> KubeError:
    """The error for an HTTP status and the `reason` of the Status object that came with it."""
    if code == 429 or code >= 500:
        return Unavailable(message, retry_after)
    if code == 409:
        return AlreadyExists(message) if reason == "AlreadyExists" else Conflict(message)
    return {400: Invalid, 403: Forbidden, 404: NotFound, 422: Invalid}.get(code, KubeError)(message)
