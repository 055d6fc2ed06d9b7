"""V2's inference over HTTP: a body to a request of the model, and what it answers to a body."""

from __future__ import annotations

from math import ceil
from typing import Protocol

from pilotage.runtime.batch import Job
from pilotage.runtime.errors import Overloaded
from pilotage.runtime.part import Given
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.encoding import deflate, inflate
from pilotage.transport.errors import ProtocolError, worded
from pilotage.transport.http import BINARY, JSON, TENSORS, Answer, Request, refused
from pilotage.transport.inference import InferRequest
from pilotage.transport.log.payload import PayloadLog
from pilotage.transport.v2 import Codec

_WORTH_PACKING = 16 << 10  # bytes; below that gzip costs more time than the network does


class Client(Protocol):
    """Who asked."""

    def answered(self, request: Request, answer: Answer) -> None:
        """There is an answer to what was handed to the model."""


class Rest:
    """The one verb that needs the model."""

    def __init__(self, dataplane: Dataplane, payloads: PayloadLog, max_body: int) -> None:
        self.dataplane = dataplane
        self.version = dataplane.identity.version
        self.payloads = payloads
        self.codec = Codec(dataplane.contract)
        self._max_body = max_body
        self._busy: dict[int, Answer] = {}

    def infer(self, name: str, request: Request, client: Client) -> Answer | Call:
        """Hand a request to the model; the call ends with the client being told. Raises ProtocolError, or Refused,
        when the request is wrong."""
        arrived, body, wishes = request.arrived, request.body, request.head.wishes
        if wait := self.dataplane.overload(arrived):
            return self._turned_away(ceil(wait))
        if not (body or request.head.framed):
            raise ProtocolError(411, "the request does not say how long its body is; send Content-Length")
        if wishes.gzipped:
            body = inflate(body, self._max_body)
        wanted = self.codec.decode(body, wishes.json_length)
        seconds = wanted.timeout if wishes.seconds is None else min(wishes.seconds, wanted.timeout or wishes.seconds)
        deadline = None if seconds is None else arrived + seconds
        call = Call(
            wanted.inputs, arrived, deadline, rest=self, name=name, wanted=wanted, request=request, client=client
        )
        self.dataplane.submit(call)
        return call

    def _turned_away(self, seconds: int) -> Answer:
        """Made once: a server that has too much to do already has no time to write the same again and again."""
        answer = self._busy.get(seconds)
        if answer is None:
            answer = self._busy[seconds] = refused(worded(Overloaded(seconds)))
        return answer


class Call(Job, kw_only=True):
    """A request that the model has, by the `name` that it asked for."""

    rest: Rest
    name: str
    wanted: InferRequest
    request: Request
    client: Client

    def answered(self, given: Given, first: int) -> None:
        """Tell the client."""
        rest, wanted = self.rest, self.wanted
        try:
            body, json_length = rest.codec.encode(self.name, rest.version, wanted, given, first, self.rows)
        except Exception as error:
            self.failed(error)
            return
        if rest.payloads.on:
            rest.payloads.offer(wanted, given.part(first, self.rows))
        content_type = JSON
        headers: tuple[tuple[str, str], ...] = ()
        if json_length is not None:
            content_type, headers = BINARY, ((TENSORS, str(json_length)),)
        if len(body) > _WORTH_PACKING and self.request.head.wishes.takes_gzip:
            body = deflate(body)
            headers = (*headers, ("content-encoding", "gzip"))
        self.client.answered(self.request, Answer(200, body, content_type, headers, wanted))

    def failed(self, error: Exception) -> None:
        """Tell the client why there is no answer."""
        self.client.answered(self.request, refused(self.rest.dataplane.worded(error), self.wanted))
