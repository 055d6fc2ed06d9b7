"""The real server's gRPC port, and calls to it that are counted."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass, field

import grpc

from pilotage.transport.rpc.protos.inference_pb2 import ModelInferRequest, ModelInferResponse
from tests.component.serving.process import WAIT, Server

INFER = "/inference.GRPCInferenceService/ModelInfer"
FLOWER = [5.1, 3.5, 1.4, 0.2]


def address(server: Server) -> str:
    """Where a server that was started with --grpc-port answers."""
    found = re.search(r"gRPC on \S+?:(\d+)", server.log)
    assert found, server.log
    return f"127.0.0.1:{found[1]}"


def request(rows: int = 1) -> bytes:
    """An inference of the flowers' model, its contents typed."""
    message = ModelInferRequest(model_name="iris")
    given = message.inputs.add(name="input", datatype="FP32", shape=[rows, 4])
    given.contents.fp32_contents.extend(FLOWER * rows)
    return message.SerializeToString()


def metric(server: Server, start: str) -> float:
    """The sum of the samples whose lines start so."""
    lines = server.ask("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(start))


@dataclass
class Callers:
    """Threads that call without a pause, each on a channel of its own; every call is counted.

    A client of gRPC sends again by itself what a server says that it has not looked at, and nothing else.
    """

    addresses: list[str]
    answers: Counter[str] = field(default_factory=Counter)  # by revision
    lost: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """One caller's whole life."""
        # A pool of its own for each channel: else all of them share one connection.
        options = [("grpc.use_local_subchannel_pool", 1)]
        target = f"ipv4:{','.join(self.addresses)}"
        policy = ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}')
        with grpc.insecure_channel(target, options=[*options, policy]) as channel:
            infer = channel.unary_unary(INFER, lambda message: message, ModelInferResponse.FromString)
            while not self.stopped.is_set():
                try:
                    response, call = infer.with_call(request(), timeout=WAIT, wait_for_ready=True)
                except grpc.RpcError as error:
                    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                        continue  # an answer too, on a busy machine
                    with self._lock:
                        self.lost.append(f"{error.code()}: {error.details()}")
                    continue
                revision = str(dict(call.initial_metadata())["pilotage-revision"])
                with self._lock:
                    self.answers[revision] += 1
                    if list(response.outputs[0].contents.int64_contents) != [0]:
                        self.lost.append("a wrong answer")
