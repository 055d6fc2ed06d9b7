"""Runs what is missing, in any number of sittings: outcomes stand in a file, one line each."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from tests.bench.judgement.cells import Cell

Outcomes = Mapping[str, Sequence[Mapping[str, Any]]]
"""By cell; of each run one."""


def known(path: Path) -> dict[str, list[dict[str, Any]]]:
    """What earlier sittings left; a line that was cut off is done again."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        found.setdefault(entry["cell"], []).append(entry["outcome"])
    return found


def run(cells: Sequence[Cell], path: Path, seconds: float, *, quick: bool) -> Outcomes:
    """Round after round, one run of each cell, until all are done or time is up; every run has its own seed.

    The order of cells is mixed, so that what is there when time is up is of every table.
    """
    found, began = known(path), time.monotonic()
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = {cell.key: cell.quick if quick else cell.runs for cell in cells}
    missing = sum(max(0, n - len(found.get(key, []))) for key, n in wanted.items())
    done = 0
    with path.open("a") as file:
        for number in range(max(wanted.values())):
            for cell in sorted(cells, key=lambda cell: crc32(cell.key.encode())):
                if len(found.get(cell.key, [])) > number or number >= wanted[cell.key]:
                    continue
                if time.monotonic() - began > seconds:
                    return found
                outcome = dict(cell.run(np.random.default_rng([crc32(cell.key.encode()), number])))
                found.setdefault(cell.key, []).append(outcome)
                file.write(json.dumps({"cell": cell.key, "outcome": outcome}) + "\n")
                file.flush()
                done += 1
                _say(f"{done} of {missing} runs, {time.monotonic() - began:.0f} s: {cell.key}")
    return found


def _say(text: str) -> None:
    end = "\r" if sys.stderr.isatty() else "\n"
    if sys.stderr.isatty() or text.split()[0].endswith("00"):
        print(f"{text:<110}", end=end, file=sys.stderr, flush=True)
