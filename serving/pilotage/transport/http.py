"""HTTP requests and answers as values, and the bytes of an answer."""

from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import msgspec

from pilotage.runtime.identity import Identity
from pilotage.transport.errors import ProtocolError
from pilotage.transport.inference import InferRequest

JSON = "application/json"
BINARY = "application/octet-stream"
TENSORS = "inference-header-content-length"
"""The header of V2's binary extension: how many bytes of the body are JSON; tensors follow."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request's less usual headers say. `seconds`: how long its caller waits."""

    json_length: int | None = None
    gzipped: bool = False
    takes_gzip: bool = False
    seconds: float | None = None


NO_WISHES = Wishes()


@dataclass(slots=True)
class Head:
    """A request's line and headers, as far as they matter here."""

    method: str
    path: str
    keep_alive: bool
    http_1_0: bool
    length: int | None = None  # of the body, in bytes; None when it did not say
    chunked: bool = False
    wishes: Wishes = NO_WISHES
    route: Any = None  # what answers it, once it was looked up
    text: bytes = b""  # its own bytes, where a request may be known by them
    whole: int = -1  # with its body, in bytes; then, too
    plain: bool = field(init=False)  # its answer's head says nothing but what all say, and its body is sent

    def __post_init__(self) -> None:
        self.plain = self.keep_alive and not self.http_1_0 and self.method != "HEAD"

    @property
    def framed(self) -> bool:
        """Whether it said how long its body is."""
        return self.chunked or self.length is not None


NO_HEAD = Head("", "", keep_alive=False, http_1_0=False)


# These two are made for every request: as structs of msgspec at a third of a dataclass' price.
class Request(msgspec.Struct):
    """One request, read whole; or one that was refused before that, with the error that it gets.

    `arrived`: monotonic seconds, when its last byte was read.
    """

    head: Head
    body: bytes
    arrived: float
    refusal: ProtocolError | None = None


class Answer(msgspec.Struct):
    """One answer; `headers` are those that only this answer has. `about` and `error` are for the log: the request, as
    far as it could be read, and the sentence that its caller got."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    about: InferRequest | None = None
    error: str = ""


def refused(error: ProtocolError, about: InferRequest | None = None) -> Answer:
    """The answer that an error is."""
    return Answer(error.status, error.body(), JSON, error.headers, about, error.message)


def path_of(target: bytes) -> str:
    """The path of a request's target: no query, and no scheme and host, which a proxy may send.

    >>> path_of(b"http://fraud.example.com/v2?x=1")
    '/v2'
    """
    path = target.split(b"?", 1)[0]
    if path[:7].lower() == b"http://":
        slash = path.find(b"/", 7)
        path = path[slash:] if slash >= 0 else b"/"
    return path.decode("latin-1")


class Writer:
    """Turns answers to bytes. Every one names the version and the revision that answered."""

    def __init__(self, identity: Identity) -> None:
        self._who = f"pilotage-version: {identity.version}\r\npilotage-revision: {identity.revision}\r\n"
        self._starts: dict[tuple[int, str], bytes] = {}
        self._date = ""
        self.tick()

    def tick(self) -> None:
        """Once a second: the Date header is not worth formatting for every answer."""
        self._date = formatdate(usegmt=True)
        self._starts.clear()

    def render(self, head: Head, answer: Answer, *, close: bool) -> bytes:
        """The answer to a request, with what the client must know about its connection."""
        start = self._starts.get((answer.status, answer.content_type)) or self._start(answer)
        if not (close or answer.headers) and head.plain:
            return b"%b%d\r\n\r\n%b" % (start, len(answer.body), answer.body)
        more = ""
        if close:
            more = "connection: close\r\n"
        elif head.http_1_0:  # 1.0 closes unless told otherwise
            more = "connection: keep-alive\r\n"
        for name, value in answer.headers:
            more += f"{name}: {value}\r\n"
        body = b"" if head.method == "HEAD" else answer.body
        return b"%b%d\r\n%b\r\n%b" % (start, len(answer.body), more.encode("latin-1"), body)

    def _start(self, answer: Answer) -> bytes:
        reason = HTTPStatus(answer.status).phrase
        start = f"HTTP/1.1 {answer.status} {reason}\r\n{self._who}content-type: {answer.content_type}\r\n"
        start += f"date: {self._date}\r\ncontent-length: "
        self._starts[answer.status, answer.content_type] = encoded = start.encode("latin-1")
        return encoded
