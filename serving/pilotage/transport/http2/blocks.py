"""Header blocks: put together from their frames, and read in the order in which they came."""

from dataclasses import dataclass
from time import monotonic

from pilotage.transport.http2 import fields, frames
from pilotage.transport.http2.errors import Broken, Code, StreamBroken
from pilotage.transport.http2.fields import Head, Malformed
from pilotage.transport.http2.frames import END_HEADERS, END_STREAM, HAS_PRIORITY
from pilotage.transport.http2.hpack import Decoder

MAX_HEADER_BYTES = 16 << 10
_MAX_HEADS = 64


@dataclass(slots=True)
class HeaderBlock:
    """One block, whole or on its way."""

    stream: int
    ends: bool  # no body follows
    faulty: bool  # its stream depends on itself
    bytes: bytes


class Blocks:
    """Each block changes what the next one means: all of them are read, also those of streams that are refused."""

    def __init__(self) -> None:
        self._decoder = Decoder(MAX_HEADER_BYTES)
        self._heads: dict[bytes, Head] = {}  # what blocks mean as long as the decoder's table stays as it is
        self._heads_at = 0
        self._open: HeaderBlock | None = None
        self.begun: float | None = None  # since when a block is being read; nothing else may come in between

    def first(self, flags: int, stream: int, payload: bytes) -> HeaderBlock | None:
        """HEADERS; the block, if that is all of it."""
        content = frames.unpadded(flags, payload)
        faulty = False
        if flags & HAS_PRIORITY:
            faulty = depends_on_itself(stream, content)
            content = content[5:]
        block = HeaderBlock(stream, bool(flags & END_STREAM), faulty, content)
        if flags & END_HEADERS:
            return block
        self._open, self.begun = block, monotonic()
        return None

    def next(self, flags: int, stream: int, payload: bytes) -> HeaderBlock | None:
        """CONTINUATION; the block, if it is whole now."""
        block = self._open
        if block is None or block.stream != stream:
            raise Broken(Code.PROTOCOL_ERROR, "CONTINUATION continues nothing")
        block.bytes += payload
        if len(block.bytes) > MAX_HEADER_BYTES:
            raise Broken(Code.ENHANCE_YOUR_CALM, f"a request's headers take more than {MAX_HEADER_BYTES} bytes")
        if not flags & END_HEADERS:
            return None
        self._open = self.begun = None
        return block

    def head(self, block: HeaderBlock) -> Head:
        """The begin of a request. Clients send the same few blocks over and over."""
        decoder = self._decoder
        if self._heads_at == decoder.changes:
            known = self._heads.get(block.bytes)
            if known is not None and not block.faulty:
                return known
        before = decoder.changes
        found = decoder.decode(block.bytes)
        try:
            head = fields.head(found)
        except Malformed:
            block.faulty = True
        if block.faulty:
            raise StreamBroken(block.stream, Code.PROTOCOL_ERROR)
        if self._heads_at != decoder.changes or len(self._heads) >= _MAX_HEADS:
            self._heads.clear()
            self._heads_at = decoder.changes
        if before == decoder.changes:
            self._heads[block.bytes] = head
        return head

    def trailers(self, block: HeaderBlock) -> None:
        """The end of a request; nothing in it matters here."""
        try:
            fields.check_trailers(self._decoder.decode(block.bytes))
        except Malformed:
            raise StreamBroken(block.stream, Code.PROTOCOL_ERROR) from None

    def skip(self, block: HeaderBlock) -> None:
        """A block of a stream that nobody listens to."""
        self._decoder.decode(block.bytes)


def depends_on_itself(stream: int, priority: bytes) -> bool:
    """Whether the first five bytes say so."""
    if len(priority) < 5:
        raise Broken(Code.FRAME_SIZE_ERROR, "a priority has five bytes")
    return int.from_bytes(priority[:4], "big") & 0x7FFFFFFF == stream
