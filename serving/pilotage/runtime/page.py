"""Writes `docs/metrics.md` from the families: `python -m pilotage.runtime.page FILE [--check]`."""

import argparse
import sys
from pathlib import Path

from pilotage.runtime.families import (
    FAMILIES,
    MOST_CATEGORIES,
    MOST_CLASSES,
    MOST_COLUMNS,
    MOST_FEATURES,
    ON_ALL,
)

_HEAD = """# What a serving pod counts

<!-- Generated from serving/pilotage/runtime/families.py by `make docs`. Do not edit. -->

`GET /metrics` on the serving port, in Prometheus' text format. Every series carries the labels {on_all}: who answers,
and the second in which the process started. A new `start` begins at 0 and a process never counts down, so differences
per pod and start are exact; `rate()` would lose what a pod counted before its first scrape.
"""

_TAIL = """
## Bins

- A feature of numbers has the bins of `reference.json`, each called by its upper edge: `0.5` holds what is above the
  edge before it and at most 0.5, `+Inf` what is above all edges. Values below the contract's `min` are in `below`,
  those above its `max` in `above`, gaps in `missing`, and in no other bin: the bins of a feature sum to its values.
- A feature with categories has a bin for each of them, and `unknown` for what is none of them.
- Columns of outputs have the same bins without `below`, `above` and `missing`. Labels are counted by value.
- Edges, limits and categories are compared as the tensor's datatype carries them: the 0.1 of a client is the 0.1 of
  the contract, in FP32 as well.
- A name that is also a word of ours (`missing`, `below`, `above`, `unknown`, `other`) or that cannot be printed stands
  in double quotes. One of more than 100 letters is cut, and ends in a part of its SHA-256.

## What is bounded

| | counted | beyond |
|---|---|---|
| features of all inputs together | the contract's first {features} | what was refused, as the feature `other` |
| categories of a feature | its first {categories} | `other` |
| columns of outputs | the first {columns} | nothing |
| classes of an output | the {classes} most frequent in training | `other`, with what training never saw |
| rows of one batch | what takes below a millisecond (some 3,000 of 30 features) | every k-th is counted, \
the rest is in `pilotage_rows_unbinned_total` |

Only what was answered is in the bins. A tensor that leaves more dimensions open than the first is not.
"""


def page() -> str:
    """The whole of it."""
    rows = ["| name | type | labels beside those | what it is | what is read from it |", "|---|---|---|---|---|"]
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        rows.append(f"| `{family.name}` | {family.kind} | {labels} | {family.means} | {family.reading} |")
    head = _HEAD.format(on_all=", ".join(f"`{label}`" for label in ON_ALL))
    tail = _TAIL.format(features=MOST_FEATURES, categories=MOST_CATEGORIES, columns=MOST_COLUMNS, classes=MOST_CLASSES)
    return "\n".join([head, *rows, tail])


def main(arguments: list[str] | None = None) -> int:
    """Writes the page; with --check only compares, and returns 1 where it differs."""
    parser = argparse.ArgumentParser(prog="python -m pilotage.runtime.page", description=main.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if options.file.is_file() and options.file.read_text(encoding="utf-8") == page():
        return 0
    if options.check:
        print(f"{options.file} does not match the metrics: run `make docs` and commit it", file=sys.stderr)
        return 1
    options.file.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
