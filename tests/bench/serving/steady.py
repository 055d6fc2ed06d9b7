"""Hands work to the open loop's process and reads what it saw."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.serving.closed import on
from tests.cluster.errors import ClusterError


@dataclass(frozen=True)
class Answers:
    """The answers with one status code: how many, and their seconds."""

    count: int
    p50: float
    p99: float


@dataclass(frozen=True)
class Seen:
    """What became of one stream."""

    sent: int
    rate: float
    codes: Mapping[int, Answers]
    lost: Mapping[str, int]

    def share(self, code: int) -> float:
        """Of all that was sent."""
        return self.codes[code].count / self.sent if code in self.codes else 0.0


@dataclass(frozen=True)
class Stream:
    request: Path
    rate: float
    connections: int


def request(method: str, path: str, body: bytes = b"", head: str = "") -> bytes:
    """A whole HTTP/1.1 request; `head` as in closed.http."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if body:
        lines += [f"Content-Type: application/{'octet-stream' if head else 'json'}", f"Content-Length: {len(body)}"]
    if head:
        lines.append(f"Inference-Header-Content-Length: {head}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def flowing(port: int, streams: Mapping[str, Stream], seconds: float, core: int) -> Iterator[dict[str, Seen]]:
    """Runs the streams beside the block; what it yields is filled when the block has ended."""
    work = {
        "port": port,
        "seconds": seconds,
        "streams": {
            name: {"request": str(s.request), "rate": s.rate, "connections": s.connections}
            for name, s in streams.items()
        },
    }
    argv = on(core, sys.executable, "-m", "tests.bench.serving.openloop")
    seen: dict[str, Seen] = {}
    with subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        json.dump(work, process.stdin)
        process.stdin.close()
        process.stdin = None
        try:
            yield seen
        except BaseException:
            process.kill()
            raise
        said, _ = process.communicate(timeout=seconds + 60)
    if process.returncode:
        raise ClusterError(f"the load generator ended with {process.returncode}")
    seen |= read(json.loads(said))


def read(report: Mapping[str, Mapping[str, Any]]) -> dict[str, Seen]:
    """What the open loop printed, by stream."""
    return {
        name: Seen(**{**seen, "codes": {int(code): Answers(**answers) for code, answers in seen["codes"].items()}})
        for name, seen in report.items()
    }
