"""Why a request has no answer. A transport words each for its callers; none shows what another client sent."""


class RunError(Exception):
    """The model failed on inputs that its contract allows. The text may name paths: log it, do not answer with it."""


class NotFinite(Exception):
    """The model's answer holds NaN or an infinity: no caller has a use for it."""


class Refused(Exception):
    """The contract does not take these values."""


class Overloaded(Exception):
    """More is waiting than can be answered in time. `retry_after`: seconds after which it is worth another try."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("the server has more requests than it can answer in time; try again later")
        self.retry_after = retry_after


class DeadlinePassed(Exception):
    """Its caller waits no longer."""

    def __init__(self) -> None:
        super().__init__("the request's deadline passed before it could be answered")
