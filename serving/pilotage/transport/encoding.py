"""gzip around a body, in and out: never more memory than a body may take, whatever a small one unpacks to."""

import zlib

from pilotage.transport.errors import ProtocolError

_GZIP = 16 + zlib.MAX_WBITS  # zlib's word for gzip's header and trailer
_FAST = 1  # level: the others take several times as long for a few percent


def inflate(body: bytes, limit: int) -> bytes:
    """The content of a gzip body. Raises ProtocolError: 413 when it is larger than `limit`, 400 when it is not gzip."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        content = unpacker.decompress(body, limit + 1)  # its buffer grows with what comes out, up to that
    except zlib.error as error:
        raise ProtocolError(400, f"the body is not gzip, as its Content-Encoding says: {error}") from None
    if len(content) > limit:
        raise ProtocolError(413, f"the body unpacks to more than {limit} bytes, the most that this server takes")
    if not unpacker.eof:
        raise ProtocolError(400, "the body is gzip that ends too early; send all of it")
    if unpacker.unused_data:
        raise ProtocolError(400, "the body has bytes after its end as gzip; send one gzip member")
    return content


def deflate(body: bytes) -> bytes:
    """`body` as gzip."""
    packer = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()
