"""The streams of one connection, and what each frame does to them (RFC 9113, section 5.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from pilotage.transport.http2 import frames
from pilotage.transport.http2.blocks import Blocks, HeaderBlock, depends_on_itself
from pilotage.transport.http2.errors import Broken, Code, StreamBroken
from pilotage.transport.http2.fields import Head
from pilotage.transport.http2.frames import END_STREAM
from pilotage.transport.http2.outbox import MAX_WINDOW, Outbox
from pilotage.transport.http2.patience import Patience
from pilotage.transport.http2.stream import Receiver, Stream
from pilotage.transport.limits import Limits

MAX_STREAMS = 256  # at a time; what can be answered in time is the batcher's to say
SLACK = 1 << 16  # of a stream's window, beyond the largest body: framing and padding
_REMEMBERED = 2 * MAX_STREAMS

Accept = Callable[[Stream, Head], Receiver]


@dataclass
class Room:
    """How many more streams there may be on all connections together."""

    left: int


class Streams:
    """Every method raises Broken for what ends the connection, and StreamBroken for what ends one stream."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        accept: Accept,
        limits: Limits,
        room: Room,
        over: Callable[[], None],
    ) -> None:
        self.outbox = Outbox(write)
        self.patience = Patience()
        self.open: dict[int, Stream] = {}
        self.last = 0  # the highest number that the client has used
        self.closing = False  # no new ones
        self.blocks = Blocks()
        self._write = write
        self._accept = accept
        self._over = over
        self._room = room
        self._limits = limits
        self._window = limits.max_body + SLACK
        self._closed: deque[int] = deque(maxlen=_REMEMBERED)
        self._dropped: deque[int] = deque(maxlen=_REMEMBERED)  # ended by us: more may come before the client knows
        self._held = 0  # bytes of requests that are not whole
        self._received = 0  # since the connection's window was last widened

    def headers(self, flags: int, number: int, payload: bytes) -> None:
        """HEADERS or CONTINUATION: a request begins, or ends with trailers."""
        if number % 2 == 0:
            raise Broken(Code.PROTOCOL_ERROR, "a client's streams have odd numbers")
        block = self.blocks.first(flags, number, payload)
        if block is not None:
            self._begin(block)

    def continuation(self, flags: int, number: int, payload: bytes) -> None:
        """CONTINUATION: more of a header block."""
        self.patience.spend()
        block = self.blocks.next(flags, number, payload)
        if block is not None:
            self._begin(block)

    def data(self, flags: int, number: int, payload: bytes) -> None:
        """DATA: a part of a request's body."""
        self._received += len(payload)
        if self._received > MAX_WINDOW // 2:
            self._write(frames.window_update(0, self._received))
            self._received = 0
        stream = self.open.get(number)
        if stream is None or stream.whole:
            self._late(number)
            return
        data = frames.unpadded(flags, payload)
        stream.taken += len(payload)
        if stream.taken > self._window:
            raise StreamBroken(number, Code.FLOW_CONTROL_ERROR)
        if stream.rest is not None:
            stream.rest -= len(data)
        receiver = stream.receiver
        assert receiver is not None
        if data:
            receiver.received(data)
        elif not flags & END_STREAM:
            self.patience.spend()
        if flags & END_STREAM:
            self._whole(stream)
        else:
            self._hold(stream, len(payload))

    def reset(self, flags: int, number: int, payload: bytes) -> None:
        """RST_STREAM: the client wants no answer."""
        _exactly(4, payload)
        self._used(number)
        self.patience.spend()
        stream = self.open.get(number)
        if stream is not None:
            self._forget(stream)
            self._closed.append(number)
            if stream.receiver is not None:
                stream.receiver.left()
            self._over()

    def priority(self, flags: int, number: int, payload: bytes) -> None:
        """PRIORITY: checked, and passed over as RFC 9113 allows."""
        if number == 0:
            raise Broken(Code.PROTOCOL_ERROR, "PRIORITY is for a stream")
        self.patience.spend()
        if len(payload) != 5:
            raise StreamBroken(number, Code.FRAME_SIZE_ERROR)
        if depends_on_itself(number, payload):
            raise StreamBroken(number, Code.PROTOCOL_ERROR)

    def widen(self, flags: int, number: int, payload: bytes) -> None:
        """WINDOW_UPDATE: there is room for more of an answer, or of all of them."""
        _exactly(4, payload)
        size = int.from_bytes(payload, "big") & MAX_WINDOW
        self.patience.spend()
        if number == 0:
            if size == 0:
                raise Broken(Code.PROTOCOL_ERROR, "WINDOW_UPDATE widens by nothing")
            self.outbox.widen(None, size)
            return
        self._used(number)
        if size == 0:
            raise StreamBroken(number, Code.PROTOCOL_ERROR)
        stream = self.open.get(number)
        if stream is not None:
            self.outbox.widen(stream, size)

    def drop(self, number: int, code: Code) -> None:
        """End a stream without an answer."""
        self._write(frames.reset(number, code))
        self._dropped.append(number)
        stream = self.open.get(number)
        if stream is not None:
            self._forget(stream)
            if stream.receiver is not None:
                stream.receiver.left()
            self._over()

    def leave(self) -> None:
        """The client is gone, or is done with."""
        for stream in list(self.open.values()):
            self._forget(stream)
            if stream.receiver is not None:
                stream.receiver.left()

    def tick(self, now: float) -> None:
        """Once a second: end what takes too long."""
        self.patience.tick()
        for stream in list(self.open.values()):
            receiver = stream.receiver
            if receiver is not None and not stream.whole and now - stream.begun > self._limits.body_seconds:
                receiver.refused(408, "the request took too long to arrive; send it faster")
            if stream.waiting:
                stream.blocked += 1
                if stream.blocked > self._limits.body_seconds:
                    self.drop(stream.id, Code.CANCEL)

    def _begin(self, block: HeaderBlock) -> None:
        number = block.stream
        stream = self.open.get(number)
        if stream is not None:
            self._trailers(stream, block)
            return
        if number <= self.last:
            self.blocks.skip(block)
            self._late(number, Broken(Code.STREAM_CLOSED, "a stream that has ended begins again"))
            return
        self.last = number
        head = self.blocks.head(block)
        if self.closing or len(self.open) >= MAX_STREAMS or self._room.left <= 0:
            raise StreamBroken(number, Code.REFUSED_STREAM)
        stream = Stream(number, self, head.length, monotonic())
        self.open[number] = stream
        self._room.left -= 1
        stream.whole = block.ends
        stream.receiver = self._accept(stream, head)
        if block.ends:
            self._whole(stream)

    def _trailers(self, stream: Stream, block: HeaderBlock) -> None:
        self.blocks.trailers(block)
        if stream.whole:
            raise StreamBroken(stream.id, Code.STREAM_CLOSED)
        if not block.ends:
            raise StreamBroken(stream.id, Code.PROTOCOL_ERROR)
        self._whole(stream)

    def _whole(self, stream: Stream) -> None:
        """The request has been read to its end."""
        if stream.id not in self.open:
            return  # answered before
        if stream.rest:
            raise StreamBroken(stream.id, Code.PROTOCOL_ERROR)
        self._release(stream)
        stream.whole = True
        assert stream.receiver is not None
        stream.receiver.finished()

    def _hold(self, stream: Stream, size: int) -> None:
        """A request in parts is kept until it is whole: not more of them than two of the largest."""
        if stream.id not in self.open:
            return
        stream.held += size
        self._held += size
        if self._held > 2 * self._window and stream.receiver is not None:
            stream.receiver.refused(429, "too many requests are on their way in on this connection; send fewer at once")

    def answered(self, stream: Stream) -> None:
        """Its answer is written to the end."""
        self._forget(stream)
        self._closed.append(stream.id)
        self.patience.earn()
        if not stream.whole:  # the client need not send the rest
            self._write(frames.reset(stream.id, Code.NO_ERROR))
            self._dropped.append(stream.id)
        self._over()

    def _forget(self, stream: Stream) -> None:
        del self.open[stream.id]
        self._room.left += 1
        self.outbox.forget(stream)
        if not stream.whole:
            self._release(stream)

    def _release(self, stream: Stream) -> None:
        self._held -= stream.held
        stream.held = 0

    def _used(self, number: int) -> None:
        if number == 0 or number > self.last:
            raise Broken(Code.PROTOCOL_ERROR, "a frame for a stream that was never begun")

    def _late(self, number: int, broken: Broken | None = None) -> None:
        """A frame for a stream whose end has been read or written."""
        self._used(number)
        self.patience.spend()
        if number in self._dropped:
            return
        if broken is not None:
            raise broken if number in self._closed else Broken(Code.PROTOCOL_ERROR, "the numbers of streams only grow")
        raise StreamBroken(number, Code.STREAM_CLOSED)


def _exactly(size: int, payload: bytes) -> None:
    if len(payload) != size:
        raise Broken(Code.FRAME_SIZE_ERROR, f"a frame has {len(payload)} bytes instead of {size}")
