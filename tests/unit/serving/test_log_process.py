"""The process's own log: one object a line for machines, bounded, plain for people."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from pilotage.transport.log.process import Bounded, JsonLines, set_up


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave logging as pytest has it."""
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    sys.excepthook = hook
    root.handlers[:] = handlers
    root.setLevel(level)


def record(message: str, seconds: float = 1_700_000_000.0) -> logging.LogRecord:
    made = logging.LogRecord("pilotage.x", logging.WARNING, "x.py", 1, "%s", (message,), None)
    made.created = seconds
    return made


def test_for_a_machine_it_is_one_object_a_line() -> None:
    assert json.loads(JsonLines().format(record("ready on 127.0.0.1:8080 after 0.2 s"))) == {
        "time": "2023-11-14T22:13:20.000+00:00",
        "level": "warning",
        "logger": "pilotage.x",
        "message": "ready on 127.0.0.1:8080 after 0.2 s",
    }


@pytest.mark.parametrize("message", ["two\nlines", '"quoted"', "\x1b[31m", "\u2028", "\udcff", "ü", "x" * 100_000])
def test_no_message_breaks_its_line(message: str) -> None:
    line = JsonLines().format(record(message))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == message.replace("\udcff", "?")[:4000]


def test_a_trace_is_within_the_line_and_bounded() -> None:
    stream = io.StringIO()
    set_up(stream)
    try:
        raise ValueError("x" * 100_000 + " the end")
    except ValueError:
        logging.getLogger("pilotage").exception("a fault")
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert said["message"] == "a fault"
    assert said["error"].endswith("the end")
    assert len(line) < 20_000


def test_at_a_terminal_it_is_for_people() -> None:
    stream = Terminal()
    set_up(stream)
    logging.getLogger("pilotage").info("ready on %s:%d after %.2f s", "127.0.0.1", 8080, 0.2)
    assert stream.getvalue().endswith("INFO ready on 127.0.0.1:8080 after 0.20 s\n")


def test_a_fault_that_every_request_meets_fills_no_disk_and_the_rest_is_counted() -> None:
    bounded = Bounded(per_second=3)
    passed = [bounded.filter(record("x", 1_700_000_000 + n / 1000)) for n in range(1000)]
    assert sum(passed) == 3
    following = record("x", 1_700_000_001)
    assert bounded.filter(following)
    assert json.loads(JsonLines().format(following))["left_out"] == 997
    last = record("x", 1_700_000_001)
    assert bounded.filter(last)
    assert "left_out" not in json.loads(JsonLines().format(last))


def test_what_nobody_catches_is_a_line_too() -> None:
    stream = io.StringIO()
    set_up(stream)
    error = RuntimeError("boom")
    sys.excepthook(RuntimeError, error, None)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["level"] == "critical"
    assert "boom" in json.loads(line)["error"]
