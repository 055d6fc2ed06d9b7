"""One client's connection: requests in, answers out in the same order, and an end that loses neither."""

import asyncio
import random
from collections import deque
from time import monotonic
from typing import cast

from pilotage.runtime.metrics import Metrics
from pilotage.transport.errors import ProtocolError
from pilotage.transport.http import Answer, Request, Writer, refused
from pilotage.transport.limits import Limits
from pilotage.transport.log.access import AccessLog
from pilotage.transport.reader import Heads, RequestReader
from pilotage.transport.routes import Route, Routes, failed

_BUSY = ProtocolError(503, "this server has as many connections as it can hold; try again", ("retry-after", "1"))


class Shared:
    """What the connections of one server have in common."""

    def __init__(self, routes: Routes, metrics: Metrics, access: AccessLog, writer: Writer, limits: Limits) -> None:
        self.routes = routes
        self.metrics = metrics
        self.access = access
        self.writer = writer
        self.limits = limits
        self.heads = Heads()
        self.connections: set[Connection] = set()
        self.draining = False

    def tick(self) -> None:
        """Once a second: end what took too long. One sweep is cheaper than a timer for every request."""
        self.writer.tick()
        now = monotonic()
        for connection in [c for c in self.connections if c.deadline < now]:
            connection.expire(now)


class Connection(asyncio.Protocol):
    """Reads, has answered, writes. `deadline` is when the state that it is in has lasted too long."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._reader = RequestReader(shared.limits, shared.heads)
        self._pending: deque[Request] = deque()
        self._asking: Request | None = None  # the model has it; those behind it wait, since answers keep their order
        self._answering = False  # inside of _answer_pending
        self._write_paused = False  # the client does not read its answers
        self._read_paused = False
        self._ending = False  # the last answer is written
        self._client_done = False
        self.deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        now = monotonic()
        self.deadline = now + self._limits.unused_seconds
        self._old_at = now + self._limits.connection_seconds * random.uniform(0.8, 1.2)
        # Beyond the cap one is still told so, and probes are answered; beyond twice the cap there is only the door.
        self._surplus = len(self._shared.connections) >= self._limits.max_connections
        if len(self._shared.connections) >= 2 * self._limits.max_connections:
            self._transport.abort()
        self._shared.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._shared.connections.discard(self)
        self._drop_pending()

    def data_received(self, data: bytes) -> None:
        if self._ending or self._reader.refused:
            return  # read only so that no reset overtakes the last answer
        now = monotonic()
        known = self._reader.known(data, now)
        if known is None:
            self._read(data, now)
        elif self._owes or self._write_paused:
            self._add(known)
        else:  # what nearly every request of a busy server is
            self.deadline = now + self._limits.idle_seconds
            if known.head.route.infers:
                self._shared.metrics.in_flight += 1
            self._ask(known)
            return
        self._answer_pending()
        if self._reader.wants_continue and not self._ending and not self._owes:
            self._reader.wants_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read(self, data: bytes, now: float) -> None:
        phase = self._reader.phase
        for request in self._reader.feed(data, now):
            self._add(request)
        if self._reader.phase != phase:
            self._restart_clock(now)

    def eof_received(self) -> bool:
        self._client_done = True
        return self._owes and not self._ending  # true: still open for the answers

    def pause_writing(self) -> None:
        self._write_paused = True
        self._restart_clock(monotonic())

    def resume_writing(self) -> None:
        self._write_paused = False
        self._restart_clock(monotonic())
        self._answer_pending()

    def close_if_idle(self) -> None:
        """Close unless a request is on its way in or an answer on its way out."""
        if not (self._reader.in_message or self._owes or self._ending):
            self._transport.close()

    def expire(self, now: float) -> None:
        """End what it is doing, since `deadline` is over."""
        if self._ending or self._write_paused:
            self._transport.abort()
        elif self._reader.in_message:
            self._add(self._reader.give_up(now))
            self._answer_pending()
        else:
            self._transport.close()

    def _restart_clock(self, now: float) -> None:
        """Set the deadline of the state that it is in since now."""
        if self._write_paused:
            seconds = self._limits.body_seconds
        elif self._ending:
            seconds = self._limits.linger_seconds
        elif self._reader.in_message:
            seconds = self._limits.head_seconds if self._reader.in_head else self._limits.body_seconds
        else:
            seconds = self._limits.idle_seconds
        self.deadline = now + seconds

    @property
    def _owes(self) -> bool:
        """Whether a request that was read has no answer yet."""
        return self._asking is not None or bool(self._pending)

    def _add(self, request: Request) -> None:
        """Every head comes this way when it is read, and has its route from here on; a known one has it already."""
        head = request.head
        if head.route is None:
            head.route = self._shared.routes.of(head)
        if head.route.infers:
            self._shared.metrics.in_flight += 1
        self._pending.append(request)

    def _answer_pending(self) -> None:
        self._answering = True
        while self._pending and self._asking is None and not self._write_paused and not self._ending:
            self._ask(self._pending.popleft())
        self._answering = False
        if self._ending or self._transport.is_closing():
            return
        if self._client_done and not self._owes:
            self._end()
        elif self._pending and not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()
        elif not self._pending and self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()

    def _ask(self, request: Request) -> None:
        route: Route = request.head.route
        if self._surplus and route.infers:
            self._shared.metrics.shed("connections")
            self._answer(request, refused(_BUSY))
            return
        self._asking = request
        try:
            if request.refusal is not None:
                raise request.refusal
            answer = route.answer(request, self._answered, self._transport.is_closing)
        except Exception as error:
            answer = failed(request, error)
        if answer is not None:
            self._asking = None
            self._answer(request, answer)

    def _answered(self, answer: Answer) -> None:
        """The model's answer, in a later turn of the loop or at once."""
        request, self._asking = self._asking, None
        if request is None or self._transport.is_closing():
            return  # its client has left
        self._answer(request, answer)
        if not self._answering and (self._pending or self._client_done or self._read_paused):
            self._answer_pending()

    def _answer(self, request: Request, answer: Answer) -> None:
        now = monotonic()
        shared, head, arrived = self._shared, request.head, request.arrived
        close = not head.keep_alive or request.refusal is not None
        if shared.draining or self._surplus or arrived > self._old_at:  # a reason to end with a good answer
            close = close or not (self._pending or self._reader.in_message)
        self._transport.write(shared.writer.render(request, answer, close=close))
        if head.route.infers:
            seconds = now - arrived
            shared.metrics.answered(answer.status, seconds)
            shared.metrics.in_flight -= 1
            shared.access.answered(answer.status, seconds, "rest", answer.about, answer.error)
        if close:
            self._end()
        else:
            self._restart_clock(now)

    def _end(self) -> None:
        """Nothing more is answered: say so to the client, then wait for it to close first."""
        self._ending = True
        self._drop_pending()
        self._restart_clock(monotonic())
        if self._client_done:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()
        if self._read_paused and not self._transport.is_closing():
            self._read_paused = False
            self._transport.resume_reading()

    def _drop_pending(self) -> None:
        asking, self._asking = self._asking, None
        for request in (*self._pending, *((asking,) if asking else ())):
            if request.head.route.infers:
                self._shared.metrics.in_flight -= 1
        self._pending.clear()
