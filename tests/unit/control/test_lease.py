"""One writer at a time: who may take the Lease, and until when its holder may write."""

import pytest

from pilotage_operator.clients.kube import WRITE_TIMEOUT
from pilotage_operator.control.lease import DEADLINE, DURATION, Lease, LeaseLost
from tests.unit.control.fakes import FakeClock, FakeKube


class Rivals:
    """Two candidates for one Lease."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.kube = FakeKube(self.clock)
        self.first = Lease("pilotage", "first", self.clock)
        self.second = Lease("pilotage", "second", self.clock)

    def may_write(self, lease: Lease) -> bool:
        try:
            lease.fence()
        except LeaseLost:
            return False
        return True


@pytest.fixture
def rivals() -> Rivals:
    return Rivals()


async def test_nobody_may_write_before_they_hold_it(rivals: Rivals) -> None:
    assert not rivals.may_write(rivals.first)


async def test_the_first_to_ask_holds_it_and_the_second_does_not(rivals: Rivals) -> None:
    assert await rivals.first.attempt(rivals.kube)
    assert not await rivals.second.attempt(rivals.kube)
    assert rivals.may_write(rivals.first)
    assert not rivals.may_write(rivals.second)


async def test_a_holder_that_renews_keeps_it(rivals: Rivals) -> None:
    for _ in range(20):
        assert await rivals.first.attempt(rivals.kube)
        assert not await rivals.second.attempt(rivals.kube)
        rivals.clock.advance(DEADLINE / 2)
    assert rivals.kube.spec["leaseTransitions"] == 1


async def test_a_holder_that_falls_silent_is_succeeded_only_after_the_whole_duration(rivals: Rivals) -> None:
    await rivals.first.attempt(rivals.kube)
    assert not await rivals.second.attempt(rivals.kube)
    rivals.clock.advance(DURATION - 0.1)
    assert not await rivals.second.attempt(rivals.kube)
    rivals.clock.advance(0.1)
    assert await rivals.second.attempt(rivals.kube)
    assert rivals.kube.spec["holderIdentity"] == "second"


async def test_a_write_begun_at_the_last_moment_ends_before_another_may_take_over(rivals: Rivals) -> None:
    await rivals.first.attempt(rivals.kube)
    await rivals.second.attempt(rivals.kube)
    rivals.clock.advance(DEADLINE - 0.001)
    assert rivals.may_write(rivals.first)
    rivals.clock.advance(WRITE_TIMEOUT)
    assert not await rivals.second.attempt(rivals.kube)
    assert not rivals.may_write(rivals.first)


async def test_a_renewal_counts_from_when_it_was_asked_for(rivals: Rivals) -> None:
    rivals.kube.takes = 3.0
    await rivals.first.attempt(rivals.kube)
    rivals.clock.advance(DEADLINE - 3.0)
    assert not rivals.may_write(rivals.first)


async def test_anothers_clock_that_is_wrong_by_years_does_not_matter(rivals: Rivals) -> None:
    await rivals.first.attempt(rivals.kube)
    for year in ("1999", "2099"):
        rivals.kube.spec["renewTime"] = f"{year}-01-01T00:00:00.000000Z"
        assert not await rivals.second.attempt(rivals.kube)
        rivals.clock.advance(DURATION - 1)
        assert not await rivals.second.attempt(rivals.kube)


async def test_an_api_server_that_is_away_ends_the_writing_not_the_trying(rivals: Rivals) -> None:
    await rivals.first.attempt(rivals.kube)
    rivals.kube.away = True
    assert not await rivals.first.attempt(rivals.kube)
    assert rivals.may_write(rivals.first)
    rivals.clock.advance(DEADLINE)
    assert not rivals.may_write(rivals.first)
    rivals.kube.away = False
    assert await rivals.first.attempt(rivals.kube)


async def test_a_released_lease_is_taken_at_once(rivals: Rivals) -> None:
    await rivals.first.attempt(rivals.kube)
    await rivals.first.release(rivals.kube)
    assert not rivals.may_write(rivals.first)
    assert await rivals.second.attempt(rivals.kube)


async def test_a_candidate_that_never_held_it_releases_nothing(rivals: Rivals) -> None:
    await rivals.first.attempt(rivals.kube)
    await rivals.second.release(rivals.kube)
    assert rivals.kube.spec["holderIdentity"] == "first"


async def test_a_holder_restarted_under_its_own_name_goes_on_at_once(rivals: Rivals) -> None:
    await rivals.first.attempt(rivals.kube)
    restarted = Lease("pilotage", "first", rivals.clock)
    assert await restarted.attempt(rivals.kube)
