"""What a contract keeps out of logs (`redact`)."""

from pilotage.bundle.format import Contract
from pilotage.transport.errors import shown

REDACTED = "redacted"


class Secrets:
    """Keeps hidden values out of the errors that are logged; their callers, who sent the values, see them whole."""

    def __init__(self, contract: Contract) -> None:
        hiding = (tensor for tensor in contract.inputs if any(feature.redact for feature in tensor.features))
        self._named = tuple(f"input {shown(tensor.name)}" for tensor in hiding)

    def without(self, error: str) -> str:
        """`error` up to the place that it names, when its input has something to hide: the value comes after it."""
        if any(named in error for named in self._named):
            place, colon, _ = error.partition(": ")
            return f"{place}: {REDACTED}" if colon else error
        return error
