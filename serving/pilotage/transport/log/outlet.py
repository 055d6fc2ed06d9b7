"""A bounded queue to one daemon thread: the loop hands over and goes on, whatever the other end does.

What finds the queue full, or does not arrive after some attempts, is dropped and counted.
"""

import logging
import math
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, Protocol, TypeVar

log = logging.getLogger(__name__)

_TELL_SECONDS = 60.0

Item = TypeVar("Item")
Sent = TypeVar("Sent", contravariant=True)


class Undelivered(Exception):
    """What was to be sent did not arrive, and why; `again`: the same may arrive later."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


class Sink(Protocol[Sent]):
    """Where it goes; `send` may take its time, but not forever."""

    name: str
    most: int  # items of one call

    def send(self, items: Sequence[Sent]) -> None:
        """Raises Undelivered."""


@dataclass(frozen=True)
class Patience:
    """How often one batch is sent, and the seconds between attempts: doubled at each failure in a row, ±50 %."""

    attempts: int = 3
    first: float = 0.25
    longest: float = 15.0

    def pause(self, failures: int) -> float:
        """Before the next attempt, after so many failures in a row."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30)) * random.uniform(0.5, 1.5)


class Outlet(Generic[Item]):
    """`put` is for one thread, the loop's; the counts may be read by any."""

    def __init__(self, sink: Sink[Item], *, capacity: int, patience: Patience | None = None) -> None:
        self._sink = sink
        self._capacity = capacity
        self._patience = patience or Patience()
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._ending = threading.Event()
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name=f"to {sink.name}", daemon=True)
        self._failures = 0  # in a row
        self._told_at = -math.inf
        self.sent = 0
        self._refused = 0  # counted by the loop
        self._failed = 0  # counted by the thread

    @property
    def dropped(self) -> int:
        """Items that did not arrive."""
        return self._refused + self._failed

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def has_room(self) -> bool:
        """Whether the next one fits; if not it counts as dropped, so that nobody prepares it in vain."""
        if self._queue.qsize() < self._capacity and not self._ending.is_set():
            return True
        self._refused += 1
        return False

    def put(self, item: Item) -> bool:
        """Hand over, or drop; never waits."""
        if not self.has_room():
            return False
        self._queue.put(item)
        return True

    def close(self, seconds: float) -> None:
        """Take nothing more, send what waits for up to `seconds`, and give up on the rest."""
        self._ending.set()
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(seconds)
        self._given_up = True
        left = self._drain()
        self._queue.put(None)  # wakes the thread if it was sending still
        if left:
            self._refused += left
            log.warning("%d items did not get to %s before the end", left, self._sink.name)

    def _drain(self) -> int:
        left = 0
        try:
            while True:
                left += self._queue.get_nowait() is not None
        except Empty:
            return left

    def _run(self) -> None:
        while (batch := self._next_batch()) and not self._given_up:
            if self._arrives(batch):
                self.sent += len(batch)
            else:
                self._failed += len(batch)

    def _next_batch(self) -> list[Item]:
        """What waits, at most what the sink takes at once; waits for the first. Empty at the end."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        while len(batch) < self._sink.most:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if item is None:
                self._queue.put(None)  # for the next call
                break
            batch.append(item)
        return batch

    def _arrives(self, batch: Sequence[Item]) -> bool:
        for attempt in range(self._patience.attempts):
            if self._failures:
                self._ending.wait(self._patience.pause(self._failures))
            if attempt and self._ending.is_set():
                return False
            try:
                self._sink.send(batch)
            except Undelivered as error:
                self._note_failure(error)
                if not error.again:
                    return False
            except Exception:
                log.exception("what was for %s is dropped by a fault of this server", self._sink.name)
                return False
            else:
                self._failures = 0
                return True
        return False

    def _note_failure(self, error: Undelivered) -> None:
        """At most a line a minute: it can go on for days."""
        self._failures += 1
        now = monotonic()
        if now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            log.warning("%s: %s; what does not arrive is dropped and counted", self._sink.name, error)
