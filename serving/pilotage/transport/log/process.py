"""The process's own log on stderr: JSON lines where a machine reads them, plain ones on a terminal.

Never more than a few lines a second: a fault that every request meets must not fill a disk.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import TextIO

from pilotage.transport.log.line import clean, json_line, moment

_LINES_PER_SECOND = 50
_MESSAGE = 4_000  # letters
_TRACE = 8_000

log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, and the error's trace where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage(), _MESSAGE),
        }
        if record.exc_info:
            line["error"] = clean(self.formatException(record.exc_info)[-_TRACE:], _TRACE)  # its end says what
        if left_out := getattr(record, "left_out", 0):
            line["left_out"] = left_out
        return json_line(line).decode().rstrip("\n")


class Bounded(logging.Filter):
    """Passes so many records of one second; the next one that passes says how many did not."""

    def __init__(self, per_second: int = _LINES_PER_SECOND) -> None:
        super().__init__()
        self._per_second = per_second
        self._second = 0
        self._passed = 0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        second = int(record.created)
        if second != self._second:
            self._second, self._passed = second, 0
        if self._passed >= self._per_second:
            self._left_out += 1
            return False
        self._passed += 1
        record.left_out, self._left_out = self._left_out, 0
        return True


def set_up(stream: TextIO | None = None) -> None:
    """Take over the root logger, warnings, and what nobody catches, so that every line has one shape."""
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(plain if stream.isatty() else JsonLines())
    handler.addFilter(Bounded())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        log.critical("ended by a fault of this server", exc_info=(kind, error, trace))


def _uncaught_in_thread(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None:
        fault = (failure.exc_type, failure.exc_value, failure.exc_traceback)
        log.critical("a thread ended by a fault of this server", exc_info=fault)
