"""How much a client may send that leads to no answer: pings, resets, settings, empty frames (CVE-2019-9512 and on)."""

from pilotage.transport.http2.errors import Broken, Code

_MOST = 10_000.0
_A_SECOND = 1_000.0
_AN_ANSWER = 16.0  # a good client too sends a few of them with a request


class Patience:
    """What is left of it for one client. A good one never sees its end."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _MOST

    def spend(self, price: int = 1) -> None:
        """A frame that asks for nothing. Raises Broken when there were too many, in a word that gRPC's clients know."""
        self._left -= price
        if self._left < 0:
            raise Broken(Code.ENHANCE_YOUR_CALM, "too_many_pings")

    def earn(self) -> None:
        """An answer was given."""
        if self._left < _MOST:
            self._left += _AN_ANSWER

    def tick(self) -> None:
        """A second is over."""
        self._left = min(_MOST, self._left + _A_SECOND)
