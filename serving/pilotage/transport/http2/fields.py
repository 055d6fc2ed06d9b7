"""What a request's header fields must be (RFC 9113, section 8), and the fields that matter."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from pilotage.transport.http2.hpack import Field

_PSEUDO = frozenset((b":method", b":scheme", b":path", b":authority"))
_OF_THE_CONNECTION = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_USUAL = frozenset((b"content-type", b"user-agent", b"te", b"grpc-timeout", b"grpc-accept-encoding"))


class Malformed(Exception):
    """The request is not one; its stream is reset."""


class Head(NamedTuple):
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
        if name in _PSEUDO:
            if name in pseudo or others:
                raise Malformed
            pseudo[name] = value
        else:
            if name not in _USUAL:
                _check(name)
            elif name == b"te" and value != b"trailers":
                raise Malformed
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
    for name, _ in fields:
        _check(name)


def _check(name: bytes) -> None:
    """Raise Malformed unless a field may have this name, which a pseudo-field's is not."""
    if name in _OF_THE_CONNECTION or not _NAME.fullmatch(name):
        raise Malformed
