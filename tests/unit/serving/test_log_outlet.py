"""An outlet never waits for its sink: what does not fit or does not arrive is dropped, and every item is counted."""

import logging

import pytest

from pilotage.transport.log.outlet import Outlet, Patience, Undelivered
from tests.unit.serving.logged import WAIT, FakeSink

AT_ONCE = Patience(attempts=3, first=0.0)
AWAY = Undelivered("no answer", again=True)
REFUSED = Undelivered("answered 400", again=False)


def test_everything_arrives_in_order_in_batches_no_larger_than_the_sink_takes() -> None:
    sink = FakeSink(most=7)
    outlet: Outlet[int] = Outlet(sink, capacity=100)
    assert all(outlet.put(number) for number in range(100))
    sink.open.set()
    outlet.start()
    outlet.close(WAIT)
    assert [item for batch in sink.batches for item in batch] == list(range(100))
    assert max(len(batch) for batch in sink.batches) == 7
    assert (outlet.sent, outlet.dropped) == (100, 0)


def test_a_sink_that_hangs_costs_its_queue_and_nothing_more() -> None:
    sink = FakeSink(most=10)
    outlet: Outlet[int] = Outlet(sink, capacity=50)
    outlet.start()
    assert outlet.put(0)
    assert sink.called.wait(WAIT)  # it holds the first one, and does not come back
    taken = sum(outlet.put(number) for number in range(100_000))
    assert (taken, outlet.dropped, outlet.sent) == (50, 99_950, 0)
    outlet.close(0)
    assert outlet.dropped == 100_000
    sink.open.set()


def test_after_its_end_it_takes_nothing() -> None:
    sink = FakeSink()
    sink.open.set()
    outlet: Outlet[int] = Outlet(sink, capacity=50)
    outlet.start()
    outlet.close(WAIT)
    assert not outlet.put(1)
    assert (outlet.sent, outlet.dropped) == (0, 1)


def test_one_that_was_never_started_ends_at_once_and_counts_what_waits() -> None:
    outlet: Outlet[int] = Outlet(FakeSink(), capacity=50)
    outlet.put(1)
    outlet.close(WAIT)
    assert outlet.dropped == 1


@pytest.mark.parametrize(
    ("failures", "attempts", "sent"),
    [
        pytest.param([AWAY, AWAY], 3, 1, id="away twice: the third attempt arrives"),
        pytest.param([AWAY, AWAY, AWAY], 3, 0, id="away three times: dropped"),
        pytest.param([REFUSED], 1, 0, id="refused: dropped without another attempt"),
        pytest.param([ValueError("a fault")], 1, 0, id="a fault of ours: dropped"),
    ],
)
def test_a_batch_is_sent_again_while_there_is_hope(failures: list[Exception], attempts: int, sent: int) -> None:
    sink = FakeSink(most=1, failures=list(failures))
    sink.open.set()
    outlet: Outlet[int] = Outlet(sink, capacity=50, patience=AT_ONCE)
    outlet.put(1)
    outlet.put(2)  # whatever becomes of the first, the next one arrives
    outlet.start()
    assert sink.delivered.wait(WAIT)
    outlet.close(WAIT)
    assert sink.batches == [[1], [2]][1 - sent :]
    assert (sink.attempts, outlet.sent, outlet.dropped) == (attempts + 1, sent + 1, 1 - sent)


def test_at_the_end_a_sink_that_is_away_is_asked_once_for_each_batch_and_not_waited_for() -> None:
    sink = FakeSink(most=1, failures=[AWAY] * 100)
    outlet: Outlet[int] = Outlet(sink, capacity=50, patience=Patience(attempts=3, first=3600.0, longest=3600.0))
    outlet.start()
    for number in range(50):
        outlet.put(number)
    sink.open.set()
    outlet.close(WAIT)
    assert (outlet.sent, outlet.dropped) == (0, 50)
    assert sink.attempts <= 51  # the first one may have been tried before the end


def test_pauses_double_up_to_the_longest() -> None:
    patience = Patience(first=0.25, longest=15.0)
    for failures, seconds in ((1, 0.25), (2, 0.5), (3, 1.0), (7, 15.0), (10_000, 15.0)):
        assert 0.5 * seconds <= patience.pause(failures) <= 1.5 * seconds


def test_a_sink_that_is_away_is_told_of_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    sink = FakeSink(most=1, failures=[AWAY] * 60)
    sink.open.set()
    outlet: Outlet[int] = Outlet(sink, capacity=50, patience=AT_ONCE)
    with caplog.at_level(logging.INFO):
        outlet.start()
        for number in range(20):
            outlet.put(number)
        outlet.close(WAIT)
    assert [record.getMessage() for record in caplog.records] == [
        "the sink: no answer; what does not arrive is dropped and counted"
    ]
