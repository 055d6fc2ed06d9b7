"""docs/performance.md: the goals, the figures behind them, how they were seen, and where they fall short."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench.serving.cases import CASES
from tests.bench.serving.contenders import CONTENDERS, RIVALS
from tests.bench.serving.figures import Sample
from tests.bench.serving.measure import HALF_CONNECTIONS, LIMIT
from tests.bench.serving.notes import MISSES
from tests.bench.serving.results import Results

GOALS = ("figure", "goal", "at least", "seen", "met?")
NAMED = ("mlserver", "mlserver-sklearn", "kserve", "uvicorn", "onnxruntime", "scikit-learn", "grpcio")

# ruff: noqa: E501 (a paragraph is one line)

METHOD = """\
## How it was measured

`make bench-serving`, {date}.

- The server, with all its processes and threads, runs on one core; what loads it runs on another. Everything goes over the loopback.
- Rounds in turn, A B C, A B C, …: {rounds} × {seconds:g} s for each server of a case. A figure is the median over the rounds, so that a machine that slows down for a while slows all alike.
- REST: `wrk`, 16 kept connections, each of which sends its next request when it has its answer. gRPC: `h2load`, 16 connections, one call at a time on each. A single failed request ends the bench.
- *CPU* is user and kernel time of the server's whole process tree, divided by the answers.
- *`session.run` alone* is the same model, the same row, in a loop in ONNX Runtime's Python interface, without any server: the limit. Meanwhile the load generator is as busy on the other core as it is for the servers.
- *Memory* is PSS (each page divided by how many processes share it) after a second of load; *seconds to ready* from starting the process to the first 200 from `/v2/models/M/ready`. Both are medians of 5 starts with files in the page cache, each server alone.
- *Half load*: each server gets half of the requests that it could answer, evenly spaced, over {connections} connections, by `h2load`; latency counts from when a request was sent.
- *Metrics and drift*: the same server with the methods that count replaced by nothing (`tests/bench/serving/bare.py`), on a model with 30 features.

All servers serve the same model: one row in, `label` and `probabilities` out. One worker, one thread in ONNX Runtime, no access log; ours is on, as it is by default: sampled. MLServer runs as its documentation says: its scikit-learn runtime, which answers with the label alone, and for the network a custom runtime around ONNX Runtime; its models run in its own process (`parallel_workers: 0`), for the worker process that is its default cannot help on one core. KServe runs a custom model around ONNX Runtime, without its three lines of log for each request. uvicorn runs a bare ASGI function around ONNX Runtime: no checks, no metrics, no batches.
"""

READING = """\
## How to read it

Ratios within one run hold; absolute rates are those of this machine on that day. CPU per answer is the steadiest figure, and the one that a bill follows. With 16 connections waiting, a latency is mostly the time in which the 15 others are served (p50 ≈ 16 ÷ rate), so compare latencies at half load, not these. Batching is why a server can need less CPU for an answer than `session.run` on one row: sixteen rows in one call cost far less than sixteen calls.
"""


def write(results: Results, path: Path) -> None:
    path.write_text(text(results))


def text(results: Results) -> str:
    """The whole page; the same results give the same page."""
    parts = [
        "# How fast, how small\n",
        "Written by `make bench-serving`, never by hand.\n",
        "## Goals\n",
        table(GOALS, [goal.row() for goal in results.goals()]),
        _misses(results),
        "## Figures\n",
        *(_case(results, name) for name in CASES if name in results.cases),
        _starts(results),
        _half(results),
        METHOD.format(
            date=results.date,
            rounds=results.pace.rounds,
            seconds=results.pace.seconds,
            connections=HALF_CONNECTIONS,
        ),
        READING,
        "## Machine and versions\n",
        "".join(f"- {what}: {which}\n" for what, which in (*results.machine.items(), *_versions())),
    ]
    return "\n".join(part for part in parts if part)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are figures, to the right.

    >>> print(table(("a", "b"), [("x", "1")]), end="")
    | a | b |
    |---|--:|
    | x | 1 |
    """
    rule = "|---" + "|--:" * (len(head) - 1) + "|"
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], rule, *lines[1:], ""])


def _misses(results: Results) -> str:
    missed = [goal for goal in results.goals() if goal.verdict.startswith("missed")]
    return "".join(
        f"- *{goal.title}* is {goal.verdict}. {MISSES.get(goal.title, '')}".rstrip() + "\n" for goal in missed
    )


def _case(results: Results, name: str) -> str:
    samples = results.cases[name]
    rows = [(title(who), *figures(sample), _behind(results, name, who)) for who, sample in samples.items()]
    head = ("server", "answers/s", "p50 ms", "p99 ms", "CPU µs", "Pilotage's rate ÷ its")
    return f"### {CASES[name].title}\n\n{table(head, rows)}"


def _behind(results: Results, case: str, who: str) -> str:
    return f"{results.faster(case, who):.2f}"


def figures(sample: Sample) -> tuple[str, str, str, str]:
    """Answers a second, milliseconds, milliseconds, microseconds."""
    return f"{sample.rate:,.0f}", _ms(sample.p50), _ms(sample.p99), f"{sample.cpu * 1e6:.1f}"


def title(who: str) -> str:
    return "`session.run` alone" if who == LIMIT else CONTENDERS[who].title


def _starts(results: Results) -> str:
    if not results.starts:
        return ""
    rows = [(title(who), f"{s.ready:.2f}", f"{s.pss / 1e6:.0f}") for who, s in results.starts.items()]
    return "### Start and memory: iris, logistic regression\n\n" + table(("server", "s to ready", "PSS MB"), rows)


def _half(results: Results) -> str:
    if not results.half:
        return ""
    rows = [
        (title(who), f"{s.rate:,.0f}", _ms(s.codes[200].p50), _ms(s.codes[200].p99)) for who, s in results.half.items()
    ]
    head = ("server", "requests/s", "p50 ms", "p99 ms")
    return "### At half load: iris, logistic regression, REST, JSON\n\n" + table(head, rows)


def _ms(seconds: float) -> str:
    return "" if math.isnan(seconds) else f"{seconds * 1e3:.2f}"


def _versions() -> list[tuple[str, str]]:
    """Of each rival's pins, those that matter."""
    rows = []
    for pins in sorted(RIVALS.glob("*.txt")):
        pinned = dict(line.split("==") for line in pins.read_text().splitlines())
        rows.append((f"rival {pins.stem}", ", ".join(f"{name} {pinned[name]}" for name in NAMED if name in pinned)))
    return rows
