"""What the demo saw, second by second."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.load import Tally


@dataclass(frozen=True)
class Moment:
    """One look: seconds since the start, the status, and what the clients have counted so far."""

    at: float
    status: dict[str, Any]
    tally: Tally


@dataclass
class Record:
    began: float = field(default_factory=time.time)
    moments: list[Moment] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)

    def see(self, status: dict[str, Any], tally: Tally) -> None:
        self.moments.append(Moment(time.time() - self.began, status, tally))

    def mark(self, what: str) -> None:
        """Something that the picture shows as a line."""
        self.marks.append((time.time() - self.began, what))

    def recent(self, seconds: float = 5.0) -> Tally:
        """What was counted in the last seconds."""
        if not self.moments:
            return Tally()
        last = self.moments[-1]
        before = next((m for m in reversed(self.moments) if m.at <= last.at - seconds), self.moments[0])
        return last.tally.since(before.tally)

    def first(self, after: float, holds: Any) -> float | None:
        """When, after a time, a status first held something."""
        return next((m.at for m in self.moments if m.at >= after and holds(m.status)), None)
