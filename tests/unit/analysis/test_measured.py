"""Which instants are read, whether anything can be measured, and whether a share is what was asked for."""

import pytest

from pilotage_operator.domain.analysis.availability import Scrapes, availability, fresh, scrape_interval, unreachable
from pilotage_operator.domain.analysis.due import due, instants
from pilotage_operator.domain.analysis.share import LATELY, agrees, observed_share
from tests.unit.analysis.series import CANARY, STABLE, pod

S, C = pod("s"), pod("c", revision=CANARY)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(1009.9, 990, id="within a scrape of an instant the one before is due"),
        pytest.param(1010.0, 1005, id="a scrape later it is due itself"),
        pytest.param(1024.9, 1005, id="and stays so for an interval"),
        pytest.param(1025.0, 1020, id="until the next"),
    ],
)
def test_due(now: float, expected: float) -> None:
    assert due(now, 15, 5) == expected


def test_instants() -> None:
    assert instants(3600.0, None, 3630.0, 15.0)[0] == 1800
    assert len(instants(3600.0, None, 3630.0, 15.0)) == 123
    assert instants(3600.0, 3630.0, 3660.0, 15.0) == (3645, 3660)
    assert instants(3600.0, 3660.0, 3660.0, 15.0) == ()


@pytest.mark.parametrize(
    ("scrapes", "reason", "says"),
    [
        pytest.param({S: [90, 95, 100], C: [93, 98]}, "Sampled", "both versions", id="both are scraped"),
        pytest.param({S: [90, 95, 100], C: [98]}, "Sampled", "both versions", id="one scrape of the canary is enough"),
        pytest.param({S: [90, 95, 100]}, "NoSamples", "no sample of the canary's pods", id="the canary is not scraped"),
        pytest.param({C: [90, 95, 100]}, "NoSamples", "of the stable version's pods", id="stable is not scraped"),
        pytest.param({S: [95, 100], C: [75, 80]}, "StaleSamples", "of the canary 20s before", id="it is not any more"),
        pytest.param(
            {S: [90, 95, 100], C: [60, 65], pod("c2", 1, CANARY): [94, 99]},
            "Sampled",
            "both versions",
            id="a pod that is gone does not make it stale",
        ),
        pytest.param(
            {S: [70, 85, 100], C: [68, 83, 98]},
            "IntervalTooShort",
            "scrapes every 15s, and spec.analysis.interval is 5s; set it to 15s or more",
            id="an interval shorter than the scrapes'",
        ),
        pytest.param({}, "NoSamples", "look whether it scrapes them", id="nothing is scraped"),
    ],
)  # fmt: skip
def test_availability(scrapes: Scrapes, reason: str, says: str) -> None:
    found = availability(scrapes, stable=STABLE, canary=CANARY, instant=100.0, interval=5.0)
    assert (found.available, found.reason) == (reason == "Sampled", reason)
    assert says in found.message


def test_prometheus_away_is_not_available() -> None:
    assert unreachable("Prometheus gave no answer").available is False


@pytest.mark.parametrize(
    ("scrapes", "expected"),
    [
        pytest.param({S: [90, 95, 99], C: [93, 98]}, True, id="all were scraped within an interval"),
        pytest.param({S: [90, 95], C: [93, 98]}, False, id="one scrape is an interval old"),
        pytest.param({S: [50, 55], C: [93, 98]}, True, id="a pod that is gone"),
        pytest.param({S: [90, 95, 99, 104], C: [102]}, True, id="a pod that came later"),
    ],
)
def test_samples_are_fresh(scrapes: Scrapes, expected: bool) -> None:
    assert fresh(scrapes, 100.0, 5.0) is expected


def test_the_scrape_interval_is_the_usual_gap() -> None:
    assert scrape_interval({S: [0, 5, 10, 40, 45], C: [3]}) == 5
    assert scrape_interval({C: [3]}) is None


@pytest.mark.parametrize(
    ("weight", "canary", "stable", "expected"),
    [
        pytest.param(25, 250, 750, True, id="exactly as asked"),
        pytest.param(25, 200, 800, True, id="within chance"),
        pytest.param(25, 150, 850, False, id="too few"),
        pytest.param(25, 50, 950, False, id="still the weight before"),
        pytest.param(5, 0, 20, True, id="none of twenty is chance"),
        pytest.param(5, 0, 2000, False, id="none of two thousand is not"),
        pytest.param(25, 24_000, 76_000, True, id="of many requests a point off is a late scrape"),
        pytest.param(25, 20_000, 80_000, False, id="five points are not"),
        pytest.param(0, 1, 2000, True, id="a connection that is still open"),
        pytest.param(0, 100, 2000, False, id="traffic that should have ended"),
        pytest.param(100, 2000, 1, True, id="all but a straggler"),
        pytest.param(100, 1000, 1000, False, id="half is not all"),
        pytest.param(1, 0, 100_000, False, id="one percent that gets nothing"),
        pytest.param(50, 0, 0, True, id="without traffic nothing speaks against it"),
    ],
)
def test_agrees(weight: int, canary: int, stable: int, expected: bool) -> None:
    assert agrees(weight, canary, stable) is expected


def test_a_share_counts_from_an_interval_after_the_change_on() -> None:
    seen = tuple((5.0 * k, 5.0 * k + 5, 1, 3) for k in range(5))
    assert observed_share(seen, 6.0) == (2, 6)
    assert observed_share(seen, 30.0) == (0, 0)


def test_what_was_amiss_with_a_share_long_ago_is_not_held_against_it() -> None:
    down = [(5.0 * k, 5.0 * k + 5, 1000, 0) for k in range(10)]  # stable had no pods, and the canary answered all
    since = [(5.0 * k, 5.0 * k + 5, 250, 750) for k in range(10, 10 + LATELY)]
    assert not agrees(25, *observed_share((*down, *since[:-1]), 0.0))
    assert agrees(25, *observed_share((*down, *since), 0.0))
