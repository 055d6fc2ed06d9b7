"""Bytes of one connection to whole requests, within the limits. No I/O.

llhttp parses strictly: what could be read in two ways (request smuggling) is an error.
"""

from typing import Any

import httptools

from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.http import NO_HEAD, NO_WISHES, TENSORS, Head, Request, Wishes, path_of
from pilotage.transport.limits import Limits

_HEADS_KEPT = 512
_LONGEST_KEPT = 2048  # bytes

_USUAL = {b"host", b"content-length", b"transfer-encoding", b"connection"}
_READ = _USUAL | {
    b"content-encoding",
    b"accept-encoding",
    b"expect",
    b"upgrade",
    b"http2-settings",
    b"x-envoy-expected-rq-timeout-ms",  # how long the gateway waits for us
    TENSORS.encode(),
}
"""What is looked at; all other headers are only counted."""


class Heads:
    """Heads that were read before, by their bytes: a client sends the same one again and again.

    Only those of whole, accepted requests whose body has a length are kept, so that finding one here says no more than
    llhttp said of the very same bytes.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def find(self, data: bytes) -> Head:
        """The head of the request that `data` is; NO_HEAD unless it is just one and its head is known."""
        head = self._known.get(data[: data.find(b"\r\n\r\n") + 4], NO_HEAD)
        return head if head.whole == len(data) else NO_HEAD

    def keep(self, data: bytes, head: Head) -> None:
        """Remember the head of `data`, which was read as one whole request."""
        end = data.find(b"\r\n\r\n") + 4
        if not head.chunked and end <= _LONGEST_KEPT and len(data) - end == (head.length or 0):
            if len(self._known) >= _HEADS_KEPT:
                self._known.clear()
            head.text, head.whole = data[:end], len(data)
            self._known[head.text] = head


class _Stop(Exception):
    """Ends the parsing from inside of a callback; the refusal is already among the requests."""


class RequestReader:
    """Reads requests until one is refused; a refusal is the last, since nothing after it can be trusted."""

    def __init__(self, limits: Limits, heads: Heads) -> None:
        self._limits = limits
        self._heads = heads
        self._parser: Any = httptools.HttpRequestParser(self)
        self._requests: list[Request] = []
        self._now = 0.0
        self.in_message = False  # a request has begun and is not whole
        self.in_head = False
        self.wants_continue = False  # its client waits for "100 Continue" before it sends the body
        self.refused = False
        self._messages = 0
        self.on_message_begin()
        self.in_message = self.in_head = False

    @property
    def phase(self) -> tuple[int, bool]:
        """Changes whenever a request begins, and when its head is whole."""
        return self._messages, self.in_head

    def feed(self, data: bytes, now: float) -> list[Request]:
        """The requests that `data`, read at `now` (monotonic seconds), made whole."""
        self._now = now
        self._requests = []
        message, before, begun = self._messages, len(self._body), self.in_message
        self._plain = True
        try:
            self._parse(data)
            if self.in_message and message == self._messages:  # one that had begun before
                self._count_framing(len(data) - (len(self._body) - before))
        except _Stop:
            pass
        except httptools.HttpParserError as error:
            if not self.refused:
                self._add_refusal(ProtocolError(400, f"this is not HTTP as it must be: {error}"))
        if self._plain and not (begun or self.in_message or self.refused) and len(self._requests) == 1:
            self._heads.keep(data, self._requests[0].head)
        requests, self._requests = self._requests, []
        return requests

    def give_up(self, now: float) -> Request:
        """The refusal of a request that took too long to arrive."""
        self._now = now
        self._add_refusal(ProtocolError(408, "the request took too long to arrive"))
        return self._requests.pop()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Java's client offers h2c with every request. llhttp then leaves the body unread; an offer may be ignored,
            # so the same head is read again without it.
            self._plain = False
            version = self._parser.get_http_version()
            head = [f"{self._method} ".encode() + self._target + f" HTTP/{version}".encode()]
            head += [name + b": " + value for name, value in self._headers if name != b"upgrade"]
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(b"\r\n".join(head) + b"\r\n\r\n")
            self._parse(data[upgrade.args[0] :])

    # What httptools calls, in this order.

    def on_message_begin(self) -> None:
        self._messages += 1
        self.in_message = self.in_head = True
        self._method = ""
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._framing = 0
        self._length: int | None = None
        self._chunked = False
        self._wishes = NO_WISHES

    def on_url(self, part: bytes) -> None:
        self._target += part
        self._count_framing(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_framing(len(name) + len(value))
        name = name.lower()
        if name in _READ and self.in_head:  # else a trailer, which nobody here reads
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._method = self._parser.get_method().decode("latin-1")
        if self._method == "CONNECT":
            self._refuse(405, "CONNECT is not for this server")
        if self._parser.should_upgrade():
            return  # comes back without the offer
        self.in_head = False
        self._check_head()

    def on_body(self, part: bytes) -> None:
        if len(self._body) + len(part) > self._limits.max_body:
            self._refuse_size()
        self._body += part

    def on_message_complete(self) -> None:
        if self.in_head:
            return  # an upgrade's: it comes back
        self.in_message = self.wants_continue = False
        self._requests.append(self._request(self._parser.should_keep_alive()))
        self._body = bytearray()  # a connection that waits keeps none

    def _check_head(self) -> None:
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._refuse(505, f"HTTP {version} is not spoken here; use HTTP/1.1")
        values: dict[bytes, list[bytes]] = {}
        for name, value in self._headers:
            values.setdefault(name, []).append(value)
        if version == "1.1" and len(values.get(b"host", ())) != 1:
            self._refuse(400, "an HTTP/1.1 request has one Host header")
        length, encodings = values.get(b"content-length"), values.get(b"transfer-encoding")
        if encodings and (version == "1.0" or [value.lower() for value in encodings] != [b"chunked"]):
            self._refuse(501, "Transfer-Encoding may only be chunked, and only in HTTP/1.1")
        self._chunked = bool(encodings)
        self._length = int(length[0]) if length else None
        if self._length is not None and self._length > self._limits.max_body:
            self._refuse_size()
        if not values.keys() <= _USUAL:
            self._wishes = self._wished(values)
            self._check_expectation(version, values.get(b"expect", []))

    def _wished(self, values: dict[bytes, list[bytes]]) -> Wishes:
        packing = [value.lower() for value in values.get(b"content-encoding", ())]
        for value in packing:
            if value not in (b"identity", b"gzip"):
                self._refuse(415, f"Content-Encoding {shown(value.decode('latin-1'))} is not read here; use gzip")
        json_length, wait = values.get(TENSORS.encode()), values.get(b"x-envoy-expected-rq-timeout-ms")
        if json_length and not (len(json_length) == 1 and json_length[0].isdigit() and len(json_length[0]) < 12):
            self._refuse(400, "Inference-Header-Content-Length must be one whole number: the bytes of the JSON head")
        return Wishes(
            json_length=int(json_length[0]) if json_length else None,
            gzipped=b"gzip" in packing,
            takes_gzip=any(map(_names_gzip, values.get(b"accept-encoding", ()))),
            seconds=int(wait[0]) / 1000 if wait and wait[0].isdigit() and len(wait[0]) < 10 else None,
        )

    def _check_expectation(self, version: str, expected: list[bytes]) -> None:
        for value in expected:
            self._plain = False
            if value.lower() != b"100-continue":
                self._refuse(417, f"the expectation {shown(value.decode('latin-1'))} cannot be met")
            self.wants_continue = version == "1.1" and (self._chunked or self._length is not None)

    def _count_framing(self, size: int) -> None:
        """Count bytes that are no body: an endless header, trailer or chunk extension ends here."""
        self._framing += size
        allowed = self._limits.max_framing + self._limits.framing_per_body_byte * len(self._body)
        if self._framing > allowed:
            self._refuse(431, f"the request's line and headers are larger than {self._limits.max_framing} bytes")

    def _refuse_size(self) -> None:
        self._refuse(413, f"the body is larger than {self._limits.max_body} bytes, the most that this server takes")

    def _refuse(self, status: int, message: str) -> None:
        self._add_refusal(ProtocolError(status, message))
        raise _Stop

    def _add_refusal(self, error: ProtocolError) -> None:
        self.refused = True
        self._body.clear()
        self._requests.append(self._request(False, error))

    def _request(self, keep_alive: bool, refusal: ProtocolError | None = None) -> Request:
        version = self._parser.get_http_version()
        head = Head(
            method=self._method,
            path=path_of(self._target),
            keep_alive=keep_alive,
            http_1_0=version == "1.0",
            length=self._length,
            chunked=self._chunked,
            wishes=self._wishes,
        )
        return Request(head, bytes(self._body), self._now, refusal)


def _names_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding takes gzip.

    >>> _names_gzip(b"deflate, gzip;q=0.5"), _names_gzip(b"gzip;q=0")
    (True, False)
    """
    for coding in accepted.lower().split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip() == b"gzip":
            return weight.replace(b" ", b"").rstrip(b"0").rstrip(b".") not in (b"q=", b"q=0")
    return False
