"""Three times what the server can do, for half a minute: what the accepted see, and whether it is as before afterwards.

    python -m tests.bench.serving.overload [--model mlp|slow] [--form json|binary] [--seconds 30]

Without --model both are flooded in turn: a network of some 200 µs a call, and neighbours of some 20 ms.

What it can do is the most that a closed loop gets out of it. Beside the load, health and metrics are asked on
connections of their own.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.serving import contenders, machine, paced, report, steady
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
CONNECTIONS = 512  # as many requests can be out at once
CLOSED = (CONNECTIONS, 128, 16)  # of which each asks again when it is answered; the best of them is what it can do
PROBES = 20.0  # a second


@dataclass(frozen=True)
class Phase:
    """What one phase saw, and the memory of the server in it, in bytes: at its start, its most, at its end."""

    title: str
    due: float | None  # requests a second
    seen: dict[str, Seen]
    memory: Sequence[int]


class Flood:
    def __init__(self, server: Running, model: Path, form: str, cores: Cores, scratch: Path) -> None:
        self._server = server
        self._cores = cores
        self._body = model / f"{form}.body"
        self._head = (model / "binary.head").read_text() if form == "binary" else ""
        self._url = f"http://127.0.0.1:{server.command.port}/v2/models/{model.name}/infer"
        self._probes = {"health": Stream(scratch / "health", PROBES, 4), "metrics": Stream(scratch / "metrics", 1.0, 1)}
        (scratch / "health").write_bytes(steady.request("GET", "/v2/health/ready"))
        (scratch / "metrics").write_bytes(steady.request("GET", "/metrics"))

    def phase(self, title: str, seconds: float, rate: float | None = None, connections: int = CONNECTIONS) -> Phase:
        """Load at `rate`, or as much as a closed loop gives, with health and metrics asked beside it."""
        say(f"  {title}, {seconds:g} s")
        load = self._cores.load
        with (
            weighed(self._server) as memory,
            steady.flowing(self._server.command.port, self._probes, seconds, load) as seen,
        ):
            asked = paced.http(self._url, self._body, self._head, seconds, load, connections=connections, rate=rate)
        return Phase(title, rate, {**seen, "load": asked}, memory)


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
            say(f"{model}, {form}")
            closed = [flood.phase(f"closed loop of {number}", CALM, connections=number) for number in CLOSED]
            rate = max(map(_answered, closed))
            before = flood.phase(f"{NOMINAL:.0%} of that", CALM, NOMINAL * rate)
            during = flood.phase(f"{TIMES:g} times that", seconds, TIMES * rate)
            threading.Event().wait(CALM)
            after = flood.phase(f"{NOMINAL:.0%} again", CALM, NOMINAL * rate)
            print(text(f"{model}, {form}", closed, before, during, after))
            say(f"told to end: exit code {server.end()}")


def text(title: str, closed: Sequence[Phase], before: Phase, during: Phase, after: Phase) -> str:
    """The table, and the sentences that the issue asks for."""
    head = ("phase", "due/s", "sent/s", "200", "429", "other", "lost", "200/s", "p50 ms", "p99 ms", "429 p99 ms",
            "health p99 ms", "metrics p99 ms", "RSS MB: first, most, last")  # fmt: skip
    best = max(closed, key=_answered)
    calm = before.memory[-1]
    return "\n".join(
        [
            f"\n{title}: {_answered(best):.0f} answers a second at most\n",
            report.table(head, map(_row, (*closed, before, during, after))),
            f"accepted p99 in the flood ÷ at {NOMINAL:.0%} of capacity: {_p99(during) / _p99(before):.2f}; "
            f"÷ in the {best.title}: {_p99(during) / _p99(best):.2f}",
            f"p99 after ÷ before: {_p99(after) / _p99(before):.2f}",
            f"memory: most in the flood ÷ before it: {max(during.memory) / calm:.3f}; "
            f"after it ÷ before it: {after.memory[-1] / calm:.3f}",
        ]
    )


def _p99(phase: Phase) -> float:
    return phase.seen["load"].codes[200].p99


def _row(phase: Phase) -> tuple[str, ...]:
    load = phase.seen["load"]
    accepted = load.codes[200]
    other = 1 - load.share(200) - load.share(429) - sum(load.lost.values()) / load.sent
    shed = f"{load.codes[429].p99 * 1e3:.2f}" if 429 in load.codes else ""
    return (
        phase.title,
        "" if phase.due is None else f"{phase.due:.0f}",
        f"{load.rate:.0f}",
        f"{load.share(200):.1%}",
        f"{load.share(429):.1%}",
        f"{max(0.0, other):.1%}",
        str(sum(load.lost.values())),
        f"{_answered(phase):.0f}",
        f"{accepted.p50 * 1e3:.2f}",
        f"{accepted.p99 * 1e3:.2f}",
        shed,
        f"{_any(phase.seen['health']) * 1e3:.2f}",
        f"{_any(phase.seen['metrics']) * 1e3:.2f}",
        ", ".join(f"{size / 1e6:.1f}" for size in (phase.memory[0], max(phase.memory), phase.memory[-1])),
    )


def _answered(phase: Phase) -> float:
    """Good answers a second."""
    load = phase.seen["load"]
    return load.share(200) * load.rate


def _any(seen: Seen) -> float:
    """p99 of the answers that were 200; all of them must be, or the probe failed."""
    return seen.codes[200].p99 if seen.share(200) == 1 else float("inf")


if __name__ == "__main__":
    sys.exit(main())
