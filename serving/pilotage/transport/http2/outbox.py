"""What a client may be sent now, and what has to wait for it to make room (RFC 9113, section 5.2)."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Protocol

from pilotage.transport.http2 import frames
from pilotage.transport.http2.errors import Broken, Code, StreamBroken
from pilotage.transport.http2.frames import END_HEADERS, END_STREAM, MAX_PAYLOAD, Kind

DEFAULT_WINDOW = (1 << 16) - 1
MAX_WINDOW = (1 << 31) - 1
_MAX_HELD = 4 << 20  # bytes of answers that a client does not take; one more answer may come on top


class Block:
    """Header fields encoded once, for any number of streams."""

    __slots__ = ("block", "end", "start")

    def __init__(self, block: bytes) -> None:
        self.block = block
        # All of a frame's head but the stream: as headers, and as what ends a stream.
        self.start = frames.head(Kind.HEADERS, END_HEADERS, 0, len(block))[:5]
        self.end = frames.head(Kind.HEADERS, END_HEADERS | END_STREAM, 0, len(block))[:5]


class Outgoing(Protocol):
    """A stream, as far as what it sends is concerned."""

    id: int
    window: int  # what the client has room for
    waiting: bytearray | None  # what it has no room for yet
    trailers: Block | None  # what ends the stream, once nothing waits

    def ended(self) -> None:
        """Its last frame is written."""

    def drop(self, code: Code) -> None:
        """End it without more of an answer."""


class Outbox:
    """The windows of one connection. What is written has been paid for."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._window = DEFAULT_WINDOW
        self.initial_window = DEFAULT_WINDOW  # of every new stream
        self._waiting: dict[int, Outgoing] = {}
        self.held = 0  # bytes that wait, of all streams

    def answer(self, stream: Outgoing, headers: Block, data: bytes, trailers: Block) -> None:
        """A whole answer. Nearly always there is room, and it is one write."""
        size = len(data)
        name = stream.id.to_bytes(4, "big")
        if size <= self._window and size <= stream.window and size <= MAX_PAYLOAD:
            self._window -= size
            middle = frames.head(Kind.DATA, 0, stream.id, size)
            self._write(
                b"".join((headers.start, name, headers.block, middle, data, trailers.end, name, trailers.block))
            )
            stream.ended()
            return
        self._write(b"".join((headers.start, name, headers.block)))
        stream.trailers = trailers
        self.data(stream, data)

    def headers(self, stream: Outgoing, headers: Block) -> None:
        """What an answer begins with."""
        self._write(b"".join((headers.start, stream.id.to_bytes(4, "big"), headers.block)))

    def data(self, stream: Outgoing, data: bytes) -> None:
        """More of an answer, behind what waits already."""
        if self.held > _MAX_HELD:
            stream.drop(Code.ENHANCE_YOUR_CALM)
            return
        if stream.waiting is None:
            stream.waiting = bytearray()
        stream.waiting += data
        self.held += len(data)
        self._waiting[stream.id] = stream
        self._send(stream)

    def end(self, stream: Outgoing, trailers: Block) -> None:
        """The end of an answer, behind what waits."""
        stream.trailers = trailers
        self._send(stream)

    def widen(self, stream: Outgoing | None, size: int) -> None:
        """The client has room for `size` more bytes: on one stream, or (None) on all of them together."""
        if stream is None:
            was_shut = self._window <= 0
            self._window += size
            if self._window > MAX_WINDOW:
                raise Broken(Code.FLOW_CONTROL_ERROR, "the connection's window is larger than it may be")
            if was_shut:  # else it is their own windows that they wait for
                for blocked in list(self._waiting.values()):
                    self._send(blocked)
        else:
            stream.window += size
            if stream.window > MAX_WINDOW:
                raise StreamBroken(stream.id, Code.FLOW_CONTROL_ERROR)
            if stream.waiting:
                self._send(stream)

    def resize(self, size: int, streams: Sequence[Outgoing]) -> None:
        """The client has chosen another window for new streams, and by that for those that are open."""
        change, self.initial_window = size - self.initial_window, size
        for stream in streams:
            stream.window += change
            if stream.window > MAX_WINDOW:
                raise Broken(Code.FLOW_CONTROL_ERROR, "a stream's window is larger than it may be")
            if stream.waiting:
                self._send(stream)

    def forget(self, stream: Outgoing) -> None:
        """The stream is over, whatever waits."""
        if stream.waiting is not None:
            self.held -= len(stream.waiting)
            stream.waiting = None
        self._waiting.pop(stream.id, None)

    def _send(self, stream: Outgoing) -> None:
        """As much of what waits as there is room for."""
        waiting = stream.waiting or bytearray()
        room = min(len(waiting), self._window, stream.window)
        if room > 0:
            self._window -= room
            stream.window -= room
            self.held -= room
            self._write(_data(stream.id, waiting[:room]))
            del waiting[:room]
        if waiting:
            return
        self._waiting.pop(stream.id, None)
        if stream.trailers is not None:
            self._write(b"".join((stream.trailers.end, stream.id.to_bytes(4, "big"), stream.trailers.block)))
            stream.ended()


def _data(stream: int, data: bytearray) -> bytes:
    starts = range(0, len(data), MAX_PAYLOAD)
    pieces = (data[start : start + MAX_PAYLOAD] for start in starts)
    return b"".join(chain.from_iterable((frames.head(Kind.DATA, 0, stream, len(piece)), piece) for piece in pieces))
