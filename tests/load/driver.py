"""Runs the generator as a process of its own, so that nothing a test does slows it down."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from tests.load.tally import Tally


class Load:
    """A context manager; `history` is (time, Tally) once a second."""

    def __init__(self, url: str, bodies: Path, rate: float = 100.0, fresh: float = 0.2, host: str = "") -> None:
        command = [sys.executable, "-m", "tests.load", url, "--bodies", str(bodies)]
        command += ["--rate", str(rate), "--fresh", str(fresh), *(["--host", host] if host else [])]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.history: list[tuple[float, Tally]] = []
        self._first = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            body = json.loads(line)
            self.history.append((body["time"], Tally.load(body)))
            self._first.set()

    @property
    def tally(self) -> Tally:
        """The newest counts, at most a second old."""
        self._first.wait(timeout=30)
        return self.history[-1][1]

    def stop(self) -> Tally:
        """Ends the load, waits for the last answers, and gives the final counts."""
        self._process.terminate()
        code = self._process.wait(timeout=60)
        self._reader.join(timeout=10)
        assert code == 0, f"the load generator ended with {code}"
        return self.tally

    def __enter__(self) -> Load:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=60)
