"""The two ways in which a bundle can fail its user: it is wrong, or it cannot be reached now."""


class BundleError(Exception):
    """The bundle itself is wrong; trying again changes nothing.

    `check` names the check that refused it (structure, digest, size, contract, load, golden, …); `figure` and
    `limit` are what was measured and what was allowed, empty where a sentence says it all.
    """

    def __init__(self, check: str, message: str, *, figure: str = "", limit: str = "") -> None:
        super().__init__(message)
        self.check = check
        self.message = message
        self.figure = figure
        self.limit = limit


class Unavailable(Exception):
    """The bundle cannot be reached now; the same call may succeed later."""
