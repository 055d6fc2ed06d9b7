"""Run a program of this machine in another network."""

from collections.abc import Sequence
from pathlib import Path


def network(pid: int, resolver: Path, argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` in the network of process `pid`, with `resolver` as its /etc/resolv.conf.

    Each step becomes the next one by exec, so terminal, signals and exit code are those of `argv`.
    """
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "unshare", "--mount", "sh", "-c", script, str(resolver), *argv]
