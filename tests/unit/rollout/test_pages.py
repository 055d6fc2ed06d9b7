"""What docs/ says of the rollout is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from pilotage_operator.api.conditions import ConditionReason
from pilotage_operator.domain.rollout import pages
from pilotage_operator.domain.rollout.reasons import CONDITIONS, EVENTS, REASONS
from pilotage_operator.domain.rollout.state import Reason

ROOT = Path(__file__).parents[3]
OPERATOR = ROOT / "operator/pilotage_operator"


def test_every_reason_says_what_to_do() -> None:
    assert set(REASONS) == set(Reason)
    assert set(CONDITIONS) == set(ConditionReason)
    assert all(e.means.endswith(".") and e.do.endswith((".", ")")) for e in (*REASONS.values(), *CONDITIONS.values()))


def test_every_event_is_explained() -> None:
    sources = [*(OPERATOR / "domain/rollout").glob("*.py"), *(OPERATOR / "control").glob("modeldeployment.py")]
    said = {w for path in sources for w in re.findall(r'(?:Happening\(\s*|reason=)"([A-Z]\w+)"', path.read_text())}
    said |= {"Promoted", "Returned"}  # one of two words
    assert said == set(EVENTS)


def test_the_committed_pages_are_up_to_date() -> None:
    assert pages.main([str(ROOT / "docs"), "--check"]) == 0
