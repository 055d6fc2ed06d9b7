"""Three times what the server can do, for half a minute: what the accepted see, and whether it is as before afterwards.

    python -m tests.bench.serving.overload [--model mlp|slow] [--form json|binary] [--seconds 30]

Without --model both are flooded in turn: a network of some 200 µs a call, and neighbours of some 20 ms.

Requests are due at a constant rate over many connections, whatever becomes of the earlier ones. Beside them health and
metrics are asked on connections of their own.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.serving import contenders, machine, report, steady
from tests.bench.serving.machine import Cores
from tests.bench.serving.process import Running
from tests.bench.serving.steady import Seen, Stream
from tests.cluster import cache
from tests.cluster.errors import ClusterError
from tests.cluster.progress import say

TIMES = 3.0
NOMINAL = 0.8  # of what it can do: what one would plan for
CALM = 10.0  # seconds of nominal load before the flood, of none after it, and of nominal load again
MODELS = ("mlp", "slow")
CONNECTIONS = 512  # as many requests can be out at once; what is due beyond them waits at the client, and that counts
CLOSED = 16  # connections of which each asks again when it is answered, as in the benchmark
STEP = 2.0  # seconds of each step in looking for the capacity
PROBES = 20.0  # a second


@dataclass(frozen=True)
class Phase:
    """What one phase saw, and the memory of the server in it, in bytes: at its start, its most, at its end."""

    title: str
    due: float  # requests a second
    seen: dict[str, Seen]
    memory: Sequence[int]


class Flood:
    def __init__(self, server: Running, model: Path, form: str, cores: Cores, scratch: Path) -> None:
        self._server = server
        self._cores = cores
        self._body = model / f"{form}.body"
        self._head = (model / "binary.head").read_text() if form == "binary" else ""
        self._path = f"/v2/models/{model.name}/infer"
        self._requests = {
            "load": steady.request("POST", self._path, self._body.read_bytes(), self._head),
            "health": steady.request("GET", "/v2/health/ready"),
            "metrics": steady.request("GET", "/metrics"),
        }
        self._scratch = scratch
        for name, content in self._requests.items():
            (scratch / name).write_bytes(content)

    def capacity(self) -> float:
        """The most answers a second that any load gets out of it: more is asked until much is shed."""
        rate, most = 10.0, 0.0
        while True:
            stream = Stream(self._scratch / "load", rate, CONNECTIONS)
            seen = steady.run(self._server.command.port, {"load": stream}, STEP, self._cores.load)["load"]
            answered = seen.codes[200].count / STEP if 200 in seen.codes else 0.0
            say(f"  {rate:.0f} requests a second: {answered:.0f} answered")
            if answered < 0.7 * rate:
                return max(most, answered)
            rate, most = 1.5 * rate, answered

    def phase(self, title: str, rate: float, seconds: float, connections: int = CONNECTIONS) -> Phase:
        """Load at `rate`, with health and metrics asked beside it."""
        say(f"  {title}: {rate:.0f} requests a second for {seconds:g} s")
        streams = {
            "load": Stream(self._scratch / "load", rate, connections),
            "health": Stream(self._scratch / "health", PROBES, 4),
            "metrics": Stream(self._scratch / "metrics", 1.0, 1),
        }
        with (
            weighed(self._server) as memory,
            steady.flowing(self._server.command.port, streams, seconds, self._cores.load) as seen,
        ):
            pass
        return Phase(title, rate, seen, memory)


@contextmanager
def weighed(server: Running, every: float = 0.5) -> Iterator[list[int]]:
    """The server's memory, looked at again and again while the block runs."""
    memory, ended = [server.resident()], threading.Event()

    def look() -> None:
        while not ended.wait(every):
            memory.append(server.resident())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield memory
    finally:
        ended.set()
        watcher.join()
        memory.append(server.resident())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving.overload", description=__doc__)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--form", choices=["json", "binary"], default="json")
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for model in given.model or MODELS:
            run(model, given.form, given.seconds)
    except ClusterError as error:
        say(f"overload: {error}")
        return 1
    return 0


def run(model: str, form: str, seconds: float) -> None:
    machine.install_tools()
    cores = machine.cores()
    cache.ensure([contenders.models(), contenders.ours()])
    folder = contenders.models().path / model
    with tempfile.TemporaryDirectory() as scratch:
        command = contenders.CONTENDERS["pilotage"].command(model, folder, Path(scratch))
        with Running(command, cores.server, Path(scratch) / "log") as server:
            server.until_ready()
            flood = Flood(server, folder, form, cores, Path(scratch))
            say(f"{model}, {form}: how much can it do?")
            rate = flood.capacity()
            closed = flood.phase(f"closed loop of {CLOSED}", math.inf, CALM, CLOSED)
            before = flood.phase("before", NOMINAL * rate, CALM)
            during = flood.phase("flood", TIMES * rate, seconds)
            threading.Event().wait(CALM)
            after = flood.phase("after", NOMINAL * rate, CALM)
            print(text(f"{model}, {form}", rate, (closed, before, during, after)))
            say(f"told to end: exit code {server.end()}")


def text(title: str, rate: float, phases: Sequence[Phase]) -> str:
    """The table, and the sentences that the issue asks for."""
    head = ("phase", "due/s", "sent/s", "200", "429", "other", "lost", "200/s", "p50 ms", "p99 ms", "429 p99 ms",
            "health p99 ms", "metrics p99 ms", "RSS MB: first, most, last")  # fmt: skip
    closed, before, during, after = (phase.seen["load"].codes[200].p99 for phase in phases)
    memory = [phase.memory for phase in phases]
    return "\n".join(
        [
            f"\n{title}: {rate:.0f} answers a second at most\n",
            report.table(head, map(_row, phases)),
            f"accepted p99 in the flood ÷ at {NOMINAL:.0%} of capacity: {during / before:.2f}; "
            f"÷ in the closed loop: {during / closed:.2f}",
            f"p99 after ÷ before: {after / before:.2f}",
            f"memory: most in the flood ÷ before it: {max(memory[2]) / memory[1][-1]:.3f}; "
            f"after it ÷ before it: {memory[3][-1] / memory[1][-1]:.3f}",
        ]
    )


def _row(phase: Phase) -> tuple[str, ...]:
    load = phase.seen["load"]
    accepted = load.codes[200]
    other = 1 - load.share(200) - load.share(429) - sum(load.lost.values()) / load.sent
    shed = f"{load.codes[429].p99 * 1e3:.2f}" if 429 in load.codes else ""
    return (
        phase.title,
        f"{phase.due:.0f}",
        f"{load.rate:.0f}",
        f"{load.share(200):.1%}",
        f"{load.share(429):.1%}",
        f"{max(0.0, other):.1%}",
        str(sum(load.lost.values())),
        f"{accepted.count / (load.sent / load.rate):.0f}",
        f"{accepted.p50 * 1e3:.2f}",
        f"{accepted.p99 * 1e3:.2f}",
        shed,
        f"{_any(phase.seen['health']) * 1e3:.2f}",
        f"{_any(phase.seen['metrics']) * 1e3:.2f}",
        ", ".join(f"{size / 1e6:.1f}" for size in (phase.memory[0], max(phase.memory), phase.memory[-1])),
    )


def _any(seen: Seen) -> float:
    """p99 of the answers that were 200; all of them must be, or the probe failed."""
    return seen.codes[200].p99 if seen.share(200) == 1 else float("inf")


if __name__ == "__main__":
    sys.exit(main())
