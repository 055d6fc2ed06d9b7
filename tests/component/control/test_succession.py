"""Two processes, one Lease, a real API server: killed, frozen, or gone in good order."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pilotage_operator.clients.kube import LEASE, Kube
from pilotage_operator.control.lease import NAME

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


class Candidate:
    """One process that wants the Lease."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, word: str) -> None:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        assert line.decode().strip() == word

    def ask(self, question: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{question}\n".encode())

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


class Race:
    """Starts candidates in order, and sees to their end."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._started: list[Candidate] = []

    async def start(self, holder: str) -> Candidate:
        words = (sys.executable, "-m", "tests.component.control.candidate", self._namespace, holder)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdin=pipe, stdout=pipe)
        candidate = Candidate(process)
        self._started.append(candidate)
        await candidate.says("stands")
        return candidate

    async def end(self) -> None:
        for candidate in self._started:
            await candidate.end()


@pytest.fixture
async def race(kube: Kube, namespace: str) -> AsyncIterator[Race]:
    await kube.delete(LEASE, namespace, NAME)
    race = Race(namespace)
    yield race
    await race.end()


async def test_another_takes_over_from_one_that_was_killed(race: Race, kube: Kube, namespace: str) -> None:
    first = await race.start("first")
    await first.says("holds")
    second = await race.start("second")
    first.send(signal.SIGKILL)
    await second.says("holds")
    lease = await kube.get(LEASE, namespace, NAME)
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == "second"


async def test_one_that_was_frozen_may_not_write_when_it_wakes(race: Race) -> None:
    first = await race.start("first")
    await first.says("holds")
    first.ask("write?")
    await first.says("yes")
    second = await race.start("second")
    first.send(signal.SIGSTOP)
    await second.says("holds")
    first.ask("write?")
    first.send(signal.SIGCONT)
    await first.says("no")
    second.ask("write?")
    await second.says("yes")


async def test_one_that_releases_it_is_succeeded_and_writes_no_more(race: Race) -> None:
    first = await race.start("first")
    await first.says("holds")
    second = await race.start("second")
    first.ask("release")
    await first.says("no")
    await second.says("holds")
