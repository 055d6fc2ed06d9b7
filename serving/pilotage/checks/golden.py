"""Replays the golden requests and compares the answers with those that the bundle promises."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pilotage.bundle.errors import BundleError
from pilotage.bundle.golden import Golden
from pilotage.checks.report import Finding
from pilotage.runtime.door import Door
from pilotage.runtime.session import Session

Array = np.ndarray[Any, np.dtype[Any]]


def replay(session: Session, door: Door, pairs: Sequence[Golden], rtol: float, atol: float) -> Finding:
    """The finding over all requests; its figure is the largest difference |a - b| of any answer.

    Figures agree when |a - b| <= atol + rtol·|b|, b being the promised one; anything else must be equal.
    Raises BundleError("golden", …) at the first request whose answer differs or that a server would refuse, RunError
    when the model fails.
    """
    limit = f"{atol:g} + {rtol:g}·|value|"
    largest = 0.0
    for number, pair in enumerate(pairs, start=1):
        answers = session.run(dict(pair.inputs))
        for refusal in door.check(pair.inputs, starts=(0,)):
            raise BundleError("golden", f"golden request {number} is not within the contract: {refusal.message()}")
        for name, expected in pair.outputs.items():
            if name not in answers:
                raise BundleError(
                    "golden", f"golden request {number} promises {name!r}, which the model does not answer"
                )
            difference = _compare(f"golden request {number}, output {name!r}", answers[name], expected, rtol, atol)
            largest = max(largest, difference)
    return Finding("golden", "pass", f"{largest:.3g}", limit, f"{len(pairs)} requests answered as promised")


def _compare(where: str, found: Array, expected: Array, rtol: float, atol: float) -> float:
    limit = f"{atol:g} + {rtol:g}·|value|"
    if found.shape != expected.shape:
        raise BundleError(
            "golden", f"{where}: the shape differs", figure=str(list(found.shape)), limit=str(list(expected.shape))
        )
    if expected.dtype.kind != "f":
        if (found.astype(str) != expected.astype(str)).any():
            wrong = int((found.astype(str) != expected.astype(str)).argmax())
            raise BundleError(
                "golden",
                f"{where}: {found.flat[wrong]!s} is answered, promised is {expected.flat[wrong]!s}",
                figure=str(found.flat[wrong]),
                limit=str(expected.flat[wrong]),
            )
        return 0.0
    if not np.isfinite(found).all():
        raise BundleError("golden", f"{where}: the answer is not finite", figure="NaN or infinite", limit=limit)
    difference = np.abs(found.astype(np.float64) - expected)
    if not np.all(difference <= atol + rtol * np.abs(expected)):
        worst = f"{float(np.max(difference)):.3g}"
        raise BundleError(
            "golden", f"{where}: the answer differs by {worst} from the promised", figure=worst, limit=limit
        )
    return float(np.max(difference, initial=0.0))
