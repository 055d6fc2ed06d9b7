"""Our server without its figures: what remains of a request's cost when nothing is counted.

`python -m tests.bench.serving.bare serve DIR …` is `pilotage` with what counts replaced by nothing as soon as the
metrics are made, before anything takes hold of them.
"""

from __future__ import annotations

import sys
from typing import Any

from pilotage.cli import main
from pilotage.runtime.metrics import Metrics

COUNTING = ("answered", "waited", "ran", "note", "shed")

_make = Metrics.__init__


def _make_bare(self: Metrics, *given: Any, **named: Any) -> None:
    _make(self, *given, **named)
    for name in COUNTING:
        assert callable(getattr(self, name)), f"Metrics.{name} is gone: the bench no longer leaves it out"
        setattr(self, name, _nothing)


def _nothing(*_: Any, **__: Any) -> None:
    return None


Metrics.__init__ = _make_bare  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
