"""Bytes of one connection to whole requests, within the limits. No I/O.

llhttp parses strictly: what could be read in two ways (request smuggling) is an error.
"""

from typing import Any

import httptools

from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.http import Request, path_of
from pilotage.transport.limits import Limits


class _Stop(Exception):
    """Ends the parsing from inside of a callback; the refusal is already among the requests."""


class RequestReader:
    """Reads requests until one is refused; a refusal is the last, since nothing after it can be trusted."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
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
        message, before = self._messages, len(self._body)
        try:
            self._parse(data)
            if self.in_message and message == self._messages:  # one that had begun before
                self._count_framing(len(data) - (len(self._body) - before))
        except _Stop:
            pass
        except httptools.HttpParserError as error:
            if not self.refused:
                self._add_refusal(ProtocolError(400, f"this is not HTTP as it must be: {error}"))
        return self._requests

    def give_up(self, now: float) -> Request:
        """The refusal of a request that took too long to arrive."""
        self._now = now
        self._add_refusal(ProtocolError(408, "the request took too long to arrive"))
        return self._requests[-1]

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Java's client offers h2c with every request. llhttp then leaves the body unread; an offer may be ignored,
            # so the same head is read again without it.
            version = self._parser.get_http_version()
            head = [f"{self._method} ".encode() + bytes(self._target) + f" HTTP/{version}".encode()]
            head += [name + b": " + value for name, value in self._headers if name != b"upgrade"]
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(b"\r\n".join(head) + b"\r\n\r\n")
            self._parse(data[upgrade.args[0] :])

    # What httptools calls, in this order.

    def on_message_begin(self) -> None:
        self._messages += 1
        self.in_message = self.in_head = True
        self._method = ""
        self._target = bytearray()
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._framing = 0
        self._framed = False

    def on_url(self, part: bytes) -> None:
        self._target += part
        self._count_framing(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_framing(len(name) + len(value))
        if self.in_head:  # else a trailer, which nobody here reads
            self._headers.append((name.lower(), value))

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

    def _check_head(self) -> None:
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._refuse(505, f"HTTP {version} is not spoken here; use HTTP/1.1")
        if version == "1.1" and len(self._values(b"host")) != 1:
            self._refuse(400, "an HTTP/1.1 request has one Host header")
        encodings = self._values(b"transfer-encoding")
        if encodings and (version == "1.0" or [value.lower() for value in encodings] != [b"chunked"]):
            self._refuse(501, "Transfer-Encoding may only be chunked, and only in HTTP/1.1")
        for value in self._values(b"content-encoding"):
            if value.lower() != b"identity":
                self._refuse(
                    415, f"Content-Encoding {shown(value.decode('latin-1'))} is not read here; send plain JSON"
                )
        if self._values(b"inference-header-content-length"):
            self._refuse(415, "binary tensors are not read here; send their data as JSON")
        length = self._values(b"content-length")
        self._framed = bool(encodings or length)
        if length and int(length[0]) > self._limits.max_body:
            self._refuse_size()
        self._check_expectation(version)

    def _check_expectation(self, version: str) -> None:
        for value in self._values(b"expect"):
            if value.lower() != b"100-continue":
                self._refuse(417, f"the expectation {shown(value.decode('latin-1'))} cannot be met")
            self.wants_continue = version == "1.1" and self._framed

    def _values(self, name: bytes) -> list[bytes]:
        return [value for found, value in self._headers if found == name]

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
        return Request(
            method=self._method,
            path=path_of(bytes(self._target)),
            body=bytes(self._body),
            framed=self._framed,
            http_1_0=self._parser.get_http_version() == "1.0",
            keep_alive=keep_alive,
            arrived=self._now,
            refusal=refusal,
        )
