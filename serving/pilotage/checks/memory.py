"""A model may ask for any amount of memory: 64 bytes of ConstantOfShape took 1.6 GiB. This process gets a limit."""

import resource

# How an exhausted limit reads: ONNX Runtime's arena, C++, Python.
_SIGNS = ("Failed to allocate memory", "bad_alloc", "bad allocation", "MemoryError")


def limit_memory(limit: int) -> None:
    """Let this process, for the rest of its life, hold at most `limit` bytes of data (heap and anonymous maps).

    RLIMIT_DATA rather than RLIMIT_AS: libraries reserve much address space that costs no memory.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def is_memory_failure(error: Exception) -> bool:
    """Whether the limit was the reason, as far as texts tell: the libraries have no type for it."""
    return any(sign in f"{error!r} {error.__cause__!r}" for sign in _SIGNS)
