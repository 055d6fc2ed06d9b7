"""One call: a request's messages to the method that answers them, and its answer to the stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from pilotage.transport.errors import ProtocolError
from pilotage.transport.http2.fields import Head
from pilotage.transport.http2.stream import Stream
from pilotage.transport.rpc.messages import PREFIX, Messages, framed, is_one
from pilotage.transport.rpc.status import Endings

_UNITS = {b"n": 1e-9, b"u": 1e-6, b"m": 1e-3, b"S": 1.0, b"M": 60.0, b"H": 3600.0}
_MOST_DIGITS = 8
_ENCODINGS = (b"", b"identity", b"gzip")


@dataclass(frozen=True, slots=True)
class Method:
    """What answers a call. `handle` is given each message of a request that may have many, else its only one."""

    handle: Callable[[Call, bytes], None]
    takes_many: bool = False
    lasting: bool = False  # goes on until somebody ends it


@dataclass(frozen=True, slots=True)
class Terms:
    """What all calls of one server have in common."""

    endings: Endings
    max_message: int
    worded: Callable[[Exception], ProtocolError]  # what a caller is told of a failure


class Call:
    """A method answers by `reply`, or by `send` and then `finish`; or by `fail`."""

    __slots__ = (
        *("_begun", "_message", "_encoding", "_messages", "_method", "_stream", "_terms"),
        *("arrived", "deadline", "on_over", "over"),
    )

    def __init__(self, stream: Stream, method: Method, head: Head, terms: Terms) -> None:
        """Raises ProtocolError when the head is not one of gRPC."""
        now = monotonic()
        timeout = head.fields.get(b"grpc-timeout")
        encoding = head.fields.get(b"grpc-encoding", b"")
        if encoding not in _ENCODINGS:
            raise ProtocolError(501, "this server takes gzip or no compression", ("grpc-accept-encoding", "gzip"))
        self._stream = stream
        self._method = method
        self._terms = terms
        self._encoding = encoding
        self._messages: Messages | None = None  # only for what does not come as one frame
        self._message: bytes | None = None
        self._begun = False  # a part of the answer is sent
        self.over = False  # answered, or not wanted any more
        self.arrived = now  # when the last byte of the request was read
        self.deadline = None if timeout is None else now + seconds_of(timeout)
        self.on_over: Callable[[], None] | None = None  # called when it ends otherwise than by its method

    def received(self, data: bytes) -> None:
        """A part of the request; nearly always all of it."""
        messages = self._messages
        if messages is None:
            if self._message is None and not self._method.takes_many and is_one(data, self._terms.max_message):
                self._message = data[PREFIX:]
                return
            messages = self._messages = Messages(self._terms.max_message, self._encoding)
        try:
            for message in messages.feed(data):
                if self._method.takes_many:
                    self._method.handle(self, message)
                elif self._message is None:
                    self._message = message
                else:
                    raise ProtocolError(400, "the request has two messages; this method takes one")
                if self.over:
                    return
        except Exception as error:
            self._failed(error)

    def finished(self) -> None:
        """The request is whole."""
        if self.over:
            return
        self.arrived = monotonic()
        if self._messages is not None and not self._messages.is_between:
            self.fail(ProtocolError(400, "the request ends in the middle of a message"))
        elif self._method.takes_many:
            self.finish()
        elif self._message is None:
            self.fail(ProtocolError(400, "the request has no message"))
        else:
            message, self._message = self._message, None
            try:
                self._method.handle(self, message)
            except Exception as error:
                self._failed(error)

    def refused(self, status: int, reason: str) -> None:
        """The rest of the request is not read."""
        self.fail(ProtocolError(status, reason))

    def ending(self) -> None:
        """The connection is about to end."""
        if self._method.lasting and not self.over:
            self.fail(ProtocolError(503, "this connection ends; call again"))
            self._tell()

    def left(self) -> None:
        """The client wants no answer any more."""
        if not self.over:
            self.over = True
            self._tell()

    def reply(self, message: bytes) -> None:
        """The whole answer."""
        if not self.over:
            self.over = True
            endings = self._terms.endings
            self._stream.answer(endings.headers, framed(message), endings.good)

    def send(self, message: bytes) -> None:
        """A part of the answer."""
        if not self.over:
            if not self._begun:
                self._begun = True
                self._stream.headers(self._terms.endings.headers)
            self._stream.data(framed(message))

    def finish(self) -> None:
        """The end of an answer of several parts."""
        if not self.over:
            if not self._begun:
                self._stream.headers(self._terms.endings.headers)
            self.over = True
            self._stream.end(self._terms.endings.good)

    def fail(self, error: ProtocolError) -> None:
        """The end that an error is."""
        if not self.over:
            self.over = True
            self._stream.end(self._terms.endings.of(error, begun=self._begun))

    def _tell(self) -> None:
        if self.on_over is not None:
            self.on_over()

    def _failed(self, error: Exception) -> None:
        self.fail(self._terms.worded(error))


def seconds_of(timeout: bytes) -> float:
    """What `grpc-timeout` says.

    >>> seconds_of(b"100m")
    0.1
    """
    digits, unit = timeout[:-1], _UNITS.get(timeout[-1:])
    if unit is None or not digits.isdigit() or len(digits) > _MOST_DIGITS:
        raise ProtocolError(400, "grpc-timeout is at most eight digits and one of H, M, S, m, u, n")
    return int(digits) * unit
