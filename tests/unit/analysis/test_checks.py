"""What each check says of which traffic, and when."""

from math import inf

import pytest

from pilotage_operator.domain.analysis.counts import Counts, Interval, PodCount
from pilotage_operator.domain.analysis.error_rate import ErrorRate
from pilotage_operator.domain.analysis.evidence import Evidence
from pilotage_operator.domain.analysis.finding import Finding, Verdict, length
from pilotage_operator.domain.analysis.latency import Latency
from pilotage_operator.domain.analysis.sequential import Comparison
from tests.unit.analysis.series import BEGIN, BOOT, Pair, edges_hit, interval

EDGES = [float(f"{0.0001 * 1.3 ** (k / 2):.6g}") for k in range(93)]
ALPHA = 0.005


def errors(
    stable: list[Pair], canary: list[Pair], *, intervals: int, limit: float = 0.01, before: int = 60
) -> tuple[int, Finding]:
    """The interval that decided, or the number of all, and what was found then."""
    check = ErrorRate.begin("errorRate", limit, ALPHA)
    for _ in range(before):
        check = check.after(interval(stable))
    took = 0
    while took < intervals and check.finding().verdict == "unknown":
        check, took = check.after(interval(stable, canary)), took + 1
    return took, check.finding()


@pytest.mark.parametrize(
    ("stable", "canary", "verdict", "within"),
    [
        pytest.param([(250, 2)] * 3, [(250, 125)], "fail", (4, 4), id="half of the answers fail: four intervals"),
        pytest.param([(250, 0)] * 3, [(250, 125)], "fail", (4, 4), id="and so where stable never failed"),
        pytest.param([(250, 2)], [(250, 25)], "fail", (4, 8), id="ten percent fail, with one pod of stable"),
        pytest.param([(25, 1)] * 3, [(5, 2)], "fail", (5, 60), id="few requests take more intervals"),
        pytest.param([(250, 2)] * 3, [(250, 2)], "pass", (4, 40), id="as good as stable passes"),
        pytest.param([(250, 2)] * 3, [(250, 0)], "pass", (2, 10), id="better than stable passes"),
        pytest.param([(250, 125)] * 3, [(250, 125)], "pass", (4, 200), id="both equally bad is not the canary's"),
        pytest.param([(250, 2)] * 3, [(250, 5)], "unknown", (200, 200), id="at the limit nothing is proven"),
        pytest.param([(250, 2)] * 3, [(1, 0)], "unknown", (100, 100), id="a hundred requests do not pass"),
        pytest.param([(1, 0)], [(1, 1)] * 2, "unknown", (3, 3), id="three intervals never fail"),
    ],
)
def test_error_rate(stable: list[Pair], canary: list[Pair], verdict: Verdict, within: tuple[int, int]) -> None:
    took, finding = errors(stable, canary, intervals=within[1])
    assert (finding.verdict, within[0] <= took <= within[1]) == (verdict, True), (took, finding)


def test_one_pod_of_two_that_fails_alone_is_not_the_versions_fault() -> None:
    _, finding = errors([(250, 2)] * 3, [(125, 1), (125, 60)], intervals=40)
    assert finding.verdict == "unknown"
    assert "by pod c1 alone, 48 % there and 0.8 % on the others: look at its node, or who is tied to it" in (
        finding.message
    )


def test_what_a_client_tied_to_one_pod_did_is_not_held_against_the_version_later() -> None:
    check = ErrorRate.begin("errorRate", 0.01, ALPHA)
    for number in range(400):
        tied = (number // 20) % 3 == 1
        check = check.after(
            interval([(250, 2)] * 3, [(125, 1), (375, 251) if tied else (125, 1)] if number > 60 else ())
        )
        assert check.finding().verdict != "fail"


def test_two_pods_that_fail_unlike_each_other_are() -> None:
    took, finding = errors([(250, 2)] * 3, [(125, 10), (125, 60)], intervals=40)
    assert (finding.verdict, took) == ("fail", 4)


def test_a_canary_that_turns_bad_late_is_found_soon() -> None:
    check = ErrorRate.begin("errorRate", 0.01, ALPHA)
    good, bad = interval([(250, 2)] * 3, [(250, 2)]), interval([(250, 2)] * 3, [(250, 25)])
    for _ in range(600):
        check = check.after(good)
    assert check.finding().verdict == "pass"
    took = 0
    while check.finding().verdict != "fail":
        check, took = check.after(bad), took + 1
    assert took <= 10
    shown = float(check.finding().message.split(" %")[0])
    assert shown > 5  # percent: it is of late, not of the whole rollout


def test_stables_outage_in_which_the_canary_is_well_does_not_pass_it_for_ever() -> None:
    check = ErrorRate.begin("errorRate", 0.01, ALPHA)
    for _ in range(20):
        check = check.after(interval([(250, 2)] * 3, [(250, 2)]))
    assert check.finding().verdict == "pass"
    for _ in range(3):
        check = check.after(interval([(250, 2)] * 3, [(250, 60)]))
    assert check.finding().verdict == "unknown"


@pytest.mark.parametrize("limit", [0.001, 0.5, 0.99, 1.0])
def test_any_limit_and_any_traffic_can_be_reckoned_with(limit: float) -> None:
    for stable, canary in (((10, 10), (10, 0)), ((10, 0), (10, 10)), ((10, 10), (10, 10)), ((1, 0), (9999, 9999))):
        _, finding = errors([stable], [canary], intervals=5, limit=limit)
        assert finding.verdict in ("pass", "fail", "unknown")


def test_a_failure_names_both_figures_and_the_limit() -> None:
    _, finding = errors([(250, 2)] * 3, [(250, 125)], intervals=4)
    assert finding == Finding(
        name="errorRate",
        verdict="fail",
        figure="50 % (stable 0.8 %)",
        limit="stable + 1 %",
        evidence="1000 canary, 3000 stable requests",
        message="50 % of the canary's answers are server errors, 0.8 % of stable's: beyond stable + 1 %, "
        "and beyond chance",
        interval="46.3 % to 53.7 %",
    )


def test_an_unknown_says_what_is_missing_and_when_it_is_expected() -> None:
    _, finding = errors([(250, 2)] * 3, [(50, 0)], intervals=2)
    assert finding.verdict == "unknown"
    assert finding.message.endswith("limit stable + 1 %; 100 of about 2100 canary requests")
    assert finding.eta == "08:03 UTC"  # 2,000 more at 10 a second, from 08:00:05 on


@pytest.mark.parametrize(
    ("needed", "eta"),
    [(3, "17 Jan 08:00 UTC"), (1, ""), (32, ""), (1e300, ""), (inf, "")],
    ids=["another day", "there are enough", "in more than a month", "beyond any calendar", "never"],
)
def test_when_enough_is_expected_is_said_only_where_it_can_be(needed: float, eta: str) -> None:
    assert Evidence(stable=9, canary=1, seconds=86_400.0, until=BEGIN).eta(needed) == eta


def test_before_the_first_request_it_says_how_many_it_will_take() -> None:
    check = ErrorRate.begin("errorRate", 0.01, ALPHA)
    for _ in range(60):
        check = check.after(interval([(250, 2)] * 3))
    finding = check.finding()
    assert (finding.verdict, finding.figure, finding.eta) == ("unknown", "", "")
    assert "a good canary passes after about 2100" in finding.message


def slow(hits: dict[float, int], pods: int, letter: str) -> tuple[PodCount, ...]:
    counts: Counts = edges_hit(hits, EDGES)
    return tuple(PodCount(f"{letter}{i}", BOOT, counts, sum(hits.values())) for i in range(pods))


def latency(
    canary: dict[float, int], *, intervals: int, ratio: float = 1.3, difference: float = 0.0, stable: float = 0.010
) -> tuple[int, Finding]:
    """Stable: 90 of 100 requests take half of `stable` seconds, 9 take that, 1 takes three times that."""
    check = Latency("latency-p95", 0.95, ratio, difference, Comparison(ALPHA))
    usual = slow({stable / 2: 180, stable: 18, stable * 3: 2}, 3, "s")
    for _ in range(60):
        check = check.after(Interval(0.0, 5.0, usual))
    took = 0
    while took < intervals and check.finding().verdict == "unknown":
        check, took = check.after(Interval(0.0, 5.0, usual, slow(canary, 1, "c"))), took + 1
    return took, check.finding()


@pytest.mark.parametrize(
    ("canary", "options", "verdict", "within"),
    [
        pytest.param({0.005: 180, 0.010: 18, 0.030: 2}, {}, "pass", (2, 10), id="as fast as stable passes"),
        pytest.param({0.0025: 200}, {}, "pass", (2, 10), id="faster than stable passes"),
        pytest.param({0.010: 180, 0.020: 18, 0.060: 2}, {}, "fail", (4, 10), id="twice as slow fails"),
        pytest.param({0.2: 200}, {}, "fail", (4, 4), id="wholly slow fails in four intervals"),
        pytest.param({60.0: 200}, {}, "fail", (4, 4), id="slower than the last bucket is slow"),
        pytest.param(
            {0.010: 180, 0.020: 18, 0.060: 2}, {"ratio": 2.5}, "pass", (2, 10), id="twice as slow is allowed to be"
        ),
        pytest.param(
            {0.010: 180, 0.020: 18, 0.060: 2}, {"difference": 0.050}, "pass", (2, 30), id="a harmless ratio passes"
        ),
        pytest.param(
            {0.005: 180, 0.010: 18, 0.030: 2},
            {"ratio": 1.0},
            "unknown",
            (60, 60),
            id="nothing passes a limit at stable itself",
        ),
    ],
)
def test_latency(
    canary: dict[float, int], options: dict[str, float], verdict: Verdict, within: tuple[int, int]
) -> None:
    took, finding = latency(canary, intervals=within[1], **options)
    assert (finding.verdict, within[0] <= took <= within[1]) == (verdict, True), (took, finding)


def test_a_slow_canary_is_named_with_its_figure() -> None:
    _, finding = latency({0.020: 200}, intervals=4)
    assert finding.figure == "21.7ms (stable 11.2ms)"
    assert finding.limit == "14.6ms"
    assert finding.message == "p95 of the canary is about 21.7ms, of stable 11.2ms: beyond 14.6ms, and beyond chance"


def test_a_latency_is_not_judged_before_stable_is_known() -> None:
    check = Latency("latency-p99", 0.99, 1.3, 0.0, Comparison(ALPHA))
    for _ in range(3):
        check = check.after(Interval(0.0, 5.0, slow({0.01: 20}, 1, "s"), slow({5.0: 20}, 1, "c")))
    assert check.finding().verdict == "unknown"
    assert check.finding().message == "stable has answered too few requests to know its p99"


def test_buckets_that_differ_are_compared_where_they_agree() -> None:
    check = Latency("latency-p95", 0.95, 1.3, 0.0, Comparison(ALPHA))
    coarse = tuple(PodCount("c0", BOOT, edges_hit({0.2: 200}, EDGES[::4]), 200) for _ in range(1))
    for _ in range(20):
        check = check.after(Interval(0.0, 5.0, slow({0.005: 180, 0.010: 18, 0.030: 2}, 2, "s")))
    for _ in range(4):
        check = check.after(Interval(0.0, 5.0, slow({0.005: 180, 0.010: 18, 0.030: 2}, 2, "s"), coarse))
    assert check.finding().verdict == "fail"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0s"), (45, "45s"), (60, "1m"), (100, "1m40s"), (8040, "2h14m")])
def test_lengths(seconds: float, text: str) -> None:
    assert length(seconds) == text
