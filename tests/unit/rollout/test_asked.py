"""Annotations as people write them, and what becomes of those that cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage_operator.api import names
from pilotage_operator.domain.rollout.asked import commands
from pilotage_operator.domain.rollout.seen import Command


def asked(action: str, word: str, by: str = "ann") -> dict[str, str]:
    return {f"pilotage.dev/{action}": word, f"pilotage.dev/{action}-by": by}


def test_an_action_its_revision_its_attempt_and_who_asked() -> None:
    assert commands(asked("pause", "a1/0123456789/2")) == (Command("pause", "a1", "0123456789", 2, "ann"),)


def test_a_rollback_may_name_where_to() -> None:
    (command,) = commands(asked("rollback", "a1/0123456789/2/abcdef0123"))
    assert (command.to, command.key) == ("abcdef0123", "rollback/a1/0123456789/2/abcdef0123")


def test_other_annotations_are_nobodys_business() -> None:
    assert commands({"pilotage.dev/pause-by": "ann", "team": "fraud", "pilotage.dev/dance": "a/b/1"}) == ()


@pytest.mark.parametrize(
    "word",
    ["yes", "a1/0123456789", "a1/0123456789/x", "a1/0123456789/²", "a1/0123456789/1/abcdef0123", "/0123456789/1",
     "a b/0123456789/1", "a1/fraud-v2/1", "a1/0123456789/-1", f"a1/0123456789/{9 * 5000}9999999", "x" * 5000],
)  # fmt: skip
def test_what_cannot_be_read_says_how_it_is_written(word: str) -> None:
    (command,) = commands(asked("pause", word))
    assert "write pilotage.dev/pause as <id>/<revision>/<attempt>, not" in command.problem
    assert len(command.key) <= 120


@given(
    st.dictionaries(st.sampled_from([f"pilotage.dev/{a}{b}" for a in names.ACTIONS for b in ("", "-by")]), st.text())
)
def test_whatever_stands_there_is_borne(annotations: dict[str, str]) -> None:
    for command in commands(annotations):
        assert command.key.isprintable()
        assert command.by.isprintable()
