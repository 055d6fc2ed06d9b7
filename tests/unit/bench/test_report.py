"""The report: what the load programs print is read right, and the page follows from it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.bench.serving import bodies, cases, closed, contenders, report
from tests.bench.serving.figures import Sample
from tests.bench.serving.measure import LIMIT, Pace, Start
from tests.bench.serving.results import Results
from tests.bench.serving.steady import Answers, Seen
from tests.cluster.errors import ClusterError

H2LOAD = """\
finished in 4.00s, 2.00 req/s, 58.74KB/s
requests: 9 total, 25 started, 8 done, 8 succeeded, 0 failed, 0 errored, 0 timeout
traffic: 234.97KB (240609) total, 3.32KB (3396) headers (space savings 94.27%), 1KB (800) data
"""
LOG = "".join(f"1700000000000000\t200\t{micros}\n" for micros in (100, 200, 300, 400))


def test_wrk_is_read_from_the_line_of_its_script() -> None:
    line = '{"requests": 2000, "microseconds": 4000000, "p50": 150.0, "p99": 900.0, "failed": {"status": 0}}'
    assert closed.read_wrk(f"Running 5s test\n{line}\n", cpu=0.5) == Sample(
        rate=500, p50=150e-6, p99=900e-6, cpu=0.00025
    )


@pytest.mark.parametrize("seen", ['"requests": 10, "failed": {"status": 1}', '"requests": 0, "failed": {"status": 0}'])
def test_a_failed_request_ends_the_bench(seen: str) -> None:
    with pytest.raises(ClusterError, match="requests some failed"):
        closed.read_wrk(f'{{{seen}, "microseconds": 1, "p50": 1, "p99": 1}}', cpu=1)


def test_h2load_is_read_from_its_summary_and_its_log() -> None:
    assert closed.read_h2load(H2LOAD, LOG, answer=100, cpu=0.8) == Sample(rate=2, p50=200e-6, p99=400e-6, cpu=0.1)


def test_calls_that_were_answered_with_other_bytes_end_the_bench() -> None:
    with pytest.raises(ClusterError, match="not with 101 each"):
        closed.read_h2load(H2LOAD, LOG, answer=101, cpu=1)


def test_a_request_is_written_as_the_protocol_has_it() -> None:
    tensor = bodies.Tensor("input", (1, 2), bytes.fromhex("0000803f000000c0"))  # 1, -2
    assert bodies.as_json(tensor) == b'{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1.0,-2.0]}]}'
    body, head = bodies.as_binary(tensor)
    assert (body[head:], b'"binary_data_size":8' in body[:head]) == (tensor.raw, True)
    assert bodies.as_grpc("m", tensor).hex(" ", 1) == (
        "00 00 00 00 20 "  # not compressed, 32 bytes
        "0a 01 6d "  # model_name: m
        "2a 11 0a 05 69 6e 70 75 74 12 04 46 50 33 32 1a 02 01 02 "  # input, FP32, [1, 2]
        "3a 08 00 00 80 3f 00 00 00 c0"
    )


def test_every_case_names_servers_that_there_are() -> None:
    assert {who for case in cases.CASES.values() for who in case.contenders} <= set(contenders.CONTENDERS)
    assert set(cases.QUICK) <= set(cases.CASES)


def _results() -> Results:
    ours, theirs, limit = (
        Sample(4000, 1e-3, 2e-3, 20e-6),
        Sample(100, 0.1, 0.2, 600e-6),
        Sample(1e5, math.nan, math.nan, 1e-5),
    )
    return Results(
        date="2026-11-27",
        machine={"cores": "2"},
        pace=Pace(5, 5),
        cases={"iris": {"pilotage": ours, "mlserver": theirs, LIMIT: limit}},
        starts={"pilotage": Start(0.3, 62e6)},
        half={
            "pilotage": Seen(10, 1.0, {200: Answers(10, 1e-4, 2e-4)}, {}),
            "mlserver": Seen(10, 1.0, {200: Answers(10, 1e-3, 4e-3)}, {}),
        },
    )


def test_goals_are_ratios_of_what_was_seen() -> None:
    rows = {goal.title: goal.row()[3:] for goal in _results().goals()}
    assert rows["REST, iris, logistic regression: rate ÷ MLServer's"] == ("40.0×", "at least met")
    assert rows["REST, iris, gradient boosting: rate ÷ MLServer's"] == ("–", "not measured")
    assert rows["REST, iris: CPU per request ÷ `session.run`'s"] == ("2.00", "at least met")
    assert rows["memory (PSS) with iris"] == ("62 MB", "at least met")
    assert rows["seconds to ready"] == ("0.30 s", "at least met")
    assert rows["p99 at half load ÷ MLServer's"] == ("1/20", "goal met")


def test_a_page_can_be_written_again_from_what_was_kept(tmp_path: Path) -> None:
    kept = tmp_path / "results.json"
    _results().save(kept)
    page = report.text(_results())
    assert report.text(Results.load(kept)) == page
    assert "| Pilotage | 4,000 | 1.00 | 2.00 | 20.0 | 1.00 |" in page
    assert "| `session.run` alone | 100,000 |  |  | 10.0 | 0.04 |" in page
