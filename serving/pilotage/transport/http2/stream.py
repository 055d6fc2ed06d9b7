"""One request and its answer, on a connection that has many."""

from __future__ import annotations

from typing import Protocol

from pilotage.transport.http2.errors import Code
from pilotage.transport.http2.outbox import Block, Outbox


class Receiver(Protocol):
    """What takes a request. Once its stream is over it hears no more of it."""

    def received(self, data: bytes) -> None:
        """A part of the request's body."""

    def finished(self) -> None:
        """The request is whole."""

    def refused(self, status: int, reason: str) -> None:
        """The rest of the request is not read: an HTTP status, and why."""

    def ending(self) -> None:
        """The connection ends once its streams do. What would last for ever should end now."""

    def left(self) -> None:
        """The client does not want the answer any more, or is gone."""


class Owner(Protocol):
    """The connection that a stream is one of."""

    outbox: Outbox

    def answered(self, stream: Stream) -> None:
        """Its answer is written to the end."""

    def drop(self, number: int, code: Code) -> None:
        """End a stream without an answer."""


class Stream:
    """What a receiver answers with: all at once, or headers, then data, then trailers that end it."""

    __slots__ = (
        *("_outbox", "_owner", "begun", "blocked", "held", "id"),
        *("receiver", "rest", "taken", "trailers", "waiting", "whole", "window"),
    )

    def __init__(self, number: int, owner: Owner, rest: int | None, now: float) -> None:
        self.id = number
        self.window = owner.outbox.initial_window
        self.waiting: bytearray | None = None
        self.trailers: Block | None = None
        self.blocked = 0  # seconds that its answer has waited for the client
        self.begun = now
        self.taken = 0  # bytes of the body, and of its padding
        self.held = 0  # of them, as long as the request is not whole
        self.rest = rest  # bytes of the body still to come, if it was said how many
        self.whole = False  # the request has been read to its end
        self.receiver: Receiver | None = None
        self._owner = owner
        self._outbox = owner.outbox

    def answer(self, headers: Block, data: bytes, trailers: Block) -> None:
        """A whole answer."""
        self._outbox.answer(self, headers, data, trailers)

    def headers(self, headers: Block) -> None:
        """The begin of an answer of several parts."""
        self._outbox.headers(self, headers)

    def data(self, data: bytes) -> None:
        """A part of the answer."""
        self._outbox.data(self, data)

    def end(self, trailers: Block) -> None:
        """The end of the answer; without headers before it, all of it."""
        self._outbox.end(self, trailers)

    def ended(self) -> None:
        """The last frame of the answer is written."""
        self._owner.answered(self)

    def drop(self, code: Code) -> None:
        """End it without more of an answer."""
        self._owner.drop(self.id, code)
