"""An HTTP/2 client of bytes: what it sends is what a test says, what it gets is read into frames."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pilotage.transport.http2 import frames, hpack
from pilotage.transport.http2.connection import Connection, Shared
from pilotage.transport.http2.fields import Head
from pilotage.transport.http2.frames import END_HEADERS, END_STREAM, PREFACE, Kind
from pilotage.transport.http2.outbox import Block
from pilotage.transport.http2.stream import Stream

POST = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"x")]
HEADERS = Block(hpack.encode([(b":status", b"200")]))
END = Block(hpack.encode([(b"end", b"1")]))


class FakeTransport(asyncio.Transport):
    """Keeps what is written and what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.ended = ""  # by which call

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        self.ended = self.ended or "eof"

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.ended = "close"

    def abort(self) -> None:
        self.ended = "abort"

    def is_closing(self) -> bool:
        return self.ended in ("close", "abort")

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@dataclass
class Frame:
    """One frame of the server's."""

    kind: Kind
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """Why, of RST_STREAM or GOAWAY."""
        return int.from_bytes(self.payload[-4:] if self.kind is Kind.RST_STREAM else self.payload[4:8], "big")


class Wire:
    """One connection, from the client's side. `read` gives what has come since it was asked last."""

    def __init__(self, shared: Shared, *, greet: bool = True) -> None:
        self.transport = FakeTransport()
        self.connection = Connection(shared)
        self.connection.connection_made(self.transport)
        self._decoder = hpack.Decoder(1 << 16)
        if greet:
            self.send(PREFACE + frames.settings({}))
            self.read()

    @property
    def ended(self) -> str | None:
        """By which call the server has ended the connection."""
        return self.transport.ended or None

    def send(self, data: bytes) -> None:
        self.connection.data_received(data)

    def ask(self, stream: int, body: bytes = b"", fields: list[hpack.Field] | None = None) -> None:
        """A whole request."""
        self.send(request(stream, body, fields))

    def read(self) -> list[Frame]:
        written, self.transport.written = self.transport.written, b""
        reader = frames.FrameReader()
        reader.greeted = True
        found = [Frame(Kind(kind), flags, stream, payload) for kind, flags, stream, payload in reader.feed(written)]
        assert sum(9 + len(f.payload) for f in found) == len(written)
        return found

    def kinds(self) -> list[Kind]:
        return [frame.kind for frame in self.read()]

    def fields(self, frame: Frame) -> dict[bytes, bytes]:
        return dict(self._decoder.decode(frame.payload))


@dataclass
class Listener:
    """Answers every whole request with `answer`, and remembers what it heard. With no answer it keeps quiet."""

    answer: bytes | None = b"hello"
    heard: list[str] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)

    def accept(self, stream: Stream, head: Head) -> Heard:
        self.streams.append(stream)
        return Heard(self, stream)


class Heard:
    """What one stream is told."""

    def __init__(self, listener: Listener, stream: Stream) -> None:
        self._listener = listener
        self._stream = stream
        self.body = b""

    def received(self, data: bytes) -> None:
        self.body += data

    def finished(self) -> None:
        self._listener.heard.append(f"{self._stream.id} finished {self.body.decode()}".rstrip())
        if self._listener.answer is not None:
            self._stream.answer(HEADERS, self._listener.answer, END)

    def refused(self, status: int, reason: str) -> None:
        self._listener.heard.append(f"{self._stream.id} refused {status}")
        self._stream.end(END)

    def ending(self) -> None:
        self._listener.heard.append(f"{self._stream.id} ending")

    def left(self) -> None:
        self._listener.heard.append(f"{self._stream.id} left")


def request(stream: int, body: bytes = b"", fields: list[hpack.Field] | None = None) -> bytes:
    """The frames of a whole request."""
    block = hpack.encode(POST if fields is None else fields)
    if not body:
        return frames.frame(Kind.HEADERS, END_HEADERS | END_STREAM, stream, block)
    return frames.frame(Kind.HEADERS, END_HEADERS, stream, block) + frames.frame(Kind.DATA, END_STREAM, stream, body)
