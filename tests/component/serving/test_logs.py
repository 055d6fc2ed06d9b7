"""Logs against what they are written to: a real HTTP sink, good and bad, and a real pipe."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pilotage.transport.log.address import address_of
from pilotage.transport.log.cloudevents import CloudEvents
from pilotage.transport.log.logs import EntryLines
from pilotage.transport.log.outlet import Outlet, Patience
from pilotage.transport.log.payload import Entry, PayloadLog
from pilotage.transport.log.stdout import Stdout
from tests.component.serving.collector import WAIT, collecting
from tests.unit.serving.logged import CONTRACT, IDENTITY, answers, asked

AT_ONCE = Patience(attempts=3, first=0.0)


class Sending:
    """A payload log of every request into the sink at `url`."""

    def __init__(self, url: str, *, most: int = 1, capacity: int = 1000, seconds: float = WAIT) -> None:
        address = address_of(url)
        assert address is not None
        sink = CloudEvents(address, IDENTITY, most=most, seconds=seconds)
        self.outlet: Outlet[Entry] = Outlet(sink, capacity=capacity, patience=AT_ONCE)
        self.log = PayloadLog(CONTRACT, self.outlet, 1.0)
        self.outlet.start()

    def offer(self, times: int = 1) -> None:
        for number in range(times):
            self.log.offer(asked(request_id=f"r-{number}"), answers())

    def counts(self, wait: float = WAIT) -> tuple[int, int]:
        """Sent and dropped, at its end."""
        self.outlet.close(wait)
        return self.log.sent, self.log.dropped


def check_event(event: dict[str, Any]) -> None:
    """What CloudEvents 1.0 wants of every event, and what this one holds."""
    assert event["specversion"] == "1.0"
    assert event["type"] == "dev.pilotage.inference"
    assert event["source"] == "/pilotage/fraud-prod/1a2b3c4d5e"
    assert event["id"]
    assert event["subject"] == "fraud-v3"
    assert datetime.fromisoformat(event["time"]).tzinfo is not None
    assert event["datacontenttype"] == "application/json"
    assert all(name.isalnum() and name == name.lower() for name in event)
    data = event["data"]
    assert (data["deployment"], data["version"], data["revision"]) == ("fraud-prod", "fraud-v3", "1a2b3c4d5e")
    assert data["inputs"]["input"]["features"]["income"] == "redacted"
    assert data["outputs"]["probabilities"]["data"] == [[0.5, 0.5]]


@pytest.mark.parametrize("most", [pytest.param(1, id="binary mode"), pytest.param(10, id="batched mode")])
def test_a_sink_receives_every_event_once_over_one_connection(most: int) -> None:
    with collecting() as collector:
        sending = Sending(collector.url + "/events?from=here", most=most)
        sending.offer(100)
        assert sending.counts() == (100, 0)
    for event in collector.events:
        check_event(event)
    assert [event["data"]["id"] for event in collector.events] == [f"r-{number}" for number in range(100)]
    assert len({event["id"] for event in collector.events}) == 100
    assert {received.path for received in collector.received} == {"/events?from=here"}
    assert len({received.connection for received in collector.received}) == 1
    assert max(len(received.events) for received in collector.received) <= most


def test_two_pods_of_a_revision_never_share_an_id() -> None:
    with collecting() as collector:
        for _ in range(2):
            sending = Sending(collector.url)
            sending.offer(5)
            assert sending.counts() == (5, 0)
    assert len({(event["source"], event["id"]) for event in collector.events}) == 10


def test_a_sink_that_closes_its_connections_without_a_word_loses_nothing() -> None:
    with collecting(closes=True) as collector:
        sending = Sending(collector.url)
        sending.offer(20)
        assert sending.counts() == (20, 0)
    assert len({event["id"] for event in collector.events}) == 20


def test_a_sink_that_says_more_than_anybody_reads_is_left_and_asked_anew() -> None:
    with collecting(answer=b"x" * 500_000) as collector:
        sending = Sending(collector.url)
        sending.offer(3)
        assert sending.counts() == (3, 0)
    assert len({received.connection for received in collector.received}) == 3


@pytest.mark.parametrize(
    ("codes", "counts", "requests"),
    [
        pytest.param([500, 503], (1, 0), 3, id="fails twice: sent again, with the same id"),
        pytest.param([500, 500, 500], (0, 1), 3, id="fails three times: dropped"),
        pytest.param([429], (1, 0), 2, id="has too much to do: sent again"),
        pytest.param([400], (0, 1), 1, id="does not want it: dropped"),
        pytest.param([302], (0, 1), 1, id="sends it elsewhere: not followed"),
    ],
)
def test_a_sink_that_fails_is_asked_again_within_bounds(
    codes: list[int], counts: tuple[int, int], requests: int
) -> None:
    with collecting(codes=codes) as collector:
        sending = Sending(collector.url)
        sending.offer()
        while sum((sending.log.sent, sending.log.dropped)) < 1:
            os.sched_yield()
        assert sending.counts() == counts
    assert len(collector.received) == requests
    assert len({event["id"] for event in collector.events}) == 1
    assert {received.path for received in collector.received} == {"/"}


def test_a_sink_that_hangs_costs_a_queue_and_its_drops_are_counted() -> None:
    with collecting() as collector:
        collector.answering.clear()
        sending = Sending(collector.url, capacity=50)
        sending.offer()
        while not collector.received:
            os.sched_yield()
        sending.offer(5000)  # all of them while the first is on its way
        assert (sending.log.sent, sending.log.dropped) == (0, 4950)
        assert sending.counts(wait=0) == (0, 5000)
        collector.answering.set()


def test_a_sink_that_does_not_answer_in_time_is_not_waited_for() -> None:
    with collecting() as collector:
        collector.answering.clear()
        sending = Sending(collector.url, seconds=0.05)
        sending.offer(2)
        assert sending.counts() == (0, 2)


def test_a_sink_that_is_not_there_costs_nothing_but_drops() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    sending = Sending(f"http://127.0.0.1:{port}/")
    sending.offer(100)
    assert sending.counts() == (0, 100)


def test_a_sink_that_speaks_no_http_costs_nothing_but_drops() -> None:
    with collecting() as collector:
        sending = Sending(collector.url.replace("http", "https"))
        sending.offer(3)
        assert sending.counts() == (0, 3)
    assert collector.received == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that nobody knows, and its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=sink -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + key.read_bytes())
    return made


def test_a_sink_whose_certificate_is_not_known_gets_nothing(certificate: Path) -> None:
    with collecting(certificate) as collector:
        sending = Sending(collector.url)
        sending.offer(3)
        assert sending.counts() == (0, 3)
    assert collector.received == []


def test_an_authority_of_ones_own_is_told_by_the_environment(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with collecting(certificate) as collector:
        sending = Sending(collector.url)
        sending.offer(3)
        assert sending.counts() == (3, 0)
    for event in collector.events:
        check_event(event)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)


def test_entries_and_answers_share_standard_output_line_by_line(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    stdout = Stdout(writing)
    lines: Outlet[bytes] = Outlet(stdout, capacity=1000)
    entries: Outlet[Entry] = Outlet(EntryLines(IDENTITY, stdout), capacity=1000)
    log = PayloadLog(CONTRACT, entries, 1.0)
    lines.start()
    entries.start()
    for number in range(500):  # far more than a pipe holds, in pieces larger than a pipe takes whole
        lines.put(b'{"logger":"access","id":"%d"}\n' % number)
        log.offer(asked(rows=32, request_id=str(number)), answers(rows=32))
    with open(reading, "rb") as file:
        read = [json.loads(file.readline()) for _ in range(1000)]
    for logger in ("access", "payload"):
        assert [line["id"] for line in read if line["logger"] == logger] == [str(number) for number in range(500)]
    lines.close(WAIT)
    entries.close(WAIT)
    assert (lines.sent, entries.sent) == (500, 500)


def test_a_reader_that_stops_reading_stops_nothing_but_its_log(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    lines: Outlet[bytes] = Outlet(Stdout(writing), capacity=100)
    lines.start()
    line = b"x" * 1000 + b"\n"
    for _ in range(10_000):
        lines.put(line)  # 10 MB; a pipe holds 64 KiB
    assert lines.dropped > 0
    lines.close(0)
    with open(reading, "rb") as file:
        while lines.sent + lines.dropped < 10_000:
            assert file.readline() == line


def test_a_reader_that_is_gone_is_no_harm(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    lines: Outlet[bytes] = Outlet(Stdout(writing), capacity=100, patience=AT_ONCE)
    lines.start()
    for _ in range(100):
        lines.put(b"x\n")
    lines.close(WAIT)
    assert (lines.sent, lines.dropped) == (0, 100)


def test_without_a_standard_output_lines_go_nowhere() -> None:
    code = "from pilotage.transport.log.stdout import Stdout; Stdout().send([b'x'])"
    ended = subprocess.run(["sh", "-c", f'exec "$0" -c "{code}" >&-', sys.executable], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
