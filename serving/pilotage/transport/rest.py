"""V2's inference over HTTP: a body to a request of the model, and what it answers to a body."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil

from pilotage.runtime.errors import Overloaded
from pilotage.runtime.part import Outcome
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.encoding import deflate, inflate
from pilotage.transport.errors import ProtocolError, worded
from pilotage.transport.http import BINARY, JSON, TENSORS, Answer, Request, Wishes, refused
from pilotage.transport.inference import InferRequest
from pilotage.transport.log.payload import PayloadLog
from pilotage.transport.v2 import Codec

_WORTH_PACKING = 16 << 10  # bytes; below that gzip costs more time than the network does


class Rest:
    """The one verb that needs the model."""

    def __init__(self, dataplane: Dataplane, payloads: PayloadLog, max_body: int) -> None:
        self._dataplane = dataplane
        self._payloads = payloads
        self._codec = Codec(dataplane.contract)
        self._max_body = max_body
        self._busy: dict[int, Answer] = {}

    def infer(
        self, name: str, request: Request, reply: Callable[[Answer], None], gone: Callable[[], bool]
    ) -> Answer | None:
        """Hand a request to the model; `reply` is called with the answer. Raises ProtocolError when it is wrong."""
        if wait := self._dataplane.overload(request.arrived):
            return self._turned_away(ceil(wait))
        wishes, body = request.head.wishes, request.body
        if not (body or request.head.framed):
            raise ProtocolError(411, "the request does not say how long its body is; send Content-Length")
        if wishes.gzipped:
            body = inflate(body, self._max_body)
        wanted = self._codec.decode(body, wishes.json_length)
        seconds = wanted.timeout if wishes.seconds is None else min(wishes.seconds, wanted.timeout or wishes.seconds)
        deadline = None if seconds is None else request.arrived + seconds
        told = partial(self._told, name, wanted, wishes, reply)
        self._dataplane.infer(wanted, told, request.arrived, deadline, gone)
        return None

    def _turned_away(self, seconds: int) -> Answer:
        """Made once: a server that has too much to do already has no time to write the same again and again."""
        answer = self._busy.get(seconds)
        if answer is None:
            answer = self._busy[seconds] = refused(worded(Overloaded(seconds)))
        return answer

    def _told(
        self, name: str, wanted: InferRequest, wishes: Wishes, reply: Callable[[Answer], None], outcome: Outcome
    ) -> None:
        try:
            if isinstance(outcome, Exception):
                raise outcome
            body, json_length = self._codec.encode(name, self._dataplane.identity.version, wanted, outcome)
        except Exception as error:
            reply(refused(self._dataplane.worded(error), wanted))
            return
        self._payloads.offer(wanted, outcome)
        headers = [] if json_length is None else [(TENSORS, str(json_length))]
        if wishes.takes_gzip and len(body) > _WORTH_PACKING:
            body = deflate(body)
            headers.append(("content-encoding", "gzip"))
        reply(Answer(200, body, JSON if json_length is None else BINARY, tuple(headers), wanted))
