"""gRPC's messages in the bytes of a request: a flag, a length of four bytes, and the message, one after the other."""

from collections.abc import Iterator
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from pilotage.transport.encoding import inflate
from pilotage.transport.errors import ProtocolError

PREFIX = 5

M = TypeVar("M", bound=Message)


class Messages:
    """Cuts one request's bytes into messages, none of them larger than `most`."""

    __slots__ = ("_most", "_rest", "_unpack")

    def __init__(self, most: int, encoding: bytes) -> None:
        """`encoding` is what a message that says that it is compressed is compressed with."""
        self._most = most
        self._unpack = encoding == b"gzip"
        self._rest: bytes | bytearray = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are now whole. Raises ProtocolError."""
        if self._rest:
            self._rest += data
            held: bytes | bytearray = self._rest
        else:
            held = data
        at = 0
        end = len(held)
        while end - at >= PREFIX:
            size = int.from_bytes(held[at + 1 : at + PREFIX], "big")
            if size > self._most:
                raise ProtocolError(
                    413, f"the message has {size} bytes; this server takes {self._most}, send fewer rows at a time"
                )
            start = at + PREFIX
            if end - start < size:
                break
            flag = held[at]
            at = start + size
            yield self._message(flag, bytes(held[start:at]))
        if at == end:
            self._rest = b""
        elif at or held is data:
            self._rest = bytearray(held[at:])

    @property
    def is_between(self) -> bool:
        """Whether no message has begun and not ended."""
        return not self._rest

    def _message(self, flag: int, content: bytes) -> bytes:
        if flag == 0:
            return content
        if flag != 1:
            raise ProtocolError(400, "the request is no gRPC: a message begins with a byte that is neither 0 nor 1")
        if not self._unpack:
            raise ProtocolError(400, "a message is compressed, and the request does not say how; send grpc-encoding")
        return inflate(content, self._most)


def is_one(data: bytes, most: int) -> bool:
    """Whether `data` is one message and nothing else, not compressed and not larger than `most`."""
    size = len(data) - PREFIX
    return 0 <= size <= most and data[0] == 0 and int.from_bytes(data[1:PREFIX], "big") == size


def parsed(kind: type[M], message: bytes) -> M:
    """A message's bytes as what they must be. Raises ProtocolError."""
    try:
        return kind.FromString(message)
    except DecodeError:
        raise ProtocolError(400, f"the message is not a {kind.DESCRIPTOR.full_name}") from None


def framed(message: bytes) -> bytes:
    """A message as it is sent: never compressed, since that costs more time than a network in a cluster does."""
    return b"\0" + len(message).to_bytes(4, "big") + message
