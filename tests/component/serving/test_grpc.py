"""Clients that we did not write against the real server's gRPC port; and an end that loses no call."""

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from pilotage.bundle.format import DATATYPES
from pilotage.transport.rpc.protos.inference_pb2 import ModelInferResponse
from tests.component.serving import echo
from tests.component.serving.process import WAIT, Server
from tests.component.serving.rpc import INFER, Callers, address, metric, request

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton.InferenceServerClient]:
    """A client of a server that gives back what it gets."""
    bundle = echo.write(tmp_path_factory.mktemp("bundles") / "echo")
    arguments = ("--grpc-port", "0")
    with (
        Server(bundle, *arguments, PILOTAGE_DEPLOYMENT="parrot", PILOTAGE_VERSION="echo-v1") as server,
        triton.InferenceServerClient(address(server)) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def garden(flowers: Path) -> Iterator[Server]:
    """The flowers' model, with room for small requests only."""
    environment = {"PILOTAGE_DEPLOYMENT": "flowers", "PILOTAGE_VERSION": "iris-v3", "PILOTAGE_REVISION": "1a2b3c4d5e"}
    with Server(flowers, "--grpc-port", "0", "--max-body", "100000", **environment) as server:
        yield server


@pytest.fixture
def channel(garden: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(address(garden)) as opened:
        yield opened


def inputs() -> list[triton.InferInput]:
    given = []
    for word in DATATYPES:
        tensor = triton.InferInput(f"in_{word.lower()}", [2, 3], word)
        tensor.set_data_from_numpy(echo.values(word))
        given.append(tensor)
    return given


def check(result: triton.InferResult, words: list[str]) -> None:
    assert [output.name for output in result.get_response().outputs] == [f"out_{word.lower()}" for word in words]
    for word in words:
        wanted, found = echo.values(word), result.as_numpy(f"out_{word.lower()}")
        if word == "BYTES":
            found = np.array([text.decode() for text in found.ravel()], object).reshape(2, 3)
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype


def test_it_tells_what_is_served(parrot: triton.InferenceServerClient) -> None:
    assert parrot.is_server_live()
    assert parrot.is_server_ready()
    assert parrot.is_model_ready("parrot")
    assert parrot.is_model_ready("echo", "1")
    assert parrot.get_server_metadata().version == "echo-v1"
    metadata = parrot.get_model_metadata("echo", "1")
    assert (metadata.name, list(metadata.versions)) == ("echo", ["echo-v1"])
    assert [tensor.datatype for tensor in metadata.inputs] == list(DATATYPES)
    assert [list(tensor.shape) for tensor in metadata.outputs] == [[-1, 3]] * len(DATATYPES)


@pytest.mark.parametrize("packing", [None, "gzip"])
def test_every_datatype_goes_there_and_back(parrot: triton.InferenceServerClient, packing: str | None) -> None:
    for name in ("1", ""):
        result = parrot.infer("parrot", inputs(), request_id=name, compression_algorithm=packing)
        response = result.get_response()
        assert (response.id, response.model_name, response.model_version) == (name, "parrot", "echo-v1")
        check(result, list(DATATYPES))


def test_outputs_come_in_the_order_of_asking(parrot: triton.InferenceServerClient) -> None:
    words = list(DATATYPES)[::-2]
    asked = [triton.InferRequestedOutput(f"out_{word.lower()}") for word in words]
    check(parrot.infer("echo", inputs(), model_version="1", outputs=asked), words)


def test_a_call_may_be_asynchronous_and_have_parameters(parrot: triton.InferenceServerClient) -> None:
    done = threading.Event()
    got: list[object] = []

    def take(result: triton.InferResult, error: InferenceServerException | None) -> None:
        got.extend((error, result))
        done.set()

    parameters = {"a": 1, "b": True, "c": "d"}
    parrot.async_infer("parrot", inputs(), take, priority=3, parameters=parameters, client_timeout=WAIT)
    assert done.wait(WAIT)
    assert got[0] is None
    check(got[1], list(DATATYPES))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ({"inputs": []}, "INVALID_ARGUMENT", "input 'in_bool' is missing"),
        ({"model_name": "cockatoo"}, "NOT_FOUND", "model 'cockatoo' is not served here; this is parrot or echo"),
        ({"model_version": "2"}, "NOT_FOUND", "version '2' is not served here; this is echo-v1 or 1"),
        ({"outputs": [triton.InferRequestedOutput("out")]}, "INVALID_ARGUMENT", "output 'out' is unknown"),
        ({"outputs": [triton.InferRequestedOutput("out_bool", class_count=2)]}, "INVALID_ARGUMENT", "classification"),
        ({"timeout": 1}, "DEADLINE_EXCEEDED", "deadline passed"),
    ],
)
def test_refusals_reach_the_caller_as_sentences(
    parrot: triton.InferenceServerClient, arguments: dict[str, object], status: str, message: str
) -> None:
    with pytest.raises(InferenceServerException, match=message) as caught:
        parrot.infer(**({"model_name": "parrot", "inputs": inputs()} | arguments))
    assert caught.value.status() == f"StatusCode.{status}"


def test_what_is_not_offered_is_unimplemented(parrot: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="no such method") as caught:
        parrot.unload_model("parrot")
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"


def test_typed_contents_are_answered_typed_and_say_who_answered(channel: grpc.Channel) -> None:
    infer = channel.unary_unary(INFER, lambda message: message, ModelInferResponse.FromString)
    response, call = infer.with_call(request(rows=3), timeout=WAIT)
    assert (response.model_name, response.model_version) == ("iris", "iris-v3")
    assert list(response.outputs[0].contents.int64_contents) == [0, 0, 0]
    assert len(response.outputs[1].contents.fp32_contents) == 9
    assert not response.raw_output_contents
    metadata = dict(call.initial_metadata())
    assert (metadata["pilotage-version"], metadata["pilotage-revision"]) == ("iris-v3", "1a2b3c4d5e")


def test_an_error_says_who_answered_too(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(INFER)(b"\xff", timeout=WAIT)
    assert dict(caught.value.initial_metadata() or caught.value.trailing_metadata())["pilotage-version"] == "iris-v3"


def test_calls_are_counted_like_requests_over_http(garden: Server, channel: grpc.Channel) -> None:
    before = [metric(garden, f"pilotage_{name}") for name in ("requests_total", "request_duration_seconds_count")]
    infer = channel.unary_unary(INFER)
    infer(request(), timeout=WAIT)
    with pytest.raises(grpc.RpcError):
        infer(b"\xff", timeout=WAIT)
    after = [metric(garden, f"pilotage_{name}") for name in ("requests_total", "request_duration_seconds_count")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 2]
    assert metric(garden, "pilotage_requests_in_flight") == 0


@pytest.mark.parametrize("size", [100_001, 3_000_000])
def test_a_message_over_the_limit_is_refused_at_its_first_bytes(
    garden: Server, channel: grpc.Channel, size: int
) -> None:
    before = garden.resident()
    for _ in range(20):
        with pytest.raises(grpc.RpcError, match=f"{size} bytes; this server takes 100000") as caught:
            channel.unary_unary(INFER)(bytes(size), timeout=WAIT)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert garden.resident() - before < 8 << 20


def test_more_calls_at_a_time_than_streams_share_a_connection(garden: Server, channel: grpc.Channel) -> None:
    infer = channel.unary_unary(INFER, lambda message: message, ModelInferResponse.FromString)
    calls = [(1 + number % 3, infer.future(request(rows=1 + number % 3), timeout=WAIT)) for number in range(1000)]
    for rows, call in calls:
        if call.exception() is None:
            assert len(call.result().outputs[0].contents.int64_contents) == rows
        else:  # a busy machine may say so
            assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert int(dict(call.trailing_metadata())["grpc-retry-pushback-ms"]) >= 1000


def test_an_answer_larger_than_a_clients_window_comes_in_pieces(garden: Server) -> None:
    options = [("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0), ("grpc.http2.max_frame_size", 16384)]
    with grpc.insecure_channel(address(garden), options=options) as slow:
        infer = slow.unary_unary(INFER, lambda message: message, ModelInferResponse.FromString)
        for _ in range(3):
            response = infer(request(rows=5000), timeout=WAIT)
            assert len(response.outputs[1].contents.fp32_contents) == 15_000


def test_health_is_told(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "inference.GRPCInferenceService", "flowers", "iris"):
        assert health.Check(health_pb2.HealthCheckRequest(service=service), timeout=WAIT).status == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="weeds"), timeout=WAIT)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_gives_what_a_client_without_our_files_needs(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) >= {"inference.GRPCInferenceService", "grpc.health.v1.Health"}
    service = DescriptorPool(database).FindServiceByName("inference.GRPCInferenceService")
    assert service.methods_by_name["ModelInfer"].input_type.fields_by_name["raw_input_contents"].number == 7
    with pytest.raises(KeyError):
        database.FindFileContainingSymbol("inference.Nothing")


def test_a_server_that_is_told_to_end_under_load_loses_no_call(flowers: Path) -> None:
    serve = ("--grpc-port", "0", "--drain-seconds", "3")
    with (
        Server(flowers, *serve, PILOTAGE_REVISION="ends") as ends,
        Server(flowers, *serve, PILOTAGE_REVISION="stays") as stays,
    ):
        callers = Callers([address(ends), address(stays)])
        threads = [threading.Thread(target=callers.run) for _ in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: min(callers.answers["ends"], callers.answers["stays"]) >= 200)
        ends.signal(signal.SIGTERM)
        assert ends.exit_code() == 0
        after = callers.answers["stays"]
        until(lambda: callers.answers["stays"] >= after + 200)
        callers.stopped.set()
        for thread in threads:
            thread.join(WAIT)
    assert callers.lost == []
    assert "are cut" not in ends.log


def test_connections_end_by_age_and_lose_no_call(flowers: Path) -> None:
    with Server(flowers, "--grpc-port", "0", "--connection-seconds", "1") as server:
        callers = Callers([address(server)])
        threads = [threading.Thread(target=callers.run) for _ in range(4)]
        for thread in threads:
            thread.start()
        with grpc.insecure_channel(address(server)) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=WAIT)
            assert next(watch).status == SERVING
            with pytest.raises(grpc.RpcError, match="this connection ends"):  # after a second
                next(watch)
        before = callers.answers["local"]
        until(lambda: callers.answers["local"] >= before + 200)
        callers.stopped.set()
        for thread in threads:
            thread.join(WAIT)
    assert callers.lost == []


def test_who_watches_hears_that_it_ends_while_calls_go_on(flowers: Path) -> None:
    serve = ("--grpc-port", "0", "--drain-seconds", "3")
    with Server(flowers, *serve) as server, grpc.insecure_channel(address(server)) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=WAIT)
        assert next(watch).status == SERVING
        server.signal(signal.SIGTERM)
        assert next(watch).status == NOT_SERVING
        infer = channel.unary_unary(INFER, lambda message: message, ModelInferResponse.FromString)
        assert infer(request(), timeout=WAIT, wait_for_ready=True).outputs[0].contents.int64_contents == [0]
        server.signal(signal.SIGTERM)  # a second one does not hurt
        assert infer(request(), timeout=WAIT, wait_for_ready=True).outputs[0].contents.int64_contents == [0]
        assert server.exit_code() == 0


def test_without_the_port_nothing_of_grpc_is_loaded(flowers: Path) -> None:
    with Server(flowers) as server:
        maps = Path(f"/proc/{server.pid}/maps").read_text()
    assert "onnxruntime" in maps
    assert "google/_upb" not in maps


def until(reached: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(int(4 * WAIT / 0.05)):
        if reached():
            return
        waiting.wait(0.05)
    raise AssertionError("it did not come to that")
