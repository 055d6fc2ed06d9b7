"""Calls by gRPC through the gateway: a few callers, each with a connection of its own, and every call counted."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType

import grpc

from pilotage.transport.rpc.protos.inference_pb2 import ModelInferRequest

CALLERS = 4
PAUSE = 0.05  # seconds between two calls of a caller
PATIENCE = 30.0
INFER = "/inference.GRPCInferenceService/ModelInfer"


class Calls:
    """From the block's beginning to its end. `answered` is by the version that the answer's metadata name."""

    def __init__(self, gateway: str, host: str, model: str, bodies: Path) -> None:
        self.answered: Counter[str] = Counter()
        self.failed: list[str] = []
        self._target = f"ipv4:{socket.gethostbyname(gateway)}:80"
        self._host = host
        self._messages = [_message(model, line) for line in bodies.read_text().splitlines()]
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(CALLERS)]

    def __enter__(self) -> Calls:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """No more calls; those that are out end."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        own = [("grpc.use_local_subchannel_pool", 1), ("grpc.default_authority", self._host)]
        with grpc.insecure_channel(self._target, options=own) as channel:
            infer = channel.unary_unary(INFER, lambda message: message, bytes)
            number = 0
            while not self._stopped.wait(PAUSE):
                number += 1
                try:
                    _, call = infer.with_call(self._messages[number % len(self._messages)], timeout=PATIENCE)
                except grpc.RpcError as error:
                    with self._lock:
                        self.failed.append(f"{error.code()}: {error.details()}")
                else:
                    version = str(dict(call.initial_metadata())["pilotage-version"])
                    with self._lock:
                        self.answered[version] += 1


def _message(model: str, body: str) -> bytes:
    """A body of V2's REST as a message with typed contents; what is missing is NaN there."""
    (given,) = json.loads(body)["inputs"]
    message = ModelInferRequest(model_name=model)
    tensor = message.inputs.add(name=given["name"], datatype=given["datatype"], shape=given["shape"])
    tensor.contents.fp32_contents.extend(float("nan") if value is None else value for value in given["data"])
    return message.SerializeToString()
