"""`make demo`: v1 is installed, v2 is promoted by evidence, v3 is taken back, while clients keep calling."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from tests.demo.picture import draw
from tests.demo.record import Record
from tests.demo.stage import NAME, NAMESPACE, address, prepare, release
from tests.demo.table import line, table
from tests.e2e.world import ROOT, World
from tests.load import Load, Tally

RATE = 120.0  # requests a second
PATIENCE = 600.0  # seconds for one release
PICTURE = ROOT / "docs/demo.png"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--gateway", action="store_true", help="exact weights by Envoy Gateway, not replica shares")
    gateway = parser.parse_args().gateway
    console, began = Console(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        world = prepare(Path(folder), gateway, lambda text: console.print(f"{time.monotonic() - began:4.0f} s  {text}"))
        record = Record()
        release(world, "v1")
        _watch(console, world, record, None, "Healthy", "v1")
        host = f"{NAMESPACE}.example.com" if gateway else ""
        with Load(f"{address(gateway)}/v2/models/{NAME}/infer", world.bodies, RATE, host=host) as load:
            _calm(world, record, load)
            for version, phase, stable in (("v2", "Healthy", "v2"), ("v3", "RolledBack", "v2")):
                release(world, version)
                record.mark(f"{version} released")
                _watch(console, world, record, load, phase, stable)
                record.mark({"Healthy": f"{version} promoted", "RolledBack": f"{version} rolled back"}[phase])
                _calm(world, record, load)
            final = load.stop()
        record.see(world.status(), final)
        draw(record, PICTURE)
    return _summary(console, record)


def _watch(console: Console, world: World, record: Record, load: Load | None, phase: str, stable: str) -> None:
    """Shows the table until the release has come to its end."""
    end, said = time.monotonic() + PATIENCE, ""
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        while time.monotonic() < end:
            _look(world, record, load)
            if console.is_terminal:
                live.update(table(record))
            elif record.moments and (message := record.moments[-1].status.get("message", "")) != said:
                said = message
                sys.stdout.write(line(record) + "\n")
            status = record.moments[-1].status
            version = (status.get("stable") or {}).get("version")
            if status.get("phase") == phase and version == stable and "canary" not in status:
                return
            time.sleep(1)
    raise SystemExit(f"{stable} did not become {phase} in {PATIENCE:.0f} s:\n{world.describe()}")


def _look(world: World, record: Record, load: Load | None) -> None:
    record.see(world.status(), load.tally if load else Tally())


def _calm(world: World, record: Record, load: Load, seconds: float = 8.0) -> None:
    """A moment in which nothing is released, so that the picture shows before and after."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _look(world, record, load)
        time.sleep(1)


def _summary(console: Console, record: Record) -> int:
    """What came of it: the reason in its own words, the counts, the times."""
    last = record.moments[-1]
    marks = {what: at for at, what in record.marks}
    promoted = marks["v2 promoted"] - marks["v2 released"]
    taken_back = marks["v3 rolled back"] - marks["v3 released"]
    bad = record.first(marks["v3 released"], lambda s: (s.get("canary") or {}).get("weight", 0) > 0)
    gone = record.first(bad or 0.0, lambda s: s.get("weights") == "100/0") if bad else None
    console.rule("what came of it")
    console.print(f"v2 promoted {promoted:.0f} s after its release")
    console.print(f"v3 taken back {taken_back:.0f} s after its release", end="")
    console.print(f", {gone - bad:.0f} s after its first traffic" if bad and gone else "")
    console.print(f"why: {(last.status.get('failed') or {}).get('message', '-')}")
    tally = last.tally
    console.print(
        f"requests sent {tally.sent}, lost {tally.lost}; answered with 5xx: {tally.failed()}, all by v3: "
        f"{tally.failed() == tally.failed('v3')}"
    )
    console.print(f"picture: {PICTURE.relative_to(ROOT)}")
    return 0 if tally.lost == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
