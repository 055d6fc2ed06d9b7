"""How a version is taken back half of whose answers are errors: seconds and failed requests.

Enough evidence is looked at twice. In Prometheus: the instant with whose samples the check failed. At the clients: the
same check is fed, without any delay, with what they saw in intervals of 5 s that begin with the canary's first answer;
so what scrapes and the grid of instants cost is in it too.

The case is the one that Argo Rollouts and Flagger were measured on: 200 requests a second, 4 replicas, a canary of
25 %, scrapes and intervals of 5 s. On a running cluster:

    python3 -m tests.cluster exec --name test -- .venv/bin/python -m tests.bench.rollback [--gateway] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from pilotage_operator.api.analysis import Check
from pilotage_operator.control.measure import USUAL_SCRAPE
from pilotage_operator.domain.analysis.budget import part
from pilotage_operator.domain.analysis.counts import Interval, PodCount
from pilotage_operator.domain.analysis.due import due
from pilotage_operator.domain.analysis.error_rate import ErrorRate
from tests import models
from tests.e2e.manifests import REGISTRY, Published
from tests.e2e.world import ROOT, World, kubectl
from tests.load import Tally

NAMESPACE = "bench-rollback"
SPEC: dict[str, Any] = {
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

INTERVAL = 5.0
History = Sequence[tuple[float, Tally]]


class Round(NamedTuple):
    """Seconds from the first bad answer until the last, and from enough evidence until the canary's last answer; counts
    of requests."""

    seconds: float
    from_clients: float
    from_samples: float
    failed: int
    lost: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rollback", description=__doc__)
    parser.add_argument("--gateway", action="store_true", help="exact weights, not replica shares")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    with tempfile.TemporaryDirectory() as folder:
        rounds = [_round(Path(folder), given.gateway, number) for number in range(given.rounds)]
    mode = "gateway" if given.gateway else "replica shares"
    print(
        f"\n{mode}: seconds from the first bad answer to the last; to the canary's last answer from enough evidence at"
    )
    print("the clients, and in Prometheus; failed and lost requests")
    medians = Round(*(statistics.median(column) for column in zip(*rounds, strict=True)))
    for name, row in (*enumerate(rounds, 1), ("median", medians)):
        times = "".join(f"{seconds:7.1f}" for seconds in row[:3])
        print(f"{name:>6} {times} {row.failed:6.0f} {row.lost:4.0f}")


def _round(folder: Path, gateway: bool, number: int) -> Round:
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
        status = world.until("nothing reaches it", lambda s: "canary" not in s)
        time.sleep(8)
        tally = load.stop()
    kubectl("delete", "namespace", namespace, "--wait=false")
    print(f"round {number + 1}: {tally.dump()}")
    seconds = _seconds(load.history)
    bad = [at for at, since in seconds if since.failed()]
    canary = [at for at, since in seconds if since.of("v3")]
    decided = next(entry["at"] for entry in reversed(status["history"]) if entry["event"] == "RolledBack")
    instant = due(datetime.fromisoformat(decided).timestamp(), INTERVAL, USUAL_SCRAPE)
    return Round(
        bad[-1] - bad[0],
        canary[-1] - _enough(load.history, canary[0]),
        canary[-1] - instant,
        tally.failed(),
        tally.lost,
    )


def _seconds(history: History) -> list[tuple[float, Tally]]:
    """What came in each second, with its end."""
    return [(at, after.since(before)) for (_, before), (at, after) in pairwise(history)]


def _enough(history: History, first: float) -> float:
    """The end of the interval by which the check fails; `first`: the second in which the canary answered first."""
    checks = [Check.model_validate(body) for body in SPEC["analysis"]["checks"]]
    check = ErrorRate.begin("errorRate", 0.01, part(checks))
    begin = first - 1 - INTERVAL * ((first - 1 - history[0][0]) // INTERVAL)  # so that one begins with the canary
    while check.verdict != "fail":
        end = begin + INTERVAL
        if end > history[-1][0]:
            raise SystemExit("what the clients saw is not enough to say that v3 is bad")
        came = _until(history, end).since(_until(history, begin))
        canary = (_count(came, "v3"),) if begin >= first - 1 else ()
        check, begin = check.after(Interval(begin, end, (_count(came, "v1"),), canary), share=0.25), end
    return begin


def _until(history: History, at: float) -> Tally:
    return [tally for then, tally in history if then <= at + 0.5][-1]


def _count(came: Tally, version: str) -> PodCount:
    codes = {str(code): n for (who, code), n in came.answers.items() if who == version}
    return PodCount(version, 0, codes, came.of(version))


if __name__ == "__main__":
    main()
