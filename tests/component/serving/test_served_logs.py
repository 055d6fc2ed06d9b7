"""The logs of the serving process itself: its standard output, a payload sink, and what they cost a caller."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.component.serving.collector import collecting
from tests.component.serving.process import WAIT, Server, infer_body, request

INFER = "/v2/models/iris/infer"
MANY = 2000


def ask_many(server: Server, times: int, body: bytes) -> list[int]:
    """The codes of so many answers on one connection."""
    with server.connect() as client:
        codes = []
        for _ in range(times // 50):
            client.send(request("POST", INFER, body) * 50)
            codes += [client.receive().status for _ in range(50)]
        return codes


def said(standard: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What servers, which inherit it, wrote to standard output."""
    return [json.loads(line) for line in standard.readouterr().out.splitlines()]


def test_answers_and_errors_are_logged_within_bounds_and_the_rest_is_counted(
    flowers: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, wrong = infer_body([[1, 2, 3, 4]] * 2, id="r-1\n\u2028"), infer_body([["x", 2, 3, 4]], id="r-2")
    with Server(flowers, "--access-log", "2", "--access-log-errors", "3", "--drain-seconds", "0") as server:
        assert set(ask_many(server, MANY, good)) == {200}
        assert set(ask_many(server, MANY, wrong)) == {400}
        server.ask("GET", "/v2/health/live")
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0
    lines = said(capfd)
    assert {line["logger"] for line in lines} == {"access"}
    answered = [line for line in lines if line.get("code") == 200]
    refused = [line for line in lines if line.get("code") == 400]
    left_out = [line for line in lines if "code" not in line]
    assert len(answered) + sum(line["good"] for line in left_out) == MANY
    assert len(refused) + sum(line["errors"] for line in left_out) == MANY
    assert 2 <= len(answered) < MANY / 10
    assert 3 <= len(refused) < MANY / 10
    assert {(line["id"], line["rows"], line["transport"]) for line in answered} == {("r-1\n\u2028", 2, "rest")}
    assert all(line["duration_ms"] > 0 for line in answered)
    (error,) = {line["error"] for line in refused}
    assert error.startswith("input 'input', row 0")


@pytest.mark.parametrize("batch", ["1", "20"])
def test_every_request_of_the_sample_reaches_the_sink(flowers: Path, batch: str) -> None:
    arguments = ("--payload-sample", "1", "--payload-batch", batch, "--drain-seconds", "0")
    with collecting() as collector, Server(flowers, "--payload-log", collector.url, *arguments) as server:
        assert set(ask_many(server, 100, infer_body([[5.1, 3.5, 1.4, 0.2]], id="r-1"))) == {200}
        assert server.ask("POST", INFER, b"{").status == 400  # nothing was answered
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0  # and it has sent what was left
    assert len({event["id"] for event in collector.events}) == 100
    for event in collector.events:
        data = event["data"]
        assert (data["id"], data["version"], data["revision"]) == ("r-1", "3", "local")
        assert [column for (column,) in data["inputs"]["input"]["features"].values()] == pytest.approx(
            [5.1, 3.5, 1.4, 0.2], rel=1e-6
        )
        assert data["outputs"]["label"]["data"] == [0]


def test_payloads_to_standard_output_are_lines_beside_those_of_answers(
    flowers: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Server(flowers, "--payload-log", "stdout", "--payload-sample", "1", "--drain-seconds", "0") as server:
        assert server.ask("POST", INFER, infer_body([[1, 2, 3, 4]], id="r-1")).status == 200
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0
    assert sorted((line["logger"], line["id"]) for line in said(capfd)) == [("access", "r-1"), ("payload", "r-1")]


def test_a_sink_that_hangs_costs_no_caller_an_answer_and_no_server_its_end(flowers: Path) -> None:
    with collecting() as collector:
        collector.answering.clear()
        arguments = ("--payload-log", collector.url, "--payload-sample", "1", "--drain-seconds", "0")
        with Server(flowers, *arguments) as server:
            assert set(ask_many(server, MANY, infer_body([[1, 2, 3, 4]] * 100))) == {200}
            before = server.resident()
            assert set(ask_many(server, MANY, infer_body([[1, 2, 3, 4]] * 100))) == {200}
            assert server.resident() - before < 8 << 20
            server.signal(signal.SIGTERM)
            assert server.exit_code() == 0
        collector.answering.set()
    assert "items did not get to payload sink" in server.log


def test_the_process_says_what_it_does_in_lines_of_json(flowers: Path) -> None:
    with Server(flowers, "--drain-seconds", "0") as server:
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0
    messages = [json.loads(line)["message"] for line in server.log.splitlines()]
    assert [message.split()[0] for message in messages] == ["loaded", "ready", "told", "ended"]


def test_a_sink_that_is_none_is_refused_with_a_sentence(flowers: Path) -> None:
    command = [sys.executable, "-m", "pilotage", "serve", str(flowers), "--payload-log", "ftp://sink/"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert ended.returncode == 2
    assert "the payload log goes to stdout, http://" in ended.stderr
