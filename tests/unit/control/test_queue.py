"""The queue's promises: no key twice at once, none lost, the earliest time counts."""

import asyncio

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pilotage_operator.control.queue import FIRST_BACKOFF, LONGEST_BACKOFF, Queue
from tests.unit.control.fakes import FakeClock


class Bench:
    """A queue on a clock that only the test moves; the jitter is at its longest."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.queue: Queue[str] = Queue(self.clock, jitter=lambda: 1.0)

    async def taken(self) -> str | None:
        """What a worker gets now; None where it would have to wait."""
        taking = asyncio.ensure_future(self.queue.take())
        for _ in range(3):
            await asyncio.sleep(0)
        if taking.done():
            return taking.result()
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        return None


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_a_key_added_often_is_worked_on_once(bench: Bench) -> None:
    for _ in range(5):
        bench.queue.add("a")
    assert await bench.taken() == "a"
    bench.queue.done("a")
    assert await bench.taken() is None


async def test_a_key_added_while_it_is_worked_on_runs_again_only_afterwards(bench: Bench) -> None:
    bench.queue.add("a")
    assert await bench.taken() == "a"
    bench.queue.add("a")
    assert await bench.taken() is None
    bench.queue.done("a")
    assert await bench.taken() == "a"


async def test_the_longest_due_comes_first(bench: Bench) -> None:
    bench.queue.add("late", after=2)
    bench.queue.add("early", after=1)
    bench.clock.advance(3)
    assert [await bench.taken(), await bench.taken()] == ["early", "late"]


async def test_a_later_time_does_not_put_off_an_earlier_one(bench: Bench) -> None:
    bench.queue.add("a", after=1)
    bench.queue.add("a", after=60)
    bench.clock.advance(1)
    assert await bench.taken() == "a"


async def test_an_event_does_not_wait_for_the_requeue(bench: Bench) -> None:
    bench.queue.add("a")
    await bench.taken()
    bench.queue.done("a", again=60)
    assert await bench.taken() is None
    bench.queue.add("a")
    assert await bench.taken() == "a"


async def test_failures_wait_twice_as_long_each_time_up_to_the_longest(bench: Bench) -> None:
    waits = []
    for _ in range(10):
        bench.queue.add("a")
        await bench.taken()
        waits.append(bench.queue.failed("a"))
    assert waits[:4] == [FIRST_BACKOFF, FIRST_BACKOFF * 2, FIRST_BACKOFF * 4, FIRST_BACKOFF * 8]
    assert waits[-1] == LONGEST_BACKOFF


async def test_a_success_forgets_the_failures(bench: Bench) -> None:
    for _ in range(3):
        bench.queue.add("a")
        await bench.taken()
        bench.queue.failed("a")
    bench.queue.add("a")
    await bench.taken()
    bench.queue.done("a")
    bench.queue.add("a")
    await bench.taken()
    assert bench.queue.failed("a") == FIRST_BACKOFF


async def test_the_api_servers_own_wait_is_kept(bench: Bench) -> None:
    bench.queue.add("a")
    await bench.taken()
    assert bench.queue.failed("a", at_least=30.0) == 30.0


async def test_a_waiting_worker_wakes_for_a_new_key(bench: Bench) -> None:
    taking = asyncio.ensure_future(bench.queue.take())
    await asyncio.sleep(0)
    bench.queue.add("a")
    assert await asyncio.wait_for(taking, 10) == "a"


async def test_workers_that_race_never_share_a_key_and_lose_none() -> None:
    queue: Queue[int] = Queue(asyncio.get_running_loop().time)
    working: set[int] = set()
    finished: dict[int, int] = {}

    async def work() -> None:
        while True:
            key = await queue.take()
            assert key not in working
            working.add(key)
            await asyncio.sleep(0.0005)
            working.discard(key)
            finished[key] = finished.get(key, 0) + 1
            queue.done(key)
            if finished[key] == 1:
                queue.add(key, after=0.001)

    workers = [asyncio.ensure_future(work()) for _ in range(8)]
    for key in list(range(50)) * 3:
        queue.add(key)
    async with asyncio.timeout(30):
        while len(finished) < 50 or min(finished.values()) < 2:
            assert not any(worker.done() for worker in workers)
            await asyncio.sleep(0.001)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


KEYS = st.sampled_from("abcd")


class AnyOrder(RuleBasedStateMachine):
    """Against a model of who must run, and when: whatever the order of calls."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.bench = Bench()
        self.due: dict[str, float] = {}
        self.working: set[str] = set()

    def teardown(self) -> None:
        self.loop.close()

    @rule(key=KEYS, after=st.integers(0, 5))
    def add(self, key: str, after: int) -> None:
        self.bench.queue.add(key, after)
        self._expect(key, after)

    @rule(seconds=st.integers(1, 4))
    def time_passes(self, seconds: int) -> None:
        self.bench.clock.advance(seconds)

    @rule()
    def take(self) -> None:
        free = {key: at for key, at in self.due.items() if key not in self.working and at <= self.bench.clock.now}
        key = self.loop.run_until_complete(self.bench.taken())
        if key is None:
            assert not free
            return
        assert free[key] == min(free.values())
        del self.due[key]
        self.working.add(key)

    @precondition(lambda self: self.working)
    @rule(data=st.data(), again=st.none() | st.integers(0, 5))
    def done(self, data: st.DataObject, again: int | None) -> None:
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.working.discard(key)
        self.bench.queue.done(key, again)
        if again is not None:
            self._expect(key, again)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def failed(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.working.discard(key)
        self._expect(key, self.bench.queue.failed(key))

    @invariant()
    def counts_what_is_due(self) -> None:
        now = self.bench.clock.now
        assert len(self.bench.queue) == sum(at <= now and key not in self.working for key, at in self.due.items())

    def _expect(self, key: str, after: float) -> None:
        at = self.bench.clock.now + after
        self.due[key] = min(at, self.due.get(key, at))


TestAnyOrder = AnyOrder.TestCase
