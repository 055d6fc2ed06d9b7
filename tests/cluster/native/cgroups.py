"""The control groups of a cluster's pods: one folder in each hierarchy, there before the kubelet starts."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.errors import ClusterError

MOUNT = Path("/sys/fs/cgroup")
REMOVAL_SECONDS = 10


def parent(name: str) -> str:
    """The group of all pods of a cluster, as the kubelet names it."""
    return f"/pilotage-{name}"


def create(name: str) -> None:
    """Make the cluster's group in every hierarchy; the kubelet demands that it exists."""
    for hierarchy in _hierarchies():
        group = hierarchy / parent(name)[1:]
        group.mkdir(exist_ok=True)
        if hierarchy.name == "cpuset":
            for setting in ("cpuset.cpus", "cpuset.mems"):
                (group / setting).write_text((hierarchy / setting).read_text())


def remove(name: str) -> None:
    """Remove the cluster's groups; their processes are gone or going."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    for hierarchy in _hierarchies():
        group = hierarchy / parent(name)[1:]
        while group.exists():
            for folder in sorted([group, *(f for f in group.rglob("*") if f.is_dir())], reverse=True):
                with contextlib.suppress(OSError):  # busy until its last process is reaped
                    folder.rmdir()
            if time.monotonic() > deadline:
                raise ClusterError(f"processes are left in {group}: end those in its cgroup.procs, then `down` again")
            time.sleep(0.02)


def _hierarchies() -> Iterator[Path]:
    """The one of cgroup v2, or those of v1."""
    if (MOUNT / "cgroup.controllers").exists():
        yield MOUNT
        return
    yield from (folder for folder in MOUNT.iterdir() if (folder / "cgroup.procs").exists() and not folder.is_symlink())
