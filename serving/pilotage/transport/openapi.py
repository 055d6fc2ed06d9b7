"""The server's HTTP interface as an OpenAPI document, made for one contract: its names, its tensors, its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pilotage.bundle.format import Contract
from pilotage.transport.schemas import example, infer_request, infer_response

Document = dict[str, Any]

_ERRORS = {
    "400": "The request is wrong; the sentence says what and where.",
    "404": "There is no such path, model or version here.",
    "405": "The path has other methods; `Allow` names them.",
    "408": "The request took too long to arrive.",
    "411": "The request does not say how long its body is.",
    "413": "The body is larger than this server takes.",
    "415": "The body has an encoding that this server does not read.",
    "429": "More requests came than the model can answer in time; `Retry-After` says when to try again.",
    "431": "The request's line or headers are too large.",
    "500": "The model failed, or its answer is not finite.",
    "503": "The server ends, or has as many connections as it can hold.",
    "504": "The deadline passed before the model ran.",
}
_READING = ("400", "404", "405", "408", "411", "413", "431", "500", "503")
_BINARY = (
    "Tensors can be sent and answered as raw bytes instead: see V2's binary tensor extension. The first bytes of the "
    "body, as many as `Inference-Header-Content-Length` says, are this JSON; the tensors follow in its order. An input "
    "has `parameters.binary_data_size` in place of `data`; an output is asked for with `parameters.binary_data`."
)


def document(contract: Contract, names: Sequence[str], versions: Sequence[str]) -> Document:
    """What this server answers: a model of `contract` by any of `names` and `versions`."""
    model = {
        "model": _parameter("model", "The deployment's name, or the model's own.", names),
        "version": _parameter("version", "The version; without it the path means the same model.", versions),
    }
    paths: Document = {
        "/v2": _reading("serverMetadata", "What this server is", _ref("ServerMetadata")),
        "/v2/health/live": _reading("live", "Whether the process answers", _ref("Live")),
        "/v2/health/ready": _reading("ready", "Whether requests are welcome", _ref("Ready"), unready=True),
        "/v2/openapi.json": _reading("openapi", "This document", {"type": "object", "required": ["openapi"]}),
        "/metrics": _reading("metrics", "Metrics for Prometheus", {"type": "string"}, media="text/plain"),
    }
    for path, suffix, parameters in (
        ("/v2/models/{model}", "", ["model"]),
        ("/v2/models/{model}/versions/{version}", "OfVersion", ["model", "version"]),
    ):
        given = {"parameters": [model[name] for name in parameters]}
        metadata = _reading(f"metadata{suffix}", "The model's tensors", _ref("ModelMetadata"))
        ready = _reading(f"modelReady{suffix}", "Whether the model is ready", _ref("ModelReady"), unready=True)
        paths[path] = {**given, **metadata}
        paths[f"{path}/ready"] = {**given, **ready}
        paths[f"{path}/infer"] = {**given, **_inferring(f"infer{suffix}", contract)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": names[0],
            "version": versions[0],
            "description": "One model, served over the Open Inference Protocol (V2).",
        },
        "paths": paths,
        "components": {"schemas": _schemas(contract), "headers": _HEADERS, "responses": _error_responses()},
    }


def _inferring(operation: str, contract: Contract) -> Document:
    body = {"schema": _ref("InferRequest"), "example": example(contract)}
    answer = {
        "application/json": {"schema": _ref("InferResponse")},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    }
    return {
        "post": {
            "operationId": operation,
            "summary": "Ask the model",
            "description": _BINARY,
            "requestBody": {"required": True, "content": {"application/json": body}},
            "responses": {
                "200": {
                    "description": "The model's answer; in binary when any output was asked for so.",
                    "headers": _headers(),
                    "content": answer,
                },
                **{code: {"$ref": f"#/components/responses/{code}"} for code in _ERRORS},
            },
        }
    }


def _reading(
    operation: str, summary: str, schema: Document, *, media: str = "application/json", unready: bool = False
) -> Document:
    content = {media: {"schema": schema}}
    responses = {
        "200": {"description": summary, "headers": _headers(), "content": content},
        **{code: {"$ref": f"#/components/responses/{code}"} for code in _READING},
    }
    if unready:
        states = {media: {"schema": {"anyOf": [schema, _ref("Error")]}}}
        responses["503"] = {"description": "Not ready: the server ends.", "headers": _headers(), "content": states}
    return {"get": {"operationId": operation, "summary": summary, "responses": responses}}


def _schemas(contract: Contract) -> Document:
    text, truth = {"type": "string"}, {"type": "boolean"}
    texts = {"type": "array", "items": text}
    tensors = {"type": "array", "items": _ref("TensorMetadata")}
    return {
        "Error": _object(error=text),
        "ServerMetadata": _object(name=text, version=text, extensions=texts),
        "Live": _object(live=truth),
        "Ready": _object(ready=truth),
        "ModelReady": _object(name=text, ready=truth),
        "TensorMetadata": _object(name=text, datatype=text, shape={"type": "array", "items": {"type": "integer"}}),
        "ModelMetadata": _object(name=text, versions=texts, platform=text, inputs=tensors, outputs=tensors),
        "InferRequest": infer_request(contract),
        "InferResponse": infer_response(contract),
    }


def _object(**properties: Document) -> Document:
    return {"type": "object", "required": list(properties), "properties": properties}


def _parameter(name: str, description: str, values: Sequence[str]) -> Document:
    schema = {"type": "string", "enum": list(dict.fromkeys(values))}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


_HEADERS = {
    "version": {"description": "The version that answered.", "required": True, "schema": {"type": "string"}},
    "revision": {"description": "The revision that answered.", "required": True, "schema": {"type": "string"}},
}


def _headers() -> Document:
    return {f"pilotage-{name}": {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}


def _error_responses() -> Document:
    content = {"application/json": {"schema": _ref("Error")}}
    return {
        code: {"description": description, "headers": _headers(), "content": content}
        for code, description in _ERRORS.items()
    }


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}
