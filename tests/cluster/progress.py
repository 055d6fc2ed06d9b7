"""Tell what is being built, why, how far it is and how long it has taken: on a terminal and in a plain log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Note = Callable[[str], None]

TERMINAL_PERIOD = 0.2
"""Seconds between two rewrites of the line on a terminal."""

WIDTH = 110

LOG_PERIOD = 15.0
"""Seconds between two lines where there is no terminal."""


def say(text: str) -> None:
    """One line for the user. Standard output is kept for what a script would read."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(number: int, total: int, title: str, why: str) -> Iterator[Note]:
    """Announce a step; what it yields takes a few words about how far the step is."""
    label = f"[{number}/{total}] {title}"
    say(f"{label}: {why}")
    terminal = sys.stderr.isatty()
    began = last = time.monotonic()

    def note(text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < (TERMINAL_PERIOD if terminal else LOG_PERIOD):
            return
        last = now
        line = f"{label}: {elapsed(now - began)}, {text}"[:WIDTH]
        print(f"\r\x1b[K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)

    try:
        yield note
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr)
    say(f"{label}: done in {elapsed(time.monotonic() - began)}")


def elapsed(seconds: float) -> str:
    """`elapsed(75.2)` is "1 min 15 s"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
