"""What the figures were seen on: two cores, one for the server and one for the load, and the tools on them."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.cluster import cache
from tests.cluster.errors import ClusterError
from tests.cluster.shell import run

PYTHON = Path("/usr/bin/python3")
"""Debian's, which images have too: whoever works on this may have an interpreter that was built without care."""
PACKAGES = ("wrk", "nghttp2-client", "python3-venv")
"""Debian's packages of what is used here."""


@dataclass(frozen=True)
class Cores:
    """Core numbers. Everything of a server runs on one, everything that loads it on the other."""

    server: int
    load: int


def cores() -> Cores:
    """The last and the first that this process may use."""
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        raise ClusterError("the bench needs two cores: one for the server, one for the load")
    return Cores(server=mine[-1], load=mine[0])


def install_tools() -> None:
    """Install what is missing of PACKAGES."""
    missing = [package for package in PACKAGES if not _installed(package)]
    if not missing:
        return
    with cache.locked("apt"):
        run(["apt-get", "update", "-qq"])
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], env=environment)


def python() -> str:
    """The version of PYTHON."""
    return run([PYTHON, "-c", "import platform; print(platform.python_version())"]).strip()


def describe() -> dict[str, str]:
    """The machine and the versions, as the report names them."""
    ours = ("onnxruntime", "numpy", "uvloop", "httptools", "msgspec", "protobuf")
    return {
        "cores": f"{os.cpu_count()} × {_cpu()}",
        "kernel": platform.release(),
        "Python": f"{python()}, Debian's",
        "commit": _commit(),
        "Pilotage's own": ", ".join(f"{name} {installed}" for name in ours if (installed := _version(name))),
        "load": f"wrk {_package('wrk')}, h2load {_package('nghttp2-client')}",
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    changed = run(["git", "status", "--porcelain", "--untracked-files=no", "--", "serving"]).strip()
    return run(["git", "rev-parse", "--short", "HEAD"]).strip() + (" with changes in serving/" if changed else "")


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:  # PackageNotFoundError: a dependency that this commit has not
        return ""


def _package(name: str) -> str:
    return run(["dpkg-query", "-W", "-f", "${Version}", name]).strip()


def _installed(package: str) -> bool:
    asked = ("dpkg-query", "-W", "-f", "${db:Status-Status}", package)
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout == "installed"
