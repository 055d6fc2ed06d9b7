"""Calls over a connection that only remembers: framing, deadlines, errors, and what is counted of them."""

import gzip
from collections.abc import Callable
from time import monotonic
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import BundleDocument, Contract, Tensor
from pilotage.runtime.batch import Batcher
from pilotage.runtime.errors import RunError
from pilotage.runtime.identity import Identity
from pilotage.runtime.metrics import Metrics
from pilotage.runtime.model import Model
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.errors import ProtocolError
from pilotage.transport.http2 import hpack
from pilotage.transport.http2.frames import END_HEADERS, END_STREAM, Kind, frame
from pilotage.transport.limits import Limits
from pilotage.transport.rpc.call import seconds_of
from pilotage.transport.rpc.messages import framed
from pilotage.transport.rpc.protos.health_pb2 import HealthCheckRequest, HealthCheckResponse
from pilotage.transport.rpc.protos.inference_pb2 import ModelInferRequest, ModelInferResponse, ModelReadyRequest
from pilotage.transport.rpc.server import GrpcServer
from pilotage.transport.rpc.status import Status, percent
from tests.unit.serving.wire import Frame, Wire

LIMITS = Limits(max_body=1000, connection_seconds=60, max_connections=3)
CONTRACT = Contract((Tensor("x", "FP32", (-1,)),), (Tensor("y", "FP32", (-1,)),))
INFER = b"/inference.GRPCInferenceService/ModelInfer"
READY = b"/inference.GRPCInferenceService/ModelReady"
CHECK = b"/grpc.health.v1.Health/Check"
WATCH = b"/grpc.health.v1.Health/Watch"
REFLECT = b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


class FakeSession:
    """A model that gives back what it gets, or fails."""

    error: Exception | None = None

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        return {"y": inputs["x"]}


class Stage:
    """A server whose model runs when the test says so, and one client of it."""

    def __init__(self) -> None:
        self.session = FakeSession()
        self.turns: list[Callable[[], object]] = []
        identity = Identity("m", "1", "m", "1", "local", 0)
        self.metrics = Metrics(identity, {})
        one = {"x": np.ones(1, dtype=np.float32)}
        model = Model(self.session, CONTRACT, self.metrics, [one])  # type: ignore[arg-type]
        batcher = Batcher(model, self.metrics, self.turns.append, self.turns.append)
        dataplane = Dataplane(identity, BundleDocument("m", "1", CONTRACT, {}, {}), batcher)
        self.server = GrpcServer(dataplane, self.metrics, LIMITS)
        self.wire = Wire(self.server._shared)

    def run(self) -> None:
        while self.turns:
            self.turns.pop(0)()

    def ask(self, stream: int, body: bytes, path: bytes = INFER, **fields: bytes) -> None:
        self.wire.ask(stream, body, head(path, **fields))

    def answer(self) -> tuple[dict[bytes, bytes], list[bytes]]:
        """What one call got: the fields of its begin and its end, and its messages."""
        fields: dict[bytes, bytes] = {}
        data = b""
        for got in self.wire.read():
            if got.kind is Kind.HEADERS:
                fields |= self.wire.fields(got)
            elif got.kind is Kind.DATA:
                data += got.payload
        messages = []
        while data:
            size = 5 + int.from_bytes(data[1:5], "big")
            messages.append(data[5:size])
            data = data[size:]
        return fields, messages

    def count(self, sample: str) -> float:
        lines = self.metrics.render().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if sample in line and not line.startswith("#"))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def head(path: bytes = INFER, **fields: bytes) -> list[hpack.Field]:
    usual = {b"content-type": b"application/grpc", b"te": b"trailers"}
    own = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    pseudo = {b":method": b"POST", b":scheme": b"http", b":path": path, b":authority": b"x"}
    return list((pseudo | usual | own).items())


def infer(*values: float, **more: Any) -> bytes:
    sent = ModelInferRequest(model_name="m", **more)
    sent.inputs.add(name="x", datatype="FP32", shape=[len(values)])
    sent.raw_input_contents.append(np.array(values, np.float32).tobytes())
    return framed(sent.SerializeToString())


def test_an_inference_is_answered_once_the_model_has_run(stage: Stage) -> None:
    stage.ask(1, infer(1, 2))
    assert stage.metrics.in_flight == 1
    assert stage.wire.read() == []
    stage.run()
    fields, (message,) = stage.answer()
    assert fields[b":status"] == b"200"
    assert fields[b"grpc-status"] == b"0"
    assert (fields[b"pilotage-version"], fields[b"pilotage-revision"]) == (b"1", b"local")
    response = ModelInferResponse.FromString(message)
    assert (response.model_name, response.model_version) == ("m", "1")
    assert np.frombuffer(response.raw_output_contents[0], np.float32).tolist() == [1, 2]
    assert stage.metrics.in_flight == 0
    assert stage.count('code="200"') == 1
    assert stage.count("request_duration_seconds_count") == 1


def test_calls_of_one_poll_share_a_call_of_the_model(stage: Stage) -> None:
    for stream in (1, 3, 5):
        stage.ask(stream, infer(stream))
    assert len(stage.turns) == 1
    stage.run()
    ends = [f.stream for f in stage.wire.read() if f.flags & END_STREAM]
    assert ends == [1, 3, 5]


@given(st.lists(st.integers(1, 60), max_size=8), st.integers(0, 3))
def test_messages_come_in_any_pieces(sizes: list[int], more: int) -> None:
    stage = Stage()
    body = infer(*range(more + 1))
    stage.wire.send(frame(Kind.HEADERS, END_HEADERS, 1, hpack.encode(head())))
    for size in sizes:
        stage.wire.send(frame(Kind.DATA, 0, 1, body[:size]))
        body = body[size:]
    stage.wire.send(frame(Kind.DATA, END_STREAM, 1, body))
    stage.run()
    fields, messages = stage.answer()
    assert (fields[b"grpc-status"], len(messages)) == (b"0", 1)


def test_a_packed_message_is_unpacked(stage: Stage) -> None:
    packed = gzip.compress(infer(1)[5:])
    stage.ask(1, b"\1" + len(packed).to_bytes(4, "big") + packed, grpc_encoding=b"gzip")
    stage.run()
    assert stage.answer()[0][b"grpc-status"] == b"0"


BOMB = gzip.compress(bytes(100_000))
REFUSALS = {
    "no message": (b"", {}, Status.INVALID_ARGUMENT, "has no message"),
    "half a message": (infer(1)[:-1], {}, Status.INVALID_ARGUMENT, "ends in the middle"),
    "two messages": (infer(1) * 2, {}, Status.INVALID_ARGUMENT, "two messages"),
    "too large": (framed(bytes(1001)), {}, Status.RESOURCE_EXHAUSTED, "1001 bytes; this server takes 1000"),
    "packed, it does not say how": (b"\1" + infer(1)[1:], {}, Status.INVALID_ARGUMENT, "send grpc-encoding"),
    "a flag that is none": (b"\2" + infer(1)[1:], {}, Status.INVALID_ARGUMENT, "neither 0 nor 1"),
    "packed in another way": (infer(1), {"grpc_encoding": b"snappy"}, Status.UNIMPLEMENTED, "takes gzip"),
    "unpacks to too much": (b"\1" + len(BOMB).to_bytes(4, "big") + BOMB, {"grpc_encoding": b"gzip"},
                            Status.RESOURCE_EXHAUSTED, "more than 1000 bytes"),
    "a timeout that is none": (infer(1), {"grpc_timeout": b"soon"}, Status.INVALID_ARGUMENT, "eight digits"),
    "no protobuf": (framed(b"\xff\xff"), {}, Status.INVALID_ARGUMENT, "is not a inference.ModelInferRequest"),
    "another model": (framed(ModelInferRequest(model_name="n").SerializeToString()), {}, Status.NOT_FOUND,
                      "model 'n' is not served here; this is m"),
    "another version": (infer(1, model_version="9"), {}, Status.NOT_FOUND, "version '9' is not served here; this is 1"),
    "a method that is none": (infer(1), {"path": b"/inference.GRPCInferenceService/RepositoryModelLoad"},
                              Status.UNIMPLEMENTED, "no such method"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "more", "status", "message"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_wrong_is_said(stage: Stage, body: bytes, more: dict[str, bytes], status: Status, message: str) -> None:
    stage.ask(1, body, **more)
    stage.run()
    fields, messages = stage.answer()
    assert fields[b"grpc-status"].decode() == str(int(status))
    assert message in fields[b"grpc-message"].decode()
    assert fields[b"pilotage-revision"] == b"local"
    assert not messages
    assert stage.metrics.in_flight == 0


def test_what_comes_after_a_refusal_is_passed_over(stage: Stage) -> None:
    stage.wire.send(frame(Kind.HEADERS, END_HEADERS, 1, hpack.encode(head())))
    stage.wire.send(frame(Kind.DATA, 0, 1, framed(bytes(2000))[:1500]))
    assert stage.answer()[0][b"grpc-status"] == b"8"
    stage.wire.send(frame(Kind.DATA, END_STREAM, 1, bytes(500)))
    assert stage.wire.read() == []


@pytest.mark.parametrize(
    ("fields", "status"), [({"content_type": b"text/html"}, b"415"), ({"content_type": b""}, b"415")]
)
def test_what_is_no_grpc_gets_an_answer_of_http(stage: Stage, fields: dict[str, bytes], status: bytes) -> None:
    stage.ask(1, infer(1), **fields)
    assert stage.answer()[0][b":status"] == status


def test_a_get_is_told_to_post(stage: Stage) -> None:
    stage.wire.ask(1, b"", [(b":method", b"GET"), *head()[1:]])
    assert stage.answer()[0] == {b":status": b"405", b"allow": b"POST"}


def test_a_deadline_that_passes_before_the_model_runs(stage: Stage) -> None:
    for stream, body, fields in (
        (1, infer(1), {"grpc_timeout": b"0m"}),
        (3, infer(1, parameters={"timeout": {"int64_param": 1}}), {"grpc_timeout": b"1H"}),
    ):
        stage.ask(stream, body, **fields)
        stage.run()
        assert stage.answer()[0][b"grpc-status"] == b"4"
    assert stage.count('code="504"') == 2


def test_a_deadline_that_is_far_changes_nothing(stage: Stage) -> None:
    stage.ask(1, infer(1, parameters={"timeout": {"int64_param": 10**10}}), grpc_timeout=b"99999999H")
    stage.run()
    assert stage.answer()[0][b"grpc-status"] == b"0"


@pytest.mark.parametrize(
    ("timeout", "seconds"), [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 4e-3), (b"5u", 5e-6), (b"6n", 6e-9)]
)
def test_timeouts_have_units(timeout: bytes, seconds: float) -> None:
    assert seconds_of(timeout) == pytest.approx(seconds)


@pytest.mark.parametrize("timeout", [b"", b"S", b"1", b"1s", b"123456789S", b"-1S", b"1.5S"])
def test_what_is_no_timeout_is_refused(timeout: bytes) -> None:
    with pytest.raises(ProtocolError):
        seconds_of(timeout)


def test_a_client_that_leaves_is_no_answer(stage: Stage) -> None:
    stage.ask(1, infer(1))
    stage.wire.send(frame(Kind.RST_STREAM, 0, 1, bytes(4)))
    assert stage.metrics.in_flight == 0
    stage.run()
    assert stage.wire.read() == []
    assert stage.count("requests_total") == 0


def test_a_model_that_fails_says_no_more_than_that(stage: Stage) -> None:
    stage.session.error = RunError("cannot open /bundle/secret")
    stage.ask(1, infer(1))
    stage.run()
    fields, _ = stage.answer()
    assert fields[b"grpc-status"] == b"13"
    assert b"/bundle" not in fields[b"grpc-message"]
    assert stage.count('code="500"') == 1


def test_a_request_for_another_model_is_not_counted(stage: Stage) -> None:
    stage.ask(1, framed(ModelInferRequest(model_name="n").SerializeToString()))
    assert (stage.count("requests_total"), stage.metrics.in_flight) == (0, 0)


def test_an_overload_says_when_to_come_back(stage: Stage) -> None:
    told = ProtocolError(429, "too many", ("retry-after", "2"))
    block = stage.server._terms.endings.of(told, begun=False)
    fields = stage.wire.fields(Frame(Kind.HEADERS, 0, 1, block.block))
    assert (fields[b"grpc-status"], fields[b"grpc-retry-pushback-ms"]) == (b"8", b"2000")
    assert b":status" not in stage.wire.fields(
        Frame(Kind.HEADERS, 0, 1, stage.server._terms.endings.of(told, begun=True).block)
    )


@given(st.text(max_size=3000))
def test_a_message_stands_in_a_header_whatever_it_says(message: str) -> None:
    coded = percent(message)
    assert all(0x20 <= byte < 0x7F for byte in coded)
    assert len(coded) <= 2000
    whole, found = message.encode("utf-8", "replace"), unquote_to_bytes(coded)
    assert whole.startswith(found)
    assert len(found) == len(whole) or len(coded) > 1990


def test_health_is_watched(stage: Stage) -> None:
    stage.ask(1, framed(HealthCheckRequest(service="").SerializeToString()), WATCH)
    stage.ask(3, framed(HealthCheckRequest(service="m").SerializeToString()), WATCH)
    stage.ask(5, framed(HealthCheckRequest(service="nobody").SerializeToString()), WATCH)
    assert statuses(stage) == [HealthCheckResponse.SERVING] * 2 + [HealthCheckResponse.SERVICE_UNKNOWN]
    stage.wire.send(frame(Kind.RST_STREAM, 0, 3, bytes(4)))
    stage.server._health.stop()
    assert statuses(stage) == [HealthCheckResponse.NOT_SERVING]
    stage.ask(7, framed(ModelReadyRequest(name="m").SerializeToString()), READY)
    assert stage.answer()[1] == [b""]  # not ready


def test_who_watches_is_let_go_with_the_connection(stage: Stage) -> None:
    stage.ask(1, framed(HealthCheckRequest().SerializeToString()), WATCH)
    stage.wire.read()
    stage.wire.connection.begin_end()
    stage.wire.read()
    stage.wire.connection.tick(monotonic() + 2)
    assert stage.answer()[0][b"grpc-status"] == b"14"
    assert not stage.server._health._watching


@given(st.binary(max_size=200), st.sampled_from([INFER, READY, CHECK, REFLECT]))
def test_fuzz_whatever_the_body_there_is_one_end(body: bytes, path: bytes) -> None:
    stage = Stage()
    stage.ask(1, body, path)
    stage.run()
    ends = [f for f in stage.wire.read() if f.flags & END_STREAM and f.kind is Kind.HEADERS]
    assert len(ends) == 1
    assert stage.metrics.in_flight == 0


def statuses(stage: Stage) -> list[Any]:
    return [HealthCheckResponse.FromString(message).status for message in stage.answer()[1]]
