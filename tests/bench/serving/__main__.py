"""`make bench-serving`: our server beside others, on one core, with one table at the end; see docs/performance.md.

    python -m tests.bench.serving [--quick] [--case NAME …] [--rounds N] [--seconds S]
    python -m tests.bench.serving --render      # writes the page again from the last whole run

Only a whole run writes docs/performance.md.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.bench.serving import contenders, machine, measure, report
from tests.bench.serving.cases import CASES, QUICK
from tests.bench.serving.measure import Bench, Pace
from tests.bench.serving.results import Results
from tests.cluster import cache
from tests.cluster.errors import ClusterError
from tests.cluster.progress import say

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "performance.md"
LAST = ROOT / "build" / "bench-serving.json"
STARTS = 5


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"2 s rounds, three of them, of {', '.join(QUICK)}")
    parser.add_argument(
        "--case", action="append", choices=[*CASES, "starts", "half"], help="only this; may be repeated"
    )
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--render", action="store_true", help="write the page from the last whole run")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the servers are ended, too
    try:
        if given.render:
            report.write(Results.load(LAST), PAGE)
            return 0
        pace = Pace(given.seconds or (2.0 if given.quick else 5.0), given.rounds or (3 if given.quick else 5))
        wanted = given.case or (QUICK if given.quick else (*CASES, "starts", "half"))
        results = run(wanted, pace)
    except ClusterError as error:
        say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted: nothing was written")
        return 130
    print(report.text(results))
    if not given.quick and not given.case:
        results.save(LAST)
        report.write(results, PAGE)
        say(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


def run(wanted: tuple[str, ...] | list[str], pace: Pace) -> Results:
    """Measure what is wanted; builds what is not there yet."""
    machine.install_tools()
    cores = machine.cores()
    cache.ensure([contenders.models(), contenders.ours(), *map(contenders.environment, ("mlserver", "kserve", "asgi"))])
    bench = Bench(contenders.models().path, cores, pace)
    results = Results(date=time.strftime("%Y-%m-%d"), machine=machine.describe(), pace=pace)
    for name, case in CASES.items():
        if name in wanted:
            say(case.title)
            results.cases[name] = bench.case(case)
    if "starts" in wanted:
        say("seconds to ready, and memory")
        results.starts = bench.starts(measure.STARTS, STARTS)
    if "half" in wanted:
        say("half load")
        results.half = bench.half(_rates(bench, results))
    return results


def _rates(bench: Bench, results: Results) -> dict[str, float]:
    """What each answers at most, with 16 connections."""
    iris = results.cases.get("iris") or bench.case(replace(CASES["iris"], contenders=measure.HALF, limit=False))
    return {name: iris[name].rate for name in measure.HALF}


if __name__ == "__main__":
    sys.exit(main())
