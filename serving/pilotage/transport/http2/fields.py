"""What a request's header fields must be (RFC 9113, section 8), and the fields that matter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pilotage.transport.http2.hpack import Field

_PSEUDO = (b":method", b":scheme", b":path", b":authority")
_OF_THE_CONNECTION = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_USUAL = frozenset((b"content-type", b"user-agent", b"te", b"grpc-timeout", b"grpc-accept-encoding"))
_NO_VALUE = re.compile(rb"[\0\r\n]")


class Malformed(Exception):
    """The request is not one; its stream is reset."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a request begins with. `fields` are all but the pseudo-fields; of a name that comes twice, the first."""

    method: bytes
    path: bytes
    fields: Mapping[bytes, bytes]
    length: int | None  # of the body, if it was said


def head(fields: list[Field]) -> Head:
    """The head that `fields` are. Raises Malformed."""
    pseudo: dict[bytes, bytes] = {}
    others: dict[bytes, bytes] = {}
    for name, value in fields:
        if name[:1] == b":":
            if name not in _PSEUDO or name in pseudo or others:
                raise Malformed
            pseudo[name] = value
        else:
            _check(name, value)
            others.setdefault(name, value)
    path = pseudo.get(b":path", b"")
    if not path or not pseudo.get(b":scheme") or b":method" not in pseudo:
        raise Malformed
    length = others.get(b"content-length")
    if length is not None and not (length.isdigit() and len(length) < 20):
        raise Malformed
    return Head(pseudo[b":method"], path, others, None if length is None else int(length))


def check_trailers(fields: list[Field]) -> None:
    """Raise Malformed unless `fields` may end a request."""
    for name, value in fields:
        if name[:1] == b":":
            raise Malformed
        _check(name, value)


def _check(name: bytes, value: bytes) -> None:
    if name not in _USUAL and (name in _OF_THE_CONNECTION or not _NAME.fullmatch(name)):
        raise Malformed
    if name == b"te" and value != b"trailers":
        raise Malformed
    if _NO_VALUE.search(value):
        raise Malformed
