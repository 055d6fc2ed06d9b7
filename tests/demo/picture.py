"""The picture that the README shows: shares and errors over time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tests.demo.record import Record
from tests.demo.stage import VERSIONS

COLOURS = {"v1": "#7a9cc6", "v2": "#3f7d58", "v3": "#c0503f"}


def draw(record: Record, into: Path) -> None:
    """Two panels under one time: who answered, and what failed."""
    moments = [m for before, m in pairwise([*record.moments[:1], *record.moments]) if m.tally.sent > before.tally.sent]
    times = np.array([m.at for m in moments[1:]])
    steps = [after.tally.since(before.tally) for before, after in pairwise(moments)]
    answered = np.array([max(1, step.answered) for step in steps])
    shares = [np.array([step.of(v) for step in steps]) / answered * 100 for v in VERSIONS]
    figure, (above, below) = plt.subplots(2, 1, figsize=(10, 5.2), sharex=True, height_ratios=[3, 1.3])
    above.stackplot(times, shares, labels=VERSIONS, colors=[COLOURS[v] for v in VERSIONS], step="post", alpha=0.9)
    asked = [(m.status.get("canary") or {}).get("weight", 0) for m in moments[1:]]
    line = {"color": "black", "lw": 1.1, "ls": "--", "drawstyle": "steps-post", "label": "asked for stable"}
    above.plot(times, [100 - weight for weight in asked], **line)
    above.set(ylabel="share of answers, %", ylim=(0, 100), xlim=(times[0], times[-1]))
    above.legend(loc="lower left", ncols=4, framealpha=0.9)
    failed = [100 * step.failed() / n for step, n in zip(steps, answered, strict=True)]
    lost = [100 * step.lost / n for step, n in zip(steps, answered, strict=True)]
    below.fill_between(times, failed, step="post", color=COLOURS["v3"], alpha=0.8, label="5xx, % of answers")
    below.plot(times, lost, color="black", lw=1, label="lost, %")
    below.set(xlabel="seconds", ylabel="%", ylim=(0, max(20.0, *failed)))
    below.legend(loc="upper left", framealpha=0.9)
    for number, (at, what) in enumerate(record.marks):
        for panel in (above, below):
            panel.axvline(at, color="black", lw=0.6)
        above.annotate(what, (at, 100), xytext=(2, 3 + 10 * (number % 2)), textcoords="offset points", fontsize=8)
    figure.tight_layout()
    into.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(into, dpi=110)
    plt.close(figure)
