"""HPACK (RFC 7541): header blocks to fields, and fields to bytes that need no table."""

import re
from collections import deque

from pilotage.transport.http2 import huffman
from pilotage.transport.http2.errors import Broken, Code

Field = tuple[bytes, bytes]

TABLE_BYTES = 4096  # what a client may have us remember: the protocol's default
_ENTRY_OVERHEAD = 32
_LINE_ENDS = re.compile(rb"[\0\r\n]")

# Appendix A; index 0 is no index.
_STATIC: tuple[Field, ...] = (
    (b"", b""),
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    *((b":status", status) for status in b"200 204 206 304 400 404 500".split()),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    *(
        (name, b"")
        for name in (
            b"accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control "
            b"content-disposition content-encoding content-language content-length content-location content-range "
            b"content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range "
            b"if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization "
            b"range referer refresh retry-after server set-cookie strict-transport-security transfer-encoding "
            b"user-agent vary via www-authenticate"
        ).split()
    ),
)
_DYNAMIC = len(_STATIC)  # the first index of the dynamic table


class Decoder:
    """Reads the header blocks of one connection, in their order. Every error is the end of the connection."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes  # of one block's fields
        self._table: deque[Field] = deque()  # the newest first
        self._bytes = 0
        self._limit = TABLE_BYTES
        self.changes = 0  # of the table; as long as it stays, a block means what it meant

    def decode(self, block: bytes) -> list[Field]:
        """The fields of one block. Raises Broken."""
        try:
            return self._decode(block)
        except IndexError:
            raise Broken(Code.COMPRESSION_ERROR, "a header block ends too early") from None

    def _decode(self, block: bytes) -> list[Field]:
        fields: list[Field] = []
        size = at = 0
        end = len(block)
        while at < end:
            first = block[at]
            if first >= 0x80:  # a field of a table
                index, at = (first & 0x7F, at + 1) if first < 0xFF else _integer(block, at, 0x7F)
                field = self._field(index)
            elif first >= 0x40:  # a field to be remembered
                field, at = self._literal(block, at, 0x3F)
                self._remember(field)
            elif first < 0x20:  # a field not to be remembered
                field, at = self._literal(block, at, 0x0F)
            else:
                if fields:
                    raise Broken(Code.COMPRESSION_ERROR, "a header block resizes the table after its first field")
                limit, at = _integer(block, at, 0x1F)
                self._resize(limit)
                continue
            size += len(field[0]) + len(field[1]) + _ENTRY_OVERHEAD
            if size > self._most_bytes:
                raise Broken(Code.ENHANCE_YOUR_CALM, f"a request's headers take more than {self._most_bytes} bytes")
            fields.append(field)
        return fields

    def _field(self, index: int) -> Field:
        if 0 < index < _DYNAMIC:
            return _STATIC[index]
        if index == 0 or index - _DYNAMIC >= len(self._table):
            raise Broken(Code.COMPRESSION_ERROR, "a header block names a field that no table has")
        return self._table[index - _DYNAMIC]

    def _literal(self, block: bytes, at: int, mask: int) -> tuple[Field, int]:
        index, at = _integer(block, at, mask)
        if index:
            name = self._field(index)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        if _LINE_ENDS.search(value):
            raise Broken(Code.PROTOCOL_ERROR, "a header's value holds the end of a line or NUL")
        return (name, value), at

    def _remember(self, field: Field) -> None:
        self._table.appendleft(field)
        self._bytes += len(field[0]) + len(field[1]) + _ENTRY_OVERHEAD
        self._evict()

    def _resize(self, limit: int) -> None:
        if limit > TABLE_BYTES:
            raise Broken(Code.COMPRESSION_ERROR, f"a header block wants a table of more than {TABLE_BYTES} bytes")
        self._limit = limit
        self._evict()

    def _evict(self) -> None:
        self.changes += 1
        while self._bytes > self._limit:
            name, value = self._table.pop()
            self._bytes -= len(name) + len(value) + _ENTRY_OVERHEAD


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """A number whose first bits share a byte with something else (section 5.1), and where it ends."""
    number = block[at] & mask
    at += 1
    if number < mask:
        return number, at
    for shift in (0, 7, 14, 21):
        byte = block[at]
        at += 1
        number += (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise Broken(Code.COMPRESSION_ERROR, "a header block has a number that is too large")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    coded = block[at] >= 0x80
    length, at = _integer(block, at, 0x7F)
    end = at + length
    if end > len(block):
        raise IndexError
    text = block[at:end]
    return (huffman.decode(text) if coded else text), end


def encode(fields: list[Field]) -> bytes:
    """A block that leaves the client's table as it is: it may be sent on any stream, at any time."""
    return b"".join(_encoded(name, value) for name, value in fields)


_STATUSES = {value: index for index, (name, value) in enumerate(_STATIC) if name == b":status"}
_NAMES = {name: index for index, (name, _) in reversed(list(enumerate(_STATIC)))}


def _encoded(name: bytes, value: bytes) -> bytes:
    if name == b":status" and value in _STATUSES:
        return bytes((0x80 | _STATUSES[value],))
    index = _NAMES.get(name, 0)
    start = _number(index, 0x0F) + (b"" if index else _number(len(name), 0x7F) + name)
    return start + _number(len(value), 0x7F) + value


def _number(number: int, mask: int) -> bytes:
    if number < mask:
        return bytes((number,))
    number -= mask
    parts = [mask]
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))
