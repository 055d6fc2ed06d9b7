"""A constant rate by h2load over HTTP/1.1: each of many connections sends in its own even beat, and they begin apart.

The open loop in Python reaches its own end long before the server does. What h2load cannot do: where an answer is late,
that connection's next request is late, too, and its latency counts from when it was sent.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

from tests.bench.serving.closed import logged, on
from tests.bench.serving.figures import percentile
from tests.bench.serving.steady import Answers, Seen
from tests.cluster.shell import run


def http(
    url: str, body: Path, head: str, seconds: float, core: int, *, connections: int, rate: float | None = None
) -> Seen:
    """POST `body` at `rate` a second; without a rate each connection asks again as soon as it has its answer.

    `head` as in closed.http.
    """
    form = ["-H", f"content-type: application/{'octet-stream' if head else 'json'}"]
    if head:
        form += ["-H", f"inference-header-content-length: {head}"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "requests.tsv"
        pace = [f"-D{seconds:g}"]
        if rate is not None:
            apart = max(1, round(1000 / rate))  # milliseconds between the beginnings of two connections
            pace = [f"-n{rate * seconds:.0f}", f"--rps={rate / connections:.4f}", "-r1", f"--rate-period={apart}ms"]
        command = ("h2load", "--h1", f"-c{connections}", "-m1", f"--data={body}", f"--log-file={log}")
        run(on(core, *command, *pace, *form, url))
        return read(log.read_text())


def read(log: str) -> Seen:
    """What h2load's log says.

    >>> read("5\\t200\\t10\\n1000005\\t429\\t30\\n").codes[200]
    Answers(count=1, p50=1e-05, p99=1e-05)
    """
    took = defaultdict(list)
    requests = logged(log)
    for _, status, seconds in requests:
        took[status].append(seconds)
    lost = len(took.pop(-1, ()))
    codes = {code: Answers(len(v), percentile(v, 0.5), percentile(v, 0.99)) for code, v in took.items()}
    lasted = max(requests)[0] - min(requests)[0]
    return Seen(len(requests), len(requests) / lasted, codes, {"no answer": lost} if lost else {})
