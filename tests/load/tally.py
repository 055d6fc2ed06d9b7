"""What became of the requests: every one is either answered, by a version and with a code, or lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """Counts since the load began. `answers` is by (version, code); a lost request got no whole answer."""

    sent: int = 0
    lost: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> int:
        return sum(self.answers.values())

    def of(self, version: str) -> int:
        """Answers of one version, whatever their code."""
        return sum(count for (who, _), count in self.answers.items() if who == version)

    def failed(self, version: str | None = None) -> int:
        """Answers with a 5xx, of one version or of all."""
        return sum(n for (who, code), n in self.answers.items() if code >= 500 and version in (None, who))

    def dump(self) -> dict[str, Any]:
        answers = [[who, code, count] for (who, code), count in sorted(self.answers.items())]
        return {"sent": self.sent, "lost": self.lost, "answers": answers, "losses": dict(self.losses)}

    @classmethod
    def load(cls, body: dict[str, Any]) -> Tally:
        answers = Counter({(who, code): count for who, code, count in body["answers"]})
        return cls(body["sent"], body["lost"], answers, Counter(body["losses"]))

    def since(self, before: Tally) -> Tally:
        """What came after an earlier tally of the same load."""
        return Tally(
            self.sent - before.sent,
            self.lost - before.lost,
            self.answers - before.answers,
            self.losses - before.losses,
        )
