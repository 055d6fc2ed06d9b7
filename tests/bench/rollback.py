"""How a version is taken back half of whose answers are errors: seconds and failed requests.

The case is the one that Argo Rollouts and Flagger were measured on: 200 requests a second, 4 replicas, a canary of
25 %, scrapes and intervals of 5 s. On a running cluster:

    python3 -m tests.cluster exec --name test -- .venv/bin/python -m tests.bench.rollback [--gateway] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from tests import models
from tests.e2e.manifests import REGISTRY, Published
from tests.e2e.world import ROOT, World, kubectl
from tests.load import Tally

NAMESPACE = "bench-rollback"
SPEC = {
    "replicas": 4,
    "rollout": {"steps": [{"weight": 25, "for": "60s"}], "bake": {"for": "10s"}},
    "analysis": {
        "interval": "5s",
        "checks": [
            {"errorRate": {"maxIncrease": 0.01}},
            {"latency": {"quantile": 0.95, "maxRatio": 1.3, "minDifference": "50ms"}},
        ],
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rollback", description=__doc__)
    parser.add_argument("--gateway", action="store_true", help="exact weights, not replica shares")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    with tempfile.TemporaryDirectory() as folder:
        rounds = [_round(Path(folder), given.gateway, number) for number in range(given.rounds)]
    mode = "gateway" if given.gateway else "replica shares"
    print(f"\n{mode}: rounds, seconds from the first bad answer until the last, failed requests, lost")
    for number, (seconds, failed, lost) in enumerate(rounds, 1):
        print(f"  {number}  {seconds:5.1f} s  {failed:5d}  {lost}")
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    print(f"  median {medians[0]:.1f} s, {medians[1]:.0f} failed, {medians[2]:.0f} lost")


def _round(folder: Path, gateway: bool, number: int) -> tuple[float, int, int]:
    namespace = f"{NAMESPACE}-{number}"
    kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait")
    kubectl("create", "namespace", namespace)
    published = {}
    for which in ("v1", "v3"):
        bundle = models.build(which, which, folder / f"{which}-{number}")
        bundle.push(f"oci://{REGISTRY}/models/tumour", plain_http=True)
        published[which] = Published(f"oci://{REGISTRY}/models/tumour", bundle.digest)
    world = World(namespace, models.live_bodies(folder / "live.jsonl"), published, gateway=gateway)
    world.install()
    world.serving("v1", **SPEC)
    with world.load(rate=200.0) as load:
        time.sleep(30)  # stable's past, as a version that has served for a while has
        world.release("v3")
        world.until_phase("RolledBack", "v1")
        world.until("nothing reaches it", lambda s: "canary" not in s)
        time.sleep(8)
        tally = load.stop()
    changes = _changes(load.history)
    kubectl("delete", "namespace", namespace, "--wait=false")
    print(f"round {number + 1}: {tally.dump()}")
    return changes[-1] - changes[0], tally.failed(), tally.lost


def _changes(history: list[tuple[float, Tally]]) -> list[float]:
    """The seconds in which requests failed."""
    pairs = pairwise(history)
    return [at for (_, before), (at, after) in pairs if after.failed() > before.failed()]


if __name__ == "__main__":
    main()
