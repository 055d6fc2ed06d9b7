"""The process's standard output, written by threads of outlets only: a reader that stops would stop the loop."""

import os
import sys
import threading
from collections.abc import Sequence

from pilotage.transport.log.outlet import Undelivered

_AT_ONCE = 64  # lines


class Stdout:
    """Whole lines, one after the other, whichever thread they come from."""

    name = "standard output"
    most = _AT_ONCE

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = _standard_output() if descriptor is None else descriptor
        self._lock = threading.Lock()

    def send(self, lines: Sequence[bytes]) -> None:
        """Raises Undelivered when nobody reads it any more."""
        rest = memoryview(b"".join(lines))
        with self._lock:
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                raise Undelivered(f"cannot be written to ({error.strerror})", again=False) from error


def _standard_output() -> int:
    """Where it was closed before the start, its number may be anything by now: a model, a connection."""
    return os.open(os.devnull, os.O_WRONLY) if sys.stdout is None else sys.stdout.fileno()
