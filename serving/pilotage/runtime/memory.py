"""A model may ask for any amount of memory: 64 bytes of ConstantOfShape took 1.6 GiB. It is loaded, and answers for the
first time, under a limit.

A limit that the process sets itself is an error with a sentence; one that the kernel enforces is the end of it.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pilotage.bundle.errors import BundleError
from pilotage.runtime.errors import RunError

# How an exhausted limit reads: ONNX Runtime's arena, C++, Python.
_SIGNS = ("Failed to allocate memory", "bad_alloc", "bad allocation", "MemoryError")
# What the container may have, in a cgroup of version 2 and of version 1. None of them: no limit.
_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_NO_LIMIT = 1 << 60
_STATM = Path("/proc/self/statm")


def limit_memory(limit: int) -> None:
    """Let this process, for the rest of its life, hold at most `limit` bytes of data (heap and anonymous maps).

    RLIMIT_DATA rather than RLIMIT_AS: libraries reserve much address space that costs no memory.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


@contextmanager
def loading(container_limit: int | None = None) -> Iterator[None]:
    """Within it, this process grows by no more than the machine has free, and by twice what the container has left.

    Twice, since arenas reserve more than they touch: a model that fits is never refused by it, and one that wants
    gigabytes ends with a sentence. `container_limit` in bytes; None: as the container's cgroup says.

    Raises BundleError("memory", …) in place of any error whose reason was memory.
    """
    if not _STATM.exists():  # only Linux tells, and keeps, such a limit
        yield
        return
    limit = _container_limit() if container_limit is None else container_limit
    data, resident = _held()
    growth = _free() if limit is None else min(_free(), 2 * max(0, limit - resident))
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = data + growth if hard == resource.RLIM_INFINITY else min(data + growth, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    except (BundleError, RunError, MemoryError) as error:
        if not is_memory_failure(error):
            raise
        has = "this machine has" if limit is None else f"the container's limit of {limit} bytes allows"
        raise BundleError(
            "memory", f"the model wants more memory than {has}; raise the limit, or make the model smaller"
        ) from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def is_memory_failure(error: Exception) -> bool:
    """Whether the limit was the reason, as far as texts tell: the libraries have no type for it."""
    return any(sign in f"{error!r} {error.__cause__!r}" for sign in _SIGNS)


def _container_limit() -> int | None:
    for path in _CONTAINER_LIMITS:
        try:
            said = path.read_text().strip()
        except OSError:
            continue
        return int(said) if said.isdigit() and int(said) < _NO_LIMIT else None
    return None


def _free() -> int:
    """Bytes that the machine could still give without swapping."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return _NO_LIMIT


def _held() -> tuple[int, int]:
    """Bytes of data that this process has mapped, and bytes that it has in memory."""
    _, resident, _, _, _, data, _ = map(int, _STATM.read_text().split())
    return data * resource.getpagesize(), resident * resource.getpagesize()
