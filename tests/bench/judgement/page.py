"""docs/judgement.md, from outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from pilotage_operator.domain.analysis.confidence import wilson
from tests.bench.judgement.cells import ALPHA, BASE, BASES, CHANGES, LIMIT, REQUESTS, WEIGHTS, beyond_limit, cells
from tests.bench.judgement.prose import AFTER, BEFORE, DRIFT, LATENCY, SEVERAL, SHARES, SMALL
from tests.bench.judgement.rivals import RIVALS
from tests.bench.judgement.runs import Outcomes
from tests.bench.judgement.summary import JUDGES, OURS, Run, found, of, rolled_back, share, verdicts
from tests.bench.judgement.worlds import WORLDS

NAMES = ["Pilotage", *RIVALS]


def page(outcomes: Outcomes) -> str:
    """The whole page; every figure with the number of runs behind it."""
    parts = [
        BEFORE,
        f"{sum(map(len, outcomes.values())):,} rollouts were simulated; each table says how many are its own.",
        *_good(outcomes),
        *_by_traffic(outcomes),
        *_bad(outcomes),
        *_passes(outcomes),
        SMALL,
        _table(
            ["requests per 5 s", "limit", "found · interval · bad answers", "runs"],
            ([*labels, found(runs, OURS), str(len(runs))] for labels, runs in _cells(outcomes, "small")),
        ),
        SHARES,
        _checks(outcomes, "shares", ["requests per 5 s", "share of the class"]),
        DRIFT,
        _checks(outcomes, "drift", ["requests per 5 s", "shift", "its PSI"]),
        LATENCY,
        _checks(outcomes, "latency", ["requests per 5 s", "time to answer"]),
        SEVERAL,
        *_several(outcomes),
        AFTER,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _good(outcomes: Outcomes) -> list[str]:
    rows = []
    for world in WORLDS:
        runs = of(outcomes, "good", world.name)
        rows.append([world.name, share(*rolled_back(runs, OURS)), *(_percent(runs, rival) for rival in RIVALS)])
    head = (
        "## Good versions that are rolled back\n\n"
        f"The canary is stable's twin. Base error rates {', '.join(f'{base:.1%}' for base in BASES)}; 10 to 10,000 "
        "requests in 5 s; 5, 25, then 50 % of the traffic for half an hour. errorRate with its limit at "
        f"{LIMIT:.0%} and a chance of a false rollback of {ALPHA:.1%}, as one of two checks has it."
    )
    return [head, _table(["world", *NAMES], rows), "![Good versions rolled back](judgement-good.png)"]


def _by_traffic(outcomes: Outcomes) -> list[str]:
    rows = []
    for n in REQUESTS:
        runs = [run for world in WORLDS[:-1] for run in of(outcomes, "good", world.name, f"{n:,}")]
        rows.append([f"{n:,}", share(*rolled_back(runs, OURS)), *(_percent(runs, rival) for rival in RIVALS)])
    everything = [run for world in WORLDS[:-1] for run in of(outcomes, "good", world.name)]
    return [
        "The same by traffic, all worlds but the last together:",
        _table(["requests per 5 s", *NAMES], rows),
        f"Of all these together Pilotage rolled back {share(*rolled_back(everything, OURS))}. In brackets, where none "
        "was seen: what the truth is below, with 97.5 % confidence. The last world is the one that it does not master.",
    ]


def _percent(runs: Sequence[Run], judge: str) -> str:
    count, total = rolled_back(runs, judge)
    return f"{100 * count / total:.1f} %" if total else "–"


def _bad(outcomes: Outcomes) -> list[str]:
    head = (
        "## Bad versions\n\nBase error rate 1 %. In each field: found within half an hour · median interval of 5 s in "
        "which it was · median bad answers of the canary by then, or by the end."
    )
    rows = []
    for where in WEIGHTS:
        for change in CHANGES:
            for n in REQUESTS:
                runs = of(outcomes, "bad", f"{n:,}", change.name, where)
                rows.append([f"{n:,}", change.name, where, *(found(runs, judge) for judge in JUDGES), str(len(runs))])
    table = _table(["requests per 5 s", "errors", "weight", *NAMES, "runs"], rows)
    return [head, table, "![Bad answers until rollback](judgement-bad.png)", _careful(outcomes)]


def _careful(outcomes: Outcomes) -> str:
    """Beside rivals that rolled no good version back in the kindest world: who serves fewer bad answers."""
    fewer, others, runs = 0, [], 0
    for rival in RIVALS:
        for n in REQUESTS:
            good = of(outcomes, "good", WORLDS[0].name, f"{n:,}", f"{BASE:.1%}")
            if not good or rolled_back(good, rival)[0]:
                continue
            runs = len(good)
            for change in filter(beyond_limit, CHANGES):
                for where in WEIGHTS:
                    bad = of(outcomes, "bad", f"{n:,}", change.name, where)
                    mine, theirs = (median(run[judge][1] for run in bad) for judge in (OURS, rival))
                    if mine < theirs:
                        fewer += 1
                    else:
                        others.append(f"{rival} at {n:,}, errors {change.name}, {where} ({mine:g}, not {theirs:g})")
    bound = f"{100 * wilson(max(runs, 1), 0)[1]:.0f} %"
    return (
        "Errors +1 %, ×2 and ×1.5 are within the limit, which allows one answer in a hundred more: whoever takes them "
        "back, takes back what was allowed. For the others only a rival is a fair comparison that leaves good versions "
        "alone. Over all worlds none does (see above). In the kindest one, independent requests at 1 % of errors, some "
        f"rolled back none of {runs} good versions, by which their chance is known to be below {bound} and no more. "
        f"Beside these, at the same traffic, Pilotage served fewer bad answers in {fewer} cells, and not in "
        f"{len(others)}{': ' if others else ''}{'; '.join(others)}."
    )


def _passes(outcomes: Outcomes) -> list[str]:
    head = (
        "## How long a good version takes to pass\n\nIn 5 s intervals from its first request, base error rate 1 %, "
        "limit 1 %, with the steps above."
    )
    rows = []
    for n in REQUESTS:
        runs = of(outcomes, "good", WORLDS[0].name, f"{n:,}", f"{BASE:.1%}")
        ends = sorted(run["passed"] + 1 for run in runs if run["passed"] is not None)
        middle = str(ends[len(ends) // 2]) if ends else "–"
        rows.append([f"{n:,}", f"{100 * len(ends) / len(runs):.0f} %" if runs else "–", middle, str(len(runs))])
    return [head, _table(["requests per 5 s", "pass within half an hour", "median interval", "runs"], rows)]


def _several(outcomes: Outcomes) -> list[str]:
    names = ["errorRate", "inputQuality", "predictionShare", "predictionDrift", "any", "all passed"]
    rows = [
        [*labels, *(str(sum(bool(run[name]) for run in runs)) for name in names), str(len(runs))]
        for labels, runs in _cells(outcomes, "several")
    ]
    return [_table(["requests per 5 s", *names, "runs"], rows)]


def _checks(outcomes: Outcomes, table: str, labels: list[str]) -> str:
    rows = [[*names, *verdicts(runs).split(" | ")] for names, runs in _cells(outcomes, table)]
    return _table([*labels, "fails · interval", "passes · interval", "runs"], rows)


def _cells(outcomes: Outcomes, table: str) -> Iterable[tuple[list[str], list[Run]]]:
    for cell in cells():
        if cell.table == table:
            yield list(cell.labels), list(outcomes.get(cell.key, []))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
