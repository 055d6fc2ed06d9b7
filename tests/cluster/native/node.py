"""The node: a process 1 of its own, with its own network and mounts. Killing it ends all that runs in it.

The kernel kills every process of a PID namespace with its process 1, and mounts, interfaces and network
namespaces end with their last process. So nothing has to be remembered and taken apart one by one, and a
half-built node goes as surely as a whole one. The node is found by the name its process 1 bears.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.shell import run

TITLE = "pilotage-node"
NAMESPACES = ("--pid", "--net", "--mount")
START_SECONDS = 10
STOP_SECONDS = 30


@dataclass(frozen=True)
class Node:
    """A running node, by the pid its process 1 has outside."""

    name: str
    pid: int

    def inside(self, *argv: str | Path) -> list[str]:
        """The command that runs `argv` inside the node."""
        return ["nsenter", f"--target={self.pid}", *NAMESPACES, *(str(argument) for argument in argv)]

    def run(self, *argv: str | Path) -> str:
        """Run `argv` inside to its end and return its output."""
        return run(self.inside(*argv))

    def spawn(self, argv: Sequence[str | Path], *, log: Path, path: str) -> None:
        """Start a program that lives as long as the node. Its parent becomes the node's process 1."""
        detached = 'setsid "$@" </dev/null >>"$0" 2>&1 &'
        self.run("env", "-i", f"PATH={path}", "HOME=/root", "sh", "-c", detached, log, *argv)

    def programs(self) -> set[str]:
        """The names of the programs that run inside, as they were called."""
        mine = _pid_namespace(self.pid)
        running = (pid for pid in _pids() if _pid_namespace(pid) == mine)
        return {Path(_arguments(pid)[0]).name for pid in running if _arguments(pid)}


def find(name: str) -> Node | None:
    """The running node of that name."""
    wanted = [TITLE, name]
    return next((Node(name, pid) for pid in _pids() if _arguments(pid) == wanted and _is_first(pid)), None)


def start(name: str, *, pause: Path, log: Path) -> Node:
    """Start an empty node: no interface but the loopback, no program but its process 1."""
    with log.open("w") as said:
        subprocess.Popen(
            ["unshare", "--fork", "--mount-proc", *NAMESPACES, "bash", "-c", f'exec -a {TITLE} "$0" "$1"', pause, name],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if node := find(name):
            return node
        time.sleep(0.01)
    raise ClusterError(
        f"the node {name} did not start: see whether `unshare --pid --net --mount --fork true` works here"
    )


def stop(node: Node) -> None:
    """Kill the node and wait until its last process is gone."""
    handle = os.pidfd_open(node.pid)
    try:
        if find(node.name) == node:  # the handle is of this very process, not of a later one with its pid
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        ended, _, _ = select.select([handle], [], [], STOP_SECONDS)
        if not ended:
            raise ClusterError(f"the node {node.name} (pid {node.pid}) does not die: see `ps -o stat,wchan {node.pid}`")
    finally:
        os.close(handle)


def state(name: str) -> Path:
    """The node's files: its logs, its certificates, what is /var inside."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(base) / "pilotage" / "clusters" / name


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _pid_namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def _is_first(pid: int) -> bool:
    """Whether it is process 1 of a namespace below this one."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(line.split()[1:] == [str(pid), "1"] for line in status.splitlines() if line.startswith("NSpid:"))
