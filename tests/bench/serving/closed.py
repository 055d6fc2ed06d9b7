"""The closed loop: so many connections, each of which asks again as soon as it has its answer."""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from pathlib import Path

from tests.bench.serving.figures import Sample, percentile
from tests.bench.serving.process import Running
from tests.cluster.errors import ClusterError
from tests.cluster.shell import run

CONNECTIONS = 16
GRPC_METHOD = "/inference.GRPCInferenceService/ModelInfer"
PATIENCE = 30  # seconds for an answer, even of a slow server on a busy machine
SCRIPT = Path(__file__).parent / "post.lua"


def http(server: Running, path: str, body: Path, head: str, seconds: float, core: int) -> Sample:
    """wrk: POST `body` for `seconds`. `head` is the length of a binary body's JSON, empty for plain JSON."""
    url = f"http://127.0.0.1:{server.command.port}{path}"
    command = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", f"--timeout={PATIENCE}s", "-s", SCRIPT, url)
    before = server.cpu()
    said = run(on(core, *command), env={**os.environ, "BODY": str(body), "HEAD": head})
    return read_wrk(said, server.cpu() - before)


def read_wrk(said: str, cpu: float) -> Sample:
    """What post.lua prints last. Raises ClusterError when a request failed: a bench of errors says nothing."""
    line = next((line for line in said.splitlines() if line.startswith("{")), None)
    if line is None:
        raise ClusterError(f"wrk did not say what it saw:\n{said}")
    seen = json.loads(line)
    failed = {kind: count for kind, count in seen["failed"].items() if count}
    if failed or not seen["requests"]:
        raise ClusterError(f"of {seen['requests']} requests some failed, by kind: {failed}; is the machine free?")
    return Sample(
        rate=seen["requests"] / seen["microseconds"] * 1e6,
        p50=seen["p50"] / 1e6,
        p99=seen["p99"] / 1e6,
        cpu=cpu / seen["requests"],
    )


def grpc(server: Running, body: Path, answer: int, seconds: float, core: int) -> Sample:
    """h2load: one call at a time on each connection. `answer` is how many bytes a right answer has."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "requests.tsv"
        before = server.cpu()
        said = run(
            on(core, "h2load", f"-c{CONNECTIONS}", "-m1", f"-D{seconds:g}", f"--log-file={log}", *_call(server, body))
        )
        return read_h2load(said, log.read_text(), answer, server.cpu() - before)


def read_h2load(said: str, log: str, answer: int, cpu: float) -> Sample:
    """h2load's summary, and its log.

    It does not look at gRPC's own status, so the bytes must be those of as many right answers.
    """
    done = int(_number(r"(\d+) succeeded", said))
    data = int(_number(r"\((\d+)\) data", said))
    rate = _number(r"finished in \S+, ([\d.]+) req/s", said)
    if not done or data != done * answer:
        raise ClusterError(f"{done} calls were answered with {data} bytes, not with {answer} each; look at the log")
    took = [seconds for _, _, seconds in logged(log)]
    return Sample(rate=rate, p50=percentile(took, 0.5), p99=percentile(took, 0.99), cpu=cpu / done)


def logged(log: str) -> list[tuple[float, int, float]]:
    """h2load's log, a line a request: when it began, its status (-1: none), and the seconds that it took.

    >>> logged("5000000\\t200\\t1000\\n")
    [(5.0, 200, 0.001)]
    """
    fields = (line.split("\t") for line in log.splitlines())
    return [(int(start) / 1e6, int(status), int(micros) / 1e6) for start, status, micros, *_ in fields]


def grpc_answer(server: Running, body: Path) -> int:
    """How many bytes the answer to one call has. Raises ClusterError unless its status is OK."""
    said = run(["nghttp", "-nv", "--data", body, *_headers(), _url(server)])
    if "grpc-status: 0" not in said:
        raise ClusterError(f"the call failed:\n{said[-800:]}")
    return sum(int(size) for size in re.findall(r"recv DATA frame <length=(\d+)", said))


def session(python: Path, script: Path, model: Path, seconds: float, core: int) -> Sample:
    """No server at all: the model alone, called in a loop on the servers' core."""
    said = run(on(core, python, script, model / "bundle" / "model.onnx", model / "row.npy", str(seconds)))
    seen = json.loads(said)
    return Sample(rate=seen["runs"] / seen["wall"], p50=math.nan, p99=math.nan, cpu=seen["cpu"] / seen["runs"])


def on(core: int, *command: str | Path) -> list[str | Path]:
    """`command`, and all that it starts, on one core."""
    return ["taskset", "-c", str(core), *command]


def _call(server: Running, body: Path) -> tuple[str | Path, ...]:
    return ("--data", body, *_headers(), _url(server))


def _headers() -> tuple[str, ...]:
    return ("-H", "content-type: application/grpc", "-H", "te: trailers")


def _url(server: Running) -> str:
    return f"http://127.0.0.1:{server.command.grpc_port}{GRPC_METHOD}"


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise ClusterError(f"h2load did not say {pattern!r}:\n{text[-800:]}")
    return float(found[1])
