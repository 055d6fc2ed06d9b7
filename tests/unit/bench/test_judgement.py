"""The study's rivals on traffic written by hand, and how its runs are kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from tests.bench.judgement import ours
from tests.bench.judgement.cells import Cell, cells
from tests.bench.judgement.rivals import RIVALS
from tests.bench.judgement.runs import known, run
from tests.bench.judgement.summary import found, of, share
from tests.bench.judgement.worlds import HISTORY, WORLDS, Change, Traffic, World, traffic


def by_hand(errors: list[int], requests: int = 100) -> Traffic:
    """Stable answers everything; the canary has so many errors in each interval."""
    length = HISTORY + len(errors)
    n = np.full((length, 1), requests)
    e = np.array([0] * HISTORY + errors)[:, None]
    return Traffic((n * 3, n * 0), (n, e), np.array([0.0] * HISTORY + [0.25] * len(errors)))


@pytest.mark.parametrize(
    ("rival", "errors", "requests", "at"),
    [
        pytest.param("Argo Rollouts, 5 s", [0] * 20 + [50] * 20, 100, 20, id="the first minute beyond the limit"),
        pytest.param("Argo Rollouts, 60 s", [0] * 20 + [50] * 20, 100, 23, id="at the end of its own minute"),
        pytest.param("Flagger, 5 at 60 s", [50] * 90, 100, 59, id="five minutes"),
        pytest.param("Flagger, 3 at 15 s", [50] * 90, 100, 8, id="three quarters of one"),
        pytest.param("Flagger, 3 at 15 s", [0] * 90, 0, 8, id="no traffic is a failed look"),
        pytest.param("Kayenta, Mann-Whitney", [50] * 90, 100, 19, id="as soon as there are twenty"),
        pytest.param("Kayenta, Mann-Whitney", [0] * 90, 100, None, id="no errors at all"),
        pytest.param("Argo Rollouts, 60 s", [1] * 90, 100, None, id="at the limit"),
    ],
)
def test_a_rival(rival: str, errors: list[int], requests: int, at: int | None) -> None:
    assert RIVALS[rival](by_hand(errors, requests), 0.02) == at


def test_ours_takes_the_fast_path_in_the_study_as_well() -> None:
    assert ours.errors(by_hand([500] * 20, 1000), 0.01, 0.005).failed == 1


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_no_world_has_more_errors_than_requests(world: World) -> None:
    seen = traffic(np.random.default_rng(3), world, 50, 0.05, Change("+5 %", plus=0.05))
    for requests, errors in (seen.stable, seen.canary):
        assert (errors >= 0).all()
        assert (errors <= requests).all()
    assert seen.canary[0][:HISTORY].sum() == 0


def test_runs_are_kept_and_go_on_where_they_stopped(tmp_path: Path) -> None:
    asked: list[float] = []

    def one(rng: Generator) -> Mapping[str, Any]:
        asked.append(rng.random())
        return {"ours": (3, 7)}

    path, cell = tmp_path / "runs.jsonl", Cell("bad", ("a",), 3, one)
    run([cell], path, 60, quick=True)
    path.write_text(path.read_text() + '{"cell": "bad/')
    assert len(known(path)["bad/a"]) == 1
    outcomes = run([cell], path, 60, quick=False)
    assert len(outcomes["bad/a"]) == 3
    assert len(set(asked)) == len(asked) == 3
    assert found(of(outcomes, "bad", "a"), "ours") == "100 % · 4 · 7"


def test_what_was_never_seen_is_bounded() -> None:
    assert share(0, 400) == "0 of 400 (< 0.95 %)"
    assert share(4, 400) == "4 of 400 (1 %)"


def test_every_cell_has_a_name_of_its_own() -> None:
    keys = [cell.key for cell in cells()]
    assert len(set(keys)) == len(keys)
