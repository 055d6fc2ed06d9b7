"""The least that a server on uvicorn can be: one ASGI function around ONNX Runtime, no checks, no figures.

The model's file stands in MODEL; `uvicorn raw_asgi:app`.
"""

# mypy: ignore-errors
# What it imports is in its server's environment, not in ours.

import os

import numpy as np
import onnxruntime
import orjson

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
datatypes = {"float32": "FP32", "int64": "INT64"}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["method"] == "GET":
        await answer(send, b"{}")
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message.get("more_body", False)
    head = next((int(value) for name, value in scope["headers"] if name == b"inference-header-content-length"), None)
    if head is None:
        tensor = orjson.loads(body)["inputs"][0]
        rows = np.array(tensor["data"], np.float32).reshape(tensor["shape"])
    else:
        tensor = orjson.loads(body[:head])["inputs"][0]
        rows = np.frombuffer(body, np.float32, offset=head).reshape(tensor["shape"])
    answers = session.run(names, {tensor["name"]: rows})
    await (in_json if head is None else in_binary)(send, answers)


async def in_json(send, answers):
    outputs = [
        {"name": name, "datatype": datatypes[array.dtype.name], "shape": array.shape, "data": array.ravel().tolist()}
        for name, array in zip(names, answers, strict=True)
    ]
    await answer(send, orjson.dumps({"model_name": "model", "outputs": outputs}))


async def in_binary(send, answers):
    outputs = [
        {
            "name": name,
            "datatype": datatypes[array.dtype.name],
            "shape": array.shape,
            "parameters": {"binary_data_size": array.nbytes},
        }
        for name, array in zip(names, answers, strict=True)
    ]
    head = orjson.dumps({"model_name": "model", "outputs": outputs})
    body = head + b"".join(array.tobytes() for array in answers)
    await answer(send, body, (b"inference-header-content-length", str(len(head)).encode()))


async def answer(send, body, *headers):
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})
