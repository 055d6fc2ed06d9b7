"""HTTP requests and answers as values, and the bytes of an answer."""

from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from pilotage.runtime.identity import Identity
from pilotage.transport.errors import ProtocolError

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole; or one that was refused before that, with the error that it gets."""

    method: str
    path: str
    body: bytes
    framed: bool  # it said how long its body is
    http_1_0: bool
    keep_alive: bool
    arrived: float  # monotonic seconds, when its last byte was read
    refusal: ProtocolError | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `headers` are those that only this answer has."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def refused(error: ProtocolError, *headers: tuple[str, str]) -> Answer:
    """The answer that an error is."""
    return Answer(error.status, error.body(), headers=headers)


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
        self._starts: dict[tuple[int, str], str] = {}
        self._date = ""
        self.tick()

    def tick(self) -> None:
        """Once a second: the Date header is not worth formatting for every answer."""
        self._date = formatdate(usegmt=True)

    def render(self, request: Request, answer: Answer, *, close: bool) -> bytes:
        """The answer to `request`, with what the client must know about its connection."""
        key = (answer.status, answer.content_type)
        start = self._starts.get(key)
        if start is None:
            reason = HTTPStatus(answer.status).phrase
            start = f"HTTP/1.1 {answer.status} {reason}\r\n{self._who}content-type: {answer.content_type}\r\n"
            self._starts[key] = start
        head = f"{start}date: {self._date}\r\ncontent-length: {len(answer.body)}\r\n"
        if close:
            head += "connection: close\r\n"
        elif request.http_1_0:  # 1.0 closes unless told otherwise
            head += "connection: keep-alive\r\n"
        for name, value in answer.headers:
            head += f"{name}: {value}\r\n"
        body = b"" if request.method == "HEAD" else answer.body
        return head.encode("latin-1") + b"\r\n" + body
