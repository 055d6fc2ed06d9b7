"""How a call ends: gRPC's codes, and the one place that turns an HTTP status into one of them."""

from enum import IntEnum

from pilotage.runtime.identity import Identity
from pilotage.transport.errors import ProtocolError
from pilotage.transport.http2 import hpack
from pilotage.transport.http2.outbox import Block

_MOST_KNOWN = 64  # a flood gets the same few again and again
_MAX_MESSAGE = 2000  # bytes, as sent
_PLAIN = frozenset(range(0x20, 0x7F)) - {ord("%")}


class Status(IntEnum):
    """gRPC's codes, as far as this server uses them."""

    OK = 0
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


_OF_HTTP = {
    400: Status.INVALID_ARGUMENT,
    404: Status.NOT_FOUND,
    408: Status.DEADLINE_EXCEEDED,
    413: Status.RESOURCE_EXHAUSTED,
    429: Status.RESOURCE_EXHAUSTED,
    500: Status.INTERNAL,
    501: Status.UNIMPLEMENTED,
    503: Status.UNAVAILABLE,
    504: Status.DEADLINE_EXCEEDED,
}


class Endings:
    """The header blocks of this server's answers. Every one names the version and the revision that answered."""

    def __init__(self, identity: Identity) -> None:
        who = [
            (b"pilotage-version", identity.version.encode()),
            (b"pilotage-revision", identity.revision.encode()),
        ]
        self._start = [(b":status", b"200"), (b"content-type", b"application/grpc"), *who]
        self._known: dict[tuple[object, ...], Block] = {}
        self.headers = Block(hpack.encode(self._start))
        self.good = Block(hpack.encode([(b"grpc-status", b"0")]))

    def of(self, error: ProtocolError, *, begun: bool) -> Block:
        """The end that an error is: all of the answer, or (`begun`) what comes after its first part."""
        key = (begun, error.status, error.message, error.headers)
        block = self._known.get(key)
        if block is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            block = self._known[key] = self._made(error, begun)
        return block

    def _made(self, error: ProtocolError, begun: bool) -> Block:
        fields = [] if begun else list(self._start)
        status = _OF_HTTP.get(error.status, Status.UNKNOWN)
        fields += [(b"grpc-status", str(int(status)).encode()), (b"grpc-message", percent(error.message))]
        for name, value in error.headers:
            if name == "retry-after":  # in seconds; gRPC's clients that retry take milliseconds
                fields.append((b"grpc-retry-pushback-ms", str(int(value) * 1000).encode()))
            elif name.startswith("grpc-"):
                fields.append((name.encode(), value.encode()))
        return Block(hpack.encode(fields))


def percent(message: str) -> bytes:
    """A message as it stands in a header.

    >>> percent("3 % zu viel")
    b'3 %25 zu viel'
    """
    coded = b"".join(bytes((b,)) if b in _PLAIN else b"%%%02X" % b for b in message.encode("utf-8", "replace"))
    if len(coded) <= _MAX_MESSAGE:
        return coded
    cut = coded[:_MAX_MESSAGE]
    return cut[: cut.rfind(b"%", len(cut) - 2) if b"%" in cut[-2:] else len(cut)]
