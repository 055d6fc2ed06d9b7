"""Rounds in turn: A B C, A B C, …, so that a machine that slows down slows all of them; then the medians."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.serving import closed, contenders, figures, paced
from tests.bench.serving.cases import Case
from tests.bench.serving.figures import Sample
from tests.bench.serving.machine import Cores
from tests.bench.serving.process import Running
from tests.bench.serving.steady import Seen
from tests.cluster.progress import say

LIMIT = "limit"  # the name of the model alone among the contenders
STARTS = ("pilotage", "pilotage-grpc", "mlserver", "kserve", "asgi")
HALF = ("pilotage", "mlserver")
HALF_CONNECTIONS = 64


@dataclass(frozen=True)
class Start:
    """Seconds to ready, and bytes of memory after a while under load."""

    ready: float
    pss: float


@dataclass(frozen=True)
class Pace:
    """How long, and how often."""

    seconds: float
    rounds: int


class Bench:
    """`models` is the folder of all models' folders."""

    def __init__(self, models: Path, cores: Cores, pace: Pace) -> None:
        self._models = models
        self._cores = cores
        self._pace = pace

    def case(self, case: Case) -> dict[str, Sample]:
        """Every contender's median; they all run, and those whose turn it is not wait."""
        names = [*case.contenders, *([LIMIT] if case.limit else [])]
        rounds: dict[str, list[Sample]] = {name: [] for name in names}
        with ExitStack() as stack:
            servers = {name: stack.enter_context(self._started(name, case.model)) for name in case.contenders}
            neighbour = stack.enter_context(self._started(case.contenders[0], case.model, self._cores.load))
            for server in servers.values():
                self._load(server, case, 1.0)  # so that none pays for its first requests
            for number in range(self._pace.rounds):
                for name in names:
                    if name == LIMIT:
                        sample = self._limit(case, neighbour)
                    else:
                        sample = self._load(servers[name], case, self._pace.seconds)
                    rounds[name].append(sample)
                    say(f"  {case.title}, round {number + 1}, {name}: {sample.rate:.0f}/s, {sample.cpu * 1e6:.0f} µs")
        return {name: figures.median(samples) for name, samples in rounds.items()}

    def starts(self, names: Iterable[str], times: int) -> dict[str, Start]:
        """Each started `times` times, in turn, one at a time; a first start, with cold files, is not counted."""
        seen: dict[str, list[Start]] = {name: [] for name in names}
        case = Case("", "iris-lr", "json", ())
        for number in range(times + 1):
            for name, starts in seen.items():
                with self._started(name, case.model) as server:
                    self._load(server, case, 1.0)
                    if number:
                        starts.append(Start(server.ready_after, server.pss()))
        return {
            name: Start(statistics.median(s.ready for s in starts), statistics.median(s.pss for s in starts))
            for name, starts in seen.items()
        }

    def half(self, rates: Mapping[str, float]) -> dict[str, Seen]:
        """Each at half of the rate that it answers at most, requests arriving evenly; the middle round by its p99."""
        seen: dict[str, list[Seen]] = {name: [] for name in rates}
        body = self._models / "iris-lr" / "json.body"
        with ExitStack() as stack:
            servers = {name: stack.enter_context(self._started(name, "iris-lr")) for name in rates}
            for _ in range(self._pace.rounds):
                for name, server in servers.items():
                    url = f"http://127.0.0.1:{server.command.port}{_path('iris-lr')}"
                    got = paced.http(
                        url, body, "", self._pace.seconds, self._cores.load,
                        connections=HALF_CONNECTIONS, rate=rates[name] / 2,
                    )  # fmt: skip
                    seen[name].append(got)
                    say(f"  half load, {name}: {got}")
        return {name: sorted(rounds, key=_p99)[len(rounds) // 2] for name, rounds in seen.items()}

    @contextmanager
    def _started(self, name: str, model: str, core: int | None = None) -> Iterator[Running]:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            command = contenders.CONTENDERS[name].command(model, self._models / model, folder)
            with Running(command, self._cores.server if core is None else core, folder / "log") as server:
                server.until_ready()
                yield server

    def _load(self, server: Running, case: Case, seconds: float) -> Sample:
        folder = self._models / case.model
        body = folder / f"{case.form}.body"
        if case.form == "grpc":
            return closed.grpc(server, body, closed.grpc_answer(server, body), seconds, self._cores.load)
        head = (folder / "binary.head").read_text() if case.form == "binary" else ""
        return closed.http(server, _path(case.model), body, head, seconds, self._cores.load)

    def _limit(self, case: Case, neighbour: Running) -> Sample:
        """The model in a loop, while the other core is as busy as it is for the others: two cores of a virtual machine
        may be one core's two threads, and what has both to itself is faster than any server can be."""
        python = contenders.environment("asgi").path / contenders.PYTHON
        script, model = contenders.RIVALS / "raw_session.py", self._models / case.model
        with ThreadPoolExecutor(1) as beside:
            load = beside.submit(self._load, neighbour, case, self._pace.seconds + 2)
            time.sleep(1)
            sample = closed.session(python, script, model, self._pace.seconds, self._cores.server)
            load.result()
        return sample


def _path(model: str) -> str:
    return f"/v2/models/{model}/infer"


def _p99(seen: Seen) -> float:
    return seen.codes[200].p99 if 200 in seen.codes else math.inf
