"""`inference.GRPCInferenceService`: V2's verbs, thin over the dataplane."""

from __future__ import annotations

from time import monotonic
from typing import Any

from pilotage.runtime.batch import Job
from pilotage.runtime.errors import Overloaded
from pilotage.runtime.metrics import Metrics
from pilotage.runtime.part import Given, Part
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.errors import ProtocolError, shown
from pilotage.transport.inference import InferRequest
from pilotage.transport.log.logs import Logs
from pilotage.transport.rpc.call import Call, Method
from pilotage.transport.rpc.codec import Codec
from pilotage.transport.rpc.health import Health
from pilotage.transport.rpc.messages import parsed
from pilotage.transport.rpc.protos import inference_pb2 as pb

SERVICE = "inference.GRPCInferenceService"


class InferenceService:
    """Answers for one model."""

    def __init__(self, dataplane: Dataplane, metrics: Metrics, health: Health, logs: Logs | None) -> None:
        self.dataplane = dataplane
        self.metrics = metrics
        self.logs = logs
        self.codec = Codec(dataplane.contract)
        self._health = health

    def methods(self) -> dict[str, Method]:
        """By name."""
        return {
            "ServerLive": Method(lambda call, _: _reply(call, pb.ServerLiveResponse(live=True))),
            "ServerReady": Method(lambda call, _: _reply(call, pb.ServerReadyResponse(ready=self._health.serving))),
            "ModelReady": Method(self._model_ready),
            "ServerMetadata": Method(self._server_metadata),
            "ModelMetadata": Method(self._model_metadata),
            "ModelInfer": Method(self._infer),
        }

    def _model_ready(self, call: Call, message: bytes) -> None:
        request = parsed(pb.ModelReadyRequest, message)
        self._check_model(request.name, request.version)
        _reply(call, pb.ModelReadyResponse(ready=self._health.serving))

    def _server_metadata(self, call: Call, message: bytes) -> None:
        _reply(call, pb.ServerMetadataResponse(**self.dataplane.server_metadata()))

    def _model_metadata(self, call: Call, message: bytes) -> None:
        request = parsed(pb.ModelMetadataRequest, message)
        self._check_model(request.name, request.version)
        _reply(call, pb.ModelMetadataResponse(**self.dataplane.model_metadata(request.name)))

    def _infer(self, call: Call, message: bytes) -> None:
        """Counted like the same request over HTTP: not when it is for a model that is not served here."""
        inference = Inference(self, call)
        try:
            if wait := self.dataplane.overload(call.arrived):
                raise Overloaded(wait)
            inference.start(*(self.codec.known.read(message) or self._parsed(message)))
        except Exception as error:
            inference.refuse(self.dataplane.worded(error))

    def _parsed(self, message: bytes) -> tuple[str, InferRequest]:
        sent = parsed(pb.ModelInferRequest, message)
        self._check_model(sent.model_name, sent.model_version)
        request = self.codec.decode(sent)
        self.codec.known.remember(message, sent.model_name, request)
        return sent.model_name, request

    def _check_model(self, name: str, version: str) -> None:
        if name not in self.dataplane.names:
            served = " or ".join(dict.fromkeys(self.dataplane.names))
            raise ProtocolError(404, f"model {shown(name)} is not served here; this is {served}")
        if version and version not in self.dataplane.versions:
            served = " or ".join(dict.fromkeys(self.dataplane.versions))
            raise ProtocolError(404, f"version {shown(version)} is not served here; this is {served}")


class Inference:
    """One ModelInfer, from its message to its answer."""

    __slots__ = ("_asked", "_call", "_service")

    def __init__(self, service: InferenceService, call: Call) -> None:
        self._service = service
        self._call = call
        self._asked: _Asked | None = None
        service.metrics.in_flight += 1
        call.on_over = self._left

    def start(self, model: str, request: InferRequest) -> None:
        """Hand it to the model. Raises what is wrong with it."""
        call = self._call
        deadline = call.deadline
        if request.timeout is not None:
            end = call.arrived + request.timeout
            deadline = end if deadline is None else min(end, deadline)
        self._asked = _Asked(request.inputs, call.arrived, deadline, inference=self, model=model, request=request)
        self._service.dataplane.submit(self._asked)

    def refuse(self, told: ProtocolError) -> None:
        """There is no answer but this."""
        self._call.fail(told)
        self._done(told.status, told.message)

    def answered(self, asked: _Asked, part: Part) -> None:
        """The model's answer."""
        service, request = self._service, asked.request
        try:
            version = service.dataplane.identity.version
            self._call.reply(service.codec.encode(asked.model, version, request, part))
        except Exception as error:
            self.failed(error)
            return
        self._done(200)
        if service.logs is not None and service.logs.payloads.on:
            service.logs.payloads.offer(request, part)

    def failed(self, error: Exception) -> None:
        """The model has none."""
        self.refuse(self._service.dataplane.worded(error))

    def _done(self, code: int, error: str = "") -> None:
        service = self._service
        service.metrics.in_flight -= 1
        if code == 404:
            return
        seconds = monotonic() - self._call.arrived
        service.metrics.answered(code, seconds)
        if service.logs is not None:
            request = self._asked.request if self._asked else None
            service.logs.access.answered(code, seconds, "grpc", request, error)

    def _left(self) -> None:
        self._service.metrics.in_flight -= 1
        if self._asked is not None:
            self._asked.gone = True


class _Asked(Job, kw_only=True):
    """What the model has of it."""

    inference: Inference
    model: str
    request: InferRequest

    def answered(self, given: Given, first: int) -> None:
        self.inference.answered(self, given.part(first, self.rows))

    def failed(self, error: Exception) -> None:
        self.inference.failed(error)


def _reply(call: Call, message: Any) -> None:
    call.reply(message.SerializeToString())
