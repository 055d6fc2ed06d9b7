"""HTTP/2's frames (RFC 9113, sections 4 and 6): bytes to frames, and frames to bytes."""

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct

from pilotage.transport.http2.errors import Broken, Code

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_PAYLOAD = 1 << 14  # the protocol's default, in both directions: what is larger comes in several frames

END_STREAM = ACK = 0x01
END_HEADERS = 0x04
PADDED = 0x08
HAS_PRIORITY = 0x20

_HEAD = Struct(">BHBBL")
_HEAD_BYTES = _HEAD.size
_STREAM_BITS = 0x7FFFFFFF
_SETTING = Struct(">HL")


class Kind(IntEnum):
    """What a frame is. Others may come and are passed over."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(IntEnum):
    """What one side may expect of the other."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


Frame = tuple[int, int, int, bytes]  # kind, flags, stream, payload


class FrameReader:
    """Cuts what a client sends into frames, after the preface that it begins with."""

    def __init__(self) -> None:
        self._rest = b""
        self.greeted = False  # the preface has been read

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are now whole. Raises Broken, once those before the fault have been taken."""
        if self._rest:
            data = self._rest + data
        at = 0
        if not self.greeted:
            at = self._greet(data)
            if not at:
                self._rest = data
                return
        end = len(data)
        while end - at >= _HEAD_BYTES:
            high, low, kind, flags, stream = _HEAD.unpack_from(data, at)
            length = high << 16 | low
            if length > MAX_PAYLOAD:
                raise Broken(Code.FRAME_SIZE_ERROR, f"a frame has more than {MAX_PAYLOAD} bytes")
            start = at + _HEAD_BYTES
            if end - start < length:
                break
            at = start + length
            yield kind, flags, stream & _STREAM_BITS, data[start:at]
        self._rest = data[at:]

    def _greet(self, data: bytes) -> int:
        """Where the first frame starts; 0 as long as the preface is not whole."""
        size = len(PREFACE)
        if data[:size] != PREFACE[: len(data)]:
            raise Broken(Code.PROTOCOL_ERROR, "this port speaks gRPC: HTTP/2 without TLS")
        if len(data) < size:
            return 0
        self.greeted = True
        return size


def unpadded(flags: int, payload: bytes) -> bytes:
    """The payload of DATA or HEADERS without its padding."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise Broken(Code.PROTOCOL_ERROR, "a frame has more padding than bytes")
    return payload[1 : len(payload) - payload[0]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame, whole."""
    length = len(payload)
    return _HEAD.pack(length >> 16, length & 0xFFFF, kind, flags, stream) + payload


def head(kind: int, flags: int, stream: int, length: int) -> bytes:
    """What stands before a payload of `length` bytes."""
    return _HEAD.pack(length >> 16, length & 0xFFFF, kind, flags, stream)


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """The settings in a frame, as they are."""
    if len(payload) % _SETTING.size:
        raise Broken(Code.FRAME_SIZE_ERROR, "SETTINGS has half a setting")
    return list(_SETTING.iter_unpack(payload))


def settings(values: dict[Setting, int]) -> bytes:
    """What this side expects."""
    return frame(Kind.SETTINGS, 0, 0, b"".join(_SETTING.pack(*pair) for pair in values.items()))


def reset(stream: int, code: Code) -> bytes:
    """The end of one stream."""
    return frame(Kind.RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def window_update(stream: int, size: int) -> bytes:
    """Leave to send `size` more bytes."""
    return frame(Kind.WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))


def goaway(last: int, code: Code, reason: str = "") -> bytes:
    """No stream above `last` is or will be looked at."""
    return frame(Kind.GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + reason.encode())
