"""One client's connection: requests in, answers out in the same order, and an end that loses neither."""

import asyncio
import random
from collections import deque
from time import monotonic
from typing import cast

from pilotage.runtime.metrics import Metrics
from pilotage.transport.errors import ProtocolError
from pilotage.transport.http import NO_HEAD, Answer, Request, Writer, refused
from pilotage.transport.limits import Limits
from pilotage.transport.log.access import AccessLog
from pilotage.transport.reader import Heads, RequestReader
from pilotage.transport.rest import Call
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

    def drain(self) -> None:
        """The process is about to end: from now on answers close their connections."""
        self.draining = True
        self.routes.ready = False
        for connection in self.connections:
            connection.at_rest = False

    def tick(self) -> None:
        """Once a second: end what took too long. One sweep is cheaper than a timer for every request."""
        self.writer.tick()
        now = monotonic()
        for connection in [c for c in self.connections if c.deadline < now]:
            connection.expire(now)


class Connection(asyncio.Protocol):
    """Reads, has answered, writes.

    `at_rest`: nothing is half read, nobody waits but for the answer that is being made, and nothing but its age could
    end it. Then what comes next is answered by the shortest way. `deadline` is when the state that it is in has lasted
    too long.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._reader = RequestReader(shared.limits, shared.heads)
        self._usual = NO_HEAD  # what its client sends again and again
        self._pending: deque[Request] = deque()
        self._asking: Call | None = None  # the model has it; those behind it wait, since answers keep their order
        self._write_paused = False  # the client does not read its answers
        self._read_paused = False
        self._ending = False  # the last answer is written
        self._client_done = False
        self.at_rest = False
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
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._shared.connections.discard(self)
        self._drop_pending()

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        if self.at_rest and self._asking is None:
            head = self._usual
            if len(data) != head.whole or not data.startswith(head.text):
                head = self._usual = self._shared.heads.find(data)
            if head is not NO_HEAD:
                self.deadline = now + self._limits.idle_seconds
                if head.route.infers:
                    self._shared.metrics.in_flight += 1
                self._ask(Request(head, data[len(head.text) :], now))
                return
        self._read(data, now)

    def _read(self, data: bytes, now: float) -> None:
        if self._ending or self._reader.refused:
            return  # read only so that no reset overtakes the last answer
        phase = self._reader.phase
        for request in self._reader.feed(data, now):
            self._add(request)
        if self._reader.phase != phase:
            self._restart_clock(now)
        self._answer_pending()
        if self._reader.wants_continue and not self._ending and not self._owes:
            self._reader.wants_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def eof_received(self) -> bool:
        self._client_done = True
        self.at_rest = False
        return self._owes and not self._ending  # true: still open for the answers

    def pause_writing(self) -> None:
        self._write_paused = True
        self.at_rest = False
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
        while self._pending and self._asking is None and not self._write_paused and not self._ending:
            self._ask(self._pending.popleft())
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
        self._settle()

    def _settle(self) -> None:
        busy = self._pending or self._read_paused or self._write_paused or self._reader.in_message
        last = self._reader.refused or self._client_done or self._ending or self._surplus or self._shared.draining
        self.at_rest = not (busy or last)

    def _ask(self, request: Request) -> None:
        route: Route = request.head.route
        if self._surplus and route.infers:
            self._shared.metrics.shed("connections")
            self._answer(request, refused(_BUSY))
            return
        try:
            if request.refusal is not None:
                raise request.refusal
            answer = route.answer(request, self)
        except Exception as error:
            answer = failed(request, error)
        if isinstance(answer, Answer):
            self._answer(request, answer)
        else:
            self._asking = answer

    def answered(self, request: Request, answer: Answer) -> None:
        """The model's answer, in a later turn of the loop."""
        if self.at_rest and request.head.keep_alive and request.arrived <= self._old_at:
            self._asking = None
            self._transport.write(self._shared.writer.render(request.head, answer, close=False))
            self._count(answer, monotonic() - request.arrived)
        elif not self._transport.is_closing():  # else its client has left, and is still to be counted as that
            self._asking = None
            self._answer(request, answer)
            self._answer_pending()

    def _answer(self, request: Request, answer: Answer) -> None:
        now = monotonic()
        shared, head = self._shared, request.head
        close = not head.keep_alive or request.refusal is not None
        if shared.draining or self._surplus or request.arrived > self._old_at:  # a reason to end with a good answer
            close = close or not (self._pending or self._reader.in_message)
        self._transport.write(shared.writer.render(head, answer, close=close))
        if head.route.infers:
            self._count(answer, now - request.arrived)
        if close:
            self._end()
        else:
            self._restart_clock(now)

    def _count(self, answer: Answer, seconds: float) -> None:
        shared = self._shared
        shared.metrics.in_flight -= 1
        shared.metrics.answered(answer.status, seconds)
        shared.access.answered(answer.status, seconds, "rest", answer.about, answer.error)

    def _end(self) -> None:
        """Nothing more is answered: say so to the client, then wait for it to close first."""
        self._ending = True
        self.at_rest = False
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
        if asking is not None:
            asking.gone = True
            self._shared.metrics.in_flight -= 1
        for request in self._pending:
            if request.head.route.infers:
                self._shared.metrics.in_flight -= 1
        self._pending.clear()
