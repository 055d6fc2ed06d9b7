"""Our server without its figures: what remains of a request's cost when nothing is counted.

`python -m tests.bench.serving.bare serve DIR …` is `pilotage` with the methods that count replaced by nothing, before
anything is built from them.
"""

from __future__ import annotations

import sys
from typing import Any

from pilotage.cli import main
from pilotage.runtime.metrics import Metrics

COUNTING = ("answered", "waited", "ran", "note", "shed")


def _nothing(*_: Any, **__: Any) -> None:
    return None


for method in COUNTING:
    setattr(Metrics, method, _nothing)

if __name__ == "__main__":
    sys.exit(main())
