"""A keyed work queue: a key waits once however often it is added, and is worked on by one worker at a time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Generic, TypeVar

FIRST_BACKOFF = 0.5  # seconds after the first failure; doubled with each further one, and jittered
LONGEST_BACKOFF = 60.0

Key = TypeVar("Key")


class Queue(Generic[Key]):
    """Keys with the time at which they are due; `clock` is monotonic seconds.

    A key that is added while it is worked on runs again afterwards. Of several times the earliest counts.
    """

    def __init__(self, clock: Callable[[], float], jitter: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._jitter = jitter
        self._due: dict[Key, float] = {}
        self._working: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Keys that are due now and not worked on yet."""
        now = self._clock()
        return sum(1 for key, at in self._due.items() if at <= now and key not in self._working)

    def add(self, key: Key, after: float = 0.0) -> None:
        """Makes a key due in so many seconds, or earlier where it already was."""
        at = self._clock() + max(0.0, after)
        self._due[key] = min(at, self._due.get(key, at))
        self._changed.set()

    async def take(self) -> Key:
        """The key that is longest due; it is the caller's until `done` or `failed`."""
        while True:
            key, wait = self._next()
            if key is not None:
                del self._due[key]
                self._working.add(key)
                return key
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def _next(self) -> tuple[Key | None, float | None]:
        """The key to take, or how long to wait for one; None waits for a change."""
        free = [(at, key) for key, at in self._due.items() if key not in self._working]
        if not free:
            return None, None
        at, key = min(free, key=lambda pair: pair[0])
        wait = at - self._clock()
        return (key, None) if wait <= 0 else (None, wait)

    def done(self, key: Key, again: float | None = None) -> None:
        """The pass went well; the next one is due in `again` seconds, or when something wakes the key."""
        self._failures.pop(key, None)
        self._release(key)
        if again is not None:
            self.add(key, again)

    def failed(self, key: Key, at_least: float = 0.0) -> float:
        """The pass went wrong: the key is due again after a growing, jittered wait, which is returned."""
        count = self._failures.get(key, 0)
        self._failures[key] = min(count + 1, 16)
        wait: float = max(at_least, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0**count) * (0.5 + 0.5 * self._jitter()))
        self._release(key)
        self.add(key, wait)
        return wait

    def _release(self, key: Key) -> None:
        self._working.discard(key)
        self._changed.set()
