"""Runs the study and writes docs/judgement.md: `python -m tests.bench.judgement [--quick] [--minutes M]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench.judgement.cells import cells
from tests.bench.judgement.page import page
from tests.bench.judgement.plots import plots
from tests.bench.judgement.runs import run

HERE = Path(__file__).parents[3]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.judgement", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a run or two of each cell, a minute in all")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so many; what was done is kept")
    parser.add_argument("--runs", type=Path, default=HERE / "build" / "judgement.jsonl", help="where runs are kept")
    parser.add_argument("--into", type=Path, default=HERE / "docs", help="where the page goes")
    given = parser.parse_args()
    found = run(cells(), given.runs, 60 * given.minutes, quick=given.quick)
    given.into.mkdir(parents=True, exist_ok=True)
    plots(found, given.into)
    path = given.into / "judgement.md"
    path.write_text(page(found))
    print(f"{sum(map(len, found.values())):,} runs; wrote {path}", file=sys.stderr)


main()
