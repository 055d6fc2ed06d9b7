"""Probes models that were spoilt at random, as a Job would: in a process of their own with a memory limit.

A run by hand, which goes on with new seeds until the time is over:

    python -m tests.component.bundle.fuzz_models SECONDS [FIRST_SEED]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pilotage
from pilotage.bundle.digest import write_manifest
from pilotage.bundle.format import MODEL
from pilotage.checks.probe import probe
from tests.unit.bundle.mutations import mutated

_MEMORY = 600 << 20
_PATIENCE = 120.0  # seconds for one process
_AT_ONCE = 100


@dataclass(frozen=True)
class Fuzzed:
    """What was said of each seed's model, as `outcome: check`, and how the process ended: 0, or minus a signal."""

    said: dict[int, str]
    code: int
    errors: str


def make_seeds(into: Path) -> list[Path]:
    """Bundles with many kinds of operators: linear, trees, matrices, texts."""
    import numpy as np
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from tests.unit.bundle.bundles import TRAIN, make_bundle, rows

    X, y = rows(gaps=False)
    X = X.astype(np.float32)
    texts = np.array(["benign", "malign"], dtype=object)[y]
    made = [make_bundle(into / "linear").path]
    network = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=300, tol=0.01, random_state=0))
    forest = RandomForestClassifier(3, max_depth=3, random_state=0)
    estimators: list[tuple[str, Any, Any]] = [
        ("forest", forest, y),
        ("boosting", GradientBoostingClassifier(n_estimators=3), y),
        ("network", network, texts),
    ]
    for name, estimator, truth in estimators:
        estimator.fit(X[:TRAIN], truth[:TRAIN])
        bundle = pilotage.bundle(
            estimator, X[:TRAIN], X[TRAIN:], truth[TRAIN:], name="fraud", version="1", into=into / name
        )
        made.append(bundle.path)
    return made


def fuzz(bundles: list[Path], first: int, count: int) -> Fuzzed:
    """Probe `count` models in one process."""
    command = [sys.executable, "-m", __spec__.name, "--probe", str(first), str(count), *map(str, bundles)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired as late:
        output = late.stdout.decode() if isinstance(late.stdout, bytes) else ""
        return Fuzzed(_read(output), 124, "no end")
    return Fuzzed(_read(ended.stdout), ended.returncode, ended.stderr[-2000:])


def _read(output: str) -> dict[int, str]:
    lines = (json.loads(line) for line in output.splitlines() if line.startswith("["))
    return {seed: said for seed, said in lines}


def _probe_all(first: int, count: int, bundles: list[Path]) -> Iterator[tuple[int, str]]:
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(shutil.copytree(bundle, Path(scratch) / bundle.name)) for bundle in bundles]
        originals = [(folder / MODEL).read_bytes() for folder in folders]
        for seed in range(first, first + count):
            which = seed % len(folders)
            (folders[which] / MODEL).write_bytes(mutated(originals[which], seed))
            write_manifest(folders[which])
            report = probe(folders[which], rtol=1e-4, atol=1e-5, memory=_MEMORY)
            yield seed, f"{report.outcome}: {report.findings[-1].check}"


def _run_by_hand(seconds: float, first: int) -> int:
    tally: Counter[str] = Counter()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        bundles = make_seeds(Path(scratch))
        end = monotonic() + seconds
        while monotonic() < end:
            result = fuzz(bundles, first, _AT_ONCE)
            tally.update(result.said.values())
            done = len(result.said)
            if result.code:
                failed += 1
                print(f"seed {first + done} ended the process with {result.code}: {result.errors}", flush=True)
                done += 1
            first += done
    print(f"{sum(tally.values())} models in {seconds:.0f} s, {failed} ended the process; next seed {first}")
    print(json.dumps(dict(tally.most_common()), indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1] == "--probe":
        for line in _probe_all(int(sys.argv[2]), int(sys.argv[3]), [Path(path) for path in sys.argv[4:]]):
            print(json.dumps(line), flush=True)
        sys.stdout.flush()
        os._exit(0)
    sys.exit(_run_by_hand(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000))
