"""What a machine must have, checked before anything is begun: one line says what is missing and what to do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster import cache
from tests.cluster.errors import ClusterError
from tests.cluster.shell import run

GO = (1, 26)
DISK_TO_BUILD = 14
DISK_TO_RUN = 3
"""GiB in the cache's file system: measured use of all builds with Go's own cache, and of a running cluster."""

MEMORY = 3
"""GiB available: a cluster with the gateway and a demo's pods takes about 2."""

GIB = 2**30


def check_machine() -> None:
    """Raise ClusterError for the first thing without which nothing can run."""
    if sys.platform != "linux":
        raise ClusterError(f"this is {sys.platform}: the cluster needs Linux; use a virtual machine")
    if os.geteuid() != 0:
        raise ClusterError("not root: namespaces and mounts need it; run the same command with sudo")


def check_build() -> None:
    """Raise ClusterError for the first thing without which nothing can be built."""
    if not shutil.which("apt-get"):
        raise ClusterError("no apt-get: images and some programs come from Debian packages; use Debian or Ubuntu")
    _check_go()
    _check_disk(DISK_TO_BUILD)


def check_start() -> None:
    """Raise ClusterError for the first thing without which a native cluster cannot be started."""
    _check_memory()
    _check_disk(DISK_TO_RUN)
    _check_kernel()


def _check_go() -> None:
    wanted = ".".join(str(part) for part in GO)
    if not shutil.which("go"):
        raise ClusterError(f"no Go: Kubernetes is compiled here; install Go {wanted} or later and put it on PATH")
    found = run(["go", "env", "GOVERSION"]).strip()
    numbers = re.match(r"go(\d+)\.(\d+)", found)
    if numbers and tuple(int(part) for part in numbers.groups()) < GO:
        raise ClusterError(f"Go is {found}: Kubernetes needs {wanted} or later; install it and put it first on PATH")


def _check_kernel() -> None:
    """Bridged packets must be shown to the packet filter, or a pod cannot reach its neighbour through a Service."""
    setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not setting.exists() and shutil.which("modprobe"):
        subprocess.run(["modprobe", "br_netfilter"], capture_output=True)
    if not setting.exists():
        raise ClusterError("the kernel has no br_netfilter: load the module, or use a kernel that has it")


def _check_disk(needed: int) -> None:
    folder = cache.root()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / GIB
    if free < needed:
        raise ClusterError(
            f"{free:.1f} GiB are free at {folder}, {needed} are needed: free some, or set XDG_CACHE_HOME elsewhere"
        )


def _check_memory() -> None:
    meminfo = Path("/proc/meminfo").read_text()
    available = int(re.findall(r"MemAvailable:\s+(\d+) kB", meminfo)[0]) * 1024 / GIB
    if available < MEMORY:
        raise ClusterError(f"{available:.1f} GiB of memory are available, {MEMORY} are needed: stop something")
