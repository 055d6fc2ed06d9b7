"""Run programs; a failure carries the end of what the program said."""

import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.cluster.errors import ClusterError

TAIL = 20
GRACE_SECONDS = 5


def run(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, stdin: str = "") -> str:
    """Run to the end and return what it printed on standard output.

    Raises ClusterError with the last lines of its output when it fails or is not there.
    """
    try:
        done = subprocess.run([str(a) for a in argv], input=stdin, env=env, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise ClusterError(f"{argv[0]} is not installed on this machine") from error
    if done.returncode:
        raise _failed(argv, done.returncode, (done.stdout + done.stderr).splitlines())
    return done.stdout


def follow(
    argv: Sequence[str | Path],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run to the end, handing over each line of its output as it comes. Raises ClusterError like `run`."""
    tail: deque[str] = deque(maxlen=TAIL)
    with subprocess.Popen(
        [str(a) for a in argv],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                tail.append(line.rstrip())
                on_line(line.rstrip())
        except BaseException:  # interrupted: a build that went on unseen would write where the next one does
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)
            process.kill()
            raise
    if process.returncode:
        raise _failed(argv, process.returncode, list(tail))


def _failed(argv: Sequence[str | Path], code: int, lines: Sequence[str]) -> ClusterError:
    said = "\n".join(f"    {line}" for line in lines[-TAIL:])
    return ClusterError(f"`{' '.join(str(a) for a in argv)}` ended with {code}:\n{said}")
