"""Mixed traffic for a long while: does memory grow, do files stay open, is a request lost?

    python -m tests.bench.serving.soak [--minutes 20] [--rate 400]

JSON over kept and fresh connections, binary tensors, gRPC; beside them bad requests, slow clients, clients that leave.
The first fifth of the time is for warming up: slopes are of what follows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.serving import contenders, machine
from tests.bench.serving.figures import slope
from tests.bench.serving.process import Running
from tests.bench.serving.traffic import Guests
from tests.cluster import cache
from tests.cluster.errors import ClusterError
from tests.cluster.progress import say
from tests.load.generator import Generator

MODEL = "tumour"
FRESH = 0.02  # share of the JSON requests that open a connection of their own
EVERY = 5.0  # seconds between two looks at memory and files
WARM_UP = 0.2  # share of the time


@dataclass(frozen=True)
class Look:
    """At so many seconds: bytes of memory (resident: what is shared changes with who else runs), open files."""

    at: float
    memory: int
    files: int


async def soak(server: Running, model: Path, seconds: float, rate: float) -> tuple[list[Look], Generator, Guests]:
    """Half of the rate is JSON; a sixth each is binary and gRPC; the rest are the guests nobody wants."""
    url = f"http://127.0.0.1:{server.command.port}/v2/models/{model.name}/infer"
    plain = Generator(url, [(model / "json.body").read_bytes()], rate / 2, FRESH)
    guests = Guests(server.command.port, server.command.grpc_port, model)
    stop, looks = asyncio.Event(), list[Look]()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    loop.call_later(seconds, stop.set)
    traffic = asyncio.gather(plain.run(stop), guests.run(stop, rate / 6))
    while not stop.is_set():
        await asyncio.sleep(EVERY)
        looks.append(Look(loop.time() - begun, server.resident(), server.files()))
        if len(looks) % 12 == 0:
            say(f"  {text(looks, plain, guests)}")
    await traffic
    return looks, plain, guests


def text(looks: list[Look], plain: Generator, guests: Guests) -> str:
    """What there is to say so far."""
    warm = looks[int(WARM_UP * len(looks)) :]
    if len(warm) < 3:
        return "warming up"
    memory = slope([(look.at / 60, look.memory / 1024) for look in warm])
    files = slope([(look.at / 60, look.files) for look in warm])
    tally = plain.tally
    return (
        f"{looks[-1].at / 60:.1f} min: memory {warm[0].memory / 1e6:.1f} → {warm[-1].memory / 1e6:.1f} MB, "
        f"{memory:+.1f} KiB/min; open files {warm[0].files} → {warm[-1].files}, {files:+.2f}/min; "
        f"JSON sent {tally.sent}, lost {tally.lost} {dict(tally.losses)}, answers {_codes(plain)}; "
        f"others {dict(sorted(guests.seen.items()))}; wrong: {dict(guests.wrong)}"
    )


def _codes(plain: Generator) -> dict[int, int]:
    return {code: count for (_, code), count in sorted(plain.tally.answers.items())}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=400.0, help="requests a second, all kinds together")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run(given.minutes * 60, given.rate)
    except ClusterError as error:
        say(f"soak: {error}")
        return 1


def run(seconds: float, rate: float) -> int:
    cores = machine.cores()
    cache.ensure([contenders.models(), contenders.ours()])
    os.sched_setaffinity(0, {cores.load})
    model = contenders.models().path / MODEL
    with tempfile.TemporaryDirectory() as scratch:
        command = contenders.CONTENDERS["pilotage-grpc"].command(MODEL, model, Path(scratch))
        with Running(command, cores.server, Path(scratch) / "log") as server:
            server.until_ready()
            looks, plain, guests = asyncio.run(soak(server, model, seconds, rate))
            print(text(looks, plain, guests))
            code = server.end()
    say(f"told to end: exit code {code}")
    answered = set(_codes(plain)) == {200}
    return 0 if answered and not plain.tally.lost and not guests.wrong and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
