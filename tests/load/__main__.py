"""`python -m tests.load`: load until SIGTERM; one line of JSON a second on standard output, and a last one."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from tests.load.generator import Generator


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("url", help="http://host[:port]/v2/models/NAME/infer")
    parser.add_argument("--bodies", type=Path, required=True, help="one request body a line")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--fresh", type=float, default=0.2, help="share that opens a new connection")
    parser.add_argument("--host", default="", help="Host header, where it is not that of the URL")
    parser.add_argument("--seconds", type=float, default=3600.0, help="ends by itself after so long")
    given = parser.parse_args()
    bodies = given.bodies.read_bytes().splitlines()
    asyncio.run(_run(Generator(given.url, bodies, given.rate, given.fresh, given.host), given.seconds))


async def _run(generator: Generator, seconds: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.call_later(seconds, stop.set)
    load = asyncio.create_task(generator.run(stop))
    while not load.done():
        await asyncio.wait([load], timeout=1.0)
        line = {"time": time.time(), "done": load.done(), **generator.tally.dump()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    await load


if __name__ == "__main__":
    main()
