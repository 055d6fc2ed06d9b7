"""A server's processes: started on their core, waited for, weighed, and ended."""

from __future__ import annotations

import http.client
import math
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.cluster.errors import ClusterError

PATIENCE = 180.0  # seconds for a server to be ready
POLL = 0.002  # seconds between two looks whether it is: what a figure of readiness may be wrong by
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Command:
    """What to run, and where it can be asked whether the model is ready."""

    argv: Sequence[str | Path]
    port: int
    ready: str
    grpc_port: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


class Running:
    """A server and all its children, on one core; killed with the block that it is used in."""

    def __init__(self, command: Command, core: int, log: Path) -> None:
        self.command = command
        self._log = log
        self._begun = time.monotonic()
        self.ready_after = math.inf  # seconds since its start
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(word) for word in command.argv],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=command.folder,
                env={**os.environ, **command.environment},
                start_new_session=True,  # so that all of it can be ended at once
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def until_ready(self) -> None:
        """Wait for the first 200."""
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() - self._begun > PATIENCE:
                said = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
                raise ClusterError(f"`{' '.join(map(str, self.command.argv))}` did not become ready:\n{said}")
            time.sleep(POLL)
        self.ready_after = time.monotonic() - self._begun

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.command.port, timeout=5)
        try:
            connection.request("GET", self.command.ready)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def end(self) -> int:
        """As Kubernetes ends it; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def cpu(self) -> float:
        """CPU seconds, user's and kernel's, that all its processes have used until now."""
        return sum(_cpu(pid) for pid in self._tree())

    def pss(self) -> int:
        """Bytes of memory, each page divided by how many processes share it."""
        return sum(_pss(pid) for pid in self._tree())

    def resident(self) -> int:
        """Bytes of memory that it holds, cheap enough to be asked under load."""
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in self._tree())

    def files(self) -> int:
        """How many files and sockets it has open."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self._tree())

    def _tree(self) -> list[int]:
        """Its process and all that it, or they, have started."""
        found, parents = [], [self._process.pid]
        while parents:
            pid = parents.pop()
            found.append(pid)
            for thread in Path(f"/proc/{pid}/task").iterdir():
                parents += map(int, (thread / "children").read_text().split())
        return found


def _cpu(pid: int) -> float:
    """utime and stime, fields 14 and 15 of stat; the second, a name in parentheses, may hold spaces."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ClusterError("this kernel tells no PSS in smaps_rollup: no figure for memory")


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
