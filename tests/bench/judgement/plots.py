"""Two small pictures: who rolls back good versions, and how many bad answers a bad one gives."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from tests.bench.judgement.cells import CHANGES, REQUESTS, beyond_limit
from tests.bench.judgement.runs import Outcomes
from tests.bench.judgement.summary import JUDGES, OURS, of, rolled_back
from tests.bench.judgement.worlds import WORLDS

LABELS = {OURS: "Pilotage"}


def plots(outcomes: Outcomes, into: Path) -> None:
    """Writes judgement-good.png and judgement-bad.png."""
    _good(outcomes).savefig(into / "judgement-good.png", dpi=110)
    _bad(outcomes).savefig(into / "judgement-bad.png", dpi=110)


def _good(outcomes: Outcomes) -> Figure:
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    for i, judge in enumerate(JUDGES):
        counts = [rolled_back(of(outcomes, "good", world.name), judge) for world in WORLDS]
        shares = [100 * n / runs if runs else 0 for n, runs in counts]
        axes.plot(shares, range(len(WORLDS)), "o", label=LABELS.get(judge, judge), zorder=10 - i)
    axes.set_yticks(range(len(WORLDS)), [world.name for world in WORLDS], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("good versions rolled back, %")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=7, loc="center right")
    return figure


def _bad(outcomes: Outcomes) -> Figure:
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axes, change in zip(figure.subplots(1, len(CHANGES), sharey=True), CHANGES, strict=True):
        for judge in JUDGES:
            runs = [of(outcomes, "bad", f"{n:,}", change.name, "25 %") for n in REQUESTS]
            points = [(n, median(run[judge][1] for run in r)) for n, r in zip(REQUESTS, runs, strict=True) if r]
            counts, bad = [n for n, _ in points], [max(bad, 0.5) for _, bad in points]
            axes.loglog(counts, bad, "o-", ms=3, label=LABELS.get(judge, judge))
        axes.set_title(f"errors {change.name}{'' if beyond_limit(change) else ', allowed'}", fontsize=9)
        axes.set_xlabel("requests per 5 s", fontsize=8)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("bad answers until rollback", fontsize=8)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), fontsize=7, loc="outside lower center", ncols=6)
    return figure
