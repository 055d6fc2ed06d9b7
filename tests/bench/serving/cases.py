"""What is asked of whom: a model, a form of request, and the servers that answer it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """`form` is json, binary or grpc. `bare` adds the model alone, in a loop, as the limit of any server."""

    title: str
    model: str
    form: str
    contenders: tuple[str, ...]
    limit: bool = False


CASES = {
    "iris": Case(
        "REST, JSON: iris, logistic regression",
        "iris-lr",
        "json",
        ("pilotage", "mlserver", "mlserver-onnx", "kserve", "asgi"),
        limit=True,
    ),
    "boosting": Case(
        "REST, JSON: iris, gradient boosting",
        "iris-gb",
        "json",
        ("pilotage", "mlserver", "mlserver-onnx", "kserve", "asgi"),
        limit=True,
    ),
    "mlp": Case(
        "REST, JSON: network 784-512-512-10",
        "mlp",
        "json",
        ("pilotage", "mlserver-onnx", "kserve", "asgi"),
        limit=True,
    ),
    "mlp-binary": Case(
        "REST, binary tensors: network 784-512-512-10",
        "mlp",
        "binary",
        ("pilotage", "kserve", "asgi"),
        limit=True,
    ),
    "grpc": Case(
        "gRPC, raw contents: iris, logistic regression",
        "iris-lr",
        "grpc",
        ("pilotage-grpc", "mlserver", "mlserver-onnx", "kserve"),
        limit=True,
    ),
    "grpc-mlp": Case(
        "gRPC, raw contents: network 784-512-512-10",
        "mlp",
        "grpc",
        ("pilotage-grpc", "mlserver-onnx", "kserve"),
        limit=True,
    ),
    "metrics": Case(
        "What metrics and drift cost: 30 features, REST, JSON",
        "tumour",
        "json",
        ("pilotage", "pilotage-bare"),
    ),
}

QUICK = ("iris", "mlp", "metrics")
"""Enough to see whether a change helped."""
