"""One client's connection: frames in, streams to whoever answers them, and an end that loses none of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic
from typing import cast

from pilotage.transport.http2 import frames
from pilotage.transport.http2.blocks import MAX_HEADER_BYTES
from pilotage.transport.http2.errors import Broken, Code, StreamBroken
from pilotage.transport.http2.frames import ACK, Kind, Setting
from pilotage.transport.http2.outbox import DEFAULT_WINDOW, MAX_WINDOW
from pilotage.transport.http2.streams import MAX_STREAMS, SLACK, Accept, Room, Streams
from pilotage.transport.limits import Limits

# After the first GOAWAY a good client closes by itself, once it has its answers. But it may still begin what it had
# decided to send here: the answer to a ping, which the RFC names as the moment for the second one, comes too soon.
_LASTING_SECONDS = 1.0  # until calls that go on for ever are ended
_FAREWELL_SECONDS = 5.0  # until the second GOAWAY
GRACE_SECONDS = 60.0  # for the streams of a connection that ends
_STREAMS_PER_CONNECTION = 4  # on average, when there are as many connections as there can be
_SETTINGS_PRICE = 20  # each may change every stream


class State(Enum):
    """How far the connection's end is."""

    OPEN = 0
    ASKED = 1  # the client was asked to go elsewhere; what it sends until it has heard that is taken
    LAST = 2  # what is open is answered, nothing new is taken
    CLOSED = 3  # nothing more is read or written


@dataclass
class Shared:
    """What the connections of one server have in common."""

    accept: Accept
    limits: Limits
    connections: set[Connection] = field(default_factory=set)
    draining: bool = False

    def __post_init__(self) -> None:
        self.room = Room(_STREAMS_PER_CONNECTION * self.limits.max_connections)

    def tick(self) -> None:
        """Once a second."""
        now = monotonic()
        for connection in list(self.connections):
            connection.tick(now)


class Connection(asyncio.Protocol):
    """Reads frames, hands them to the streams, and ends in order: GOAWAY, what is open, then the door."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._reader = frames.FrameReader()
        self._settled = False  # the client's first SETTINGS have been read
        self._client_done = False
        self._state = State.OPEN
        self._since = 0.0  # in this state
        self._paused_at: float | None = None  # since when the client does not read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._since = monotonic()
        self._old_at = self._since + self._limits.connection_seconds * random.uniform(0.8, 1.2)
        shared = self._shared
        self.streams = Streams(self._transport.write, shared.accept, self._limits, shared.room, self._after_stream)
        streams = self.streams
        self._frames: tuple[Callable[[int, int, bytes], None], ...] = (  # by kind
            *(streams.data, streams.headers, streams.priority, streams.reset),
            *(self._settings, _push, self._ping, self._goaway, streams.widen, streams.continuation),
        )
        full = len(shared.connections) >= self._limits.max_connections
        shared.connections.add(self)
        if full:
            self._transport.abort()
            return
        mine = {
            Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
            Setting.INITIAL_WINDOW_SIZE: min(MAX_WINDOW, self._limits.max_body + SLACK),
            Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_BYTES,
        }
        # The windows of its streams are what limits a client; that of the connection is as wide as can be.
        self._transport.write(frames.settings(mine) + frames.window_update(0, MAX_WINDOW - DEFAULT_WINDOW))

    def connection_lost(self, exc: Exception | None) -> None:
        self._shared.connections.discard(self)
        self._state = State.CLOSED
        self.streams.leave()

    def data_received(self, data: bytes) -> None:
        if self._is_over():
            return  # read only so that no reset overtakes the last frames
        try:
            for kind, flags, stream, payload in self._reader.feed(data):
                try:
                    self._take(kind, flags, stream, payload)
                except StreamBroken as error:
                    self.streams.drop(error.stream, error.code)
                    self.streams.patience.spend()
                if self._is_over():
                    return
        except Broken as error:
            self._break(error)

    def eof_received(self) -> bool:
        self._client_done = True
        return bool(self.streams.open)  # true: still open for the answers

    def pause_writing(self) -> None:
        self._paused_at = monotonic()
        if not self._transport.is_closing():
            self._transport.pause_reading()  # a client that does not read is not worked for

    def resume_writing(self) -> None:
        self._paused_at = None
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def begin_end(self) -> None:
        """Ask the client to open another connection; it may not have heard that for a moment."""
        if self._state is State.OPEN:
            self._to(State.ASKED)
            self._transport.write(frames.goaway(MAX_WINDOW, Code.NO_ERROR))

    def abort(self) -> None:
        """End it now."""
        self._transport.abort()

    def tick(self, now: float) -> None:
        """End what has lasted too long."""
        lasted = now - self._since
        if self._paused_at is not None and now - self._paused_at > self._limits.body_seconds:
            self._transport.abort()
        elif self._state is State.CLOSED:
            if lasted > self._limits.linger_seconds:
                self._transport.abort()
        elif not self._settled:
            if lasted > self._limits.unused_seconds:
                self._transport.abort()
        elif self.streams.blocks.begun is not None and now - self.streams.blocks.begun > self._limits.head_seconds:
            self._transport.abort()
        else:
            self.streams.tick(now)
            self._age(now, lasted)

    def _age(self, now: float, lasted: float) -> None:
        if self._state is State.OPEN:
            if now > self._old_at:
                self.begin_end()
        elif self._state is State.ASKED:
            if lasted > _LASTING_SECONDS:
                self._tell_ending()
            if lasted > _FAREWELL_SECONDS:
                self._say_last()
        elif lasted > GRACE_SECONDS:
            self._break(Broken(Code.NO_ERROR, "this connection is over"))

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self.streams.blocks.begun is not None and kind != Kind.CONTINUATION:
            raise Broken(Code.PROTOCOL_ERROR, "a frame comes between the frames of a header block")
        if not self._settled and (kind != Kind.SETTINGS or flags & ACK):
            raise Broken(Code.PROTOCOL_ERROR, "a connection begins with SETTINGS")
        if kind < len(self._frames):
            self._frames[kind](flags, stream, payload)
        else:
            self.streams.patience.spend()

    def _ping(self, flags: int, stream: int, payload: bytes) -> None:
        if stream != 0:
            raise Broken(Code.PROTOCOL_ERROR, "PING is for the connection")
        if len(payload) != 8:
            raise Broken(Code.FRAME_SIZE_ERROR, "PING has eight bytes")
        self.streams.patience.spend()
        if not flags & ACK:
            self._transport.write(frames.frame(Kind.PING, ACK, 0, payload))

    def _settings(self, flags: int, stream: int, payload: bytes) -> None:
        if stream != 0:
            raise Broken(Code.PROTOCOL_ERROR, "SETTINGS are for the connection")
        if flags & ACK:
            if payload:
                raise Broken(Code.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS is empty")
            return
        self.streams.patience.spend(_SETTINGS_PRICE)
        self._settled = True
        window = None
        for setting, value in frames.read_settings(payload):
            if setting == Setting.INITIAL_WINDOW_SIZE:
                if value > MAX_WINDOW:
                    raise Broken(Code.FLOW_CONTROL_ERROR, "the window of new streams is larger than it may be")
                window = value
            elif setting == Setting.ENABLE_PUSH and value > 1:
                raise Broken(Code.PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")
            elif setting == Setting.MAX_FRAME_SIZE and not frames.MAX_PAYLOAD <= value < 1 << 24:
                raise Broken(Code.PROTOCOL_ERROR, "MAX_FRAME_SIZE is from 2^14 to 2^24 - 1")
        self._transport.write(frames.frame(Kind.SETTINGS, ACK, 0))
        if window is not None:
            self.streams.outbox.resize(window, list(self.streams.open.values()))

    def _goaway(self, flags: int, stream: int, payload: bytes) -> None:
        """The client begins nothing more; a good one closes once it has its answers."""
        if stream != 0:
            raise Broken(Code.PROTOCOL_ERROR, "GOAWAY is for the connection")
        self.streams.patience.spend()

    def _after_stream(self) -> None:
        """A stream is over."""
        if self._shared.draining:
            self.begin_end()
        if self.streams.open:
            return
        if self._state is State.LAST:
            self._close()
        elif self._client_done:
            self._transport.close()

    def _say_last(self) -> None:
        self._to(State.LAST)
        self.streams.closing = True
        self._transport.write(frames.goaway(self.streams.last, Code.NO_ERROR))
        self._after_stream()

    def _tell_ending(self) -> None:
        for stream in list(self.streams.open.values()):
            if stream.receiver is not None:
                stream.receiver.ending()

    def _break(self, error: Broken) -> None:
        """The connection cannot go on: say why."""
        self._transport.write(frames.goaway(self.streams.last, error.code, error.reason))
        self._close()
        self.streams.leave()

    def _close(self) -> None:
        """Say that nothing more comes, and wait for the client to close first."""
        self._to(State.CLOSED)
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _is_over(self) -> bool:
        return self._state is State.CLOSED

    def _to(self, state: State) -> None:
        self._state = state
        self._since = monotonic()


def _push(flags: int, stream: int, payload: bytes) -> None:
    raise Broken(Code.PROTOCOL_ERROR, "a client cannot push")
