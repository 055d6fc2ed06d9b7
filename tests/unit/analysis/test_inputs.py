"""What is said of invalid inputs, by feature and category; of queries; and between what figures lie."""

import numpy as np
import pytest

from pilotage_operator.domain.analysis.confidence import share_between, wilson
from pilotage_operator.domain.analysis.counts import Counts
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.input_quality import InputQuality
from pilotage_operator.domain.analysis.query import Answer, Query, answer, filled
from tests.unit.analysis.rows import counted, inputs

ALPHA = 0.0025
COUNTRY, AMOUNT = ("country", "unknown_category"), ("amount", "above")


def quality(stable: Counts, canary: Counts, intervals: int) -> tuple[int, Finding]:
    check = InputQuality.begin("inputQuality", 0.01, ALPHA, "fraud-v3")
    for _ in range(30):
        check = check.after(counted("inputs", [stable] * 3))
    took = 0
    while took < intervals and check.finding().verdict == "unknown":
        check, took = check.after(counted("inputs", [stable] * 3, [canary])), took + 1
    return took, check.finding()


def test_inputs_as_good_as_stables_pass() -> None:
    took, finding = quality(inputs(250, {AMOUNT: 2}), inputs(250, {AMOUNT: 2}), 60)
    assert (finding.verdict, took >= 4) == ("pass", True)


def test_a_category_that_the_canary_does_not_know_is_named_with_both_counts() -> None:
    stable = inputs(250, {AMOUNT: 1}, {("country", "DE"): 200, ("country", "XK"): 50, ("country", "unknown"): 0})
    canary = inputs(250, {COUNTRY: 50, AMOUNT: 5}, {("country", "DE"): 200, ("country", "unknown"): 50})
    took, finding = quality(stable, canary, 20)
    assert finding.verdict == "fail"
    assert finding.cause == (
        f"{50 * took} of {55 * took} invalid values: feature country, category XK, unknown to fraud-v3; "
        f"stable 0 of {3 * took}"
    )
    assert finding.cause in finding.message
    assert finding.figure == "22 % (stable 0.4 %)"
    assert finding.evidence.endswith("stable rows")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        pytest.param(AMOUNT, "feature amount, above;", id="a number beyond the range"),
        pytest.param(COUNTRY, "feature country, a category unknown to fraud-v3;", id="a category nobody knows"),
        pytest.param(("age", "missing"), "feature age, missing;", id="a gap"),
    ],
)
def test_the_cause_is_the_feature_that_makes_the_difference(key: tuple[str, str], says: str) -> None:
    _, finding = quality(inputs(250, {("zip", "below"): 60}), inputs(250, {("zip", "below"): 60, key: 40}), 60)
    assert finding.verdict == "fail"
    assert says in finding.cause


def test_a_stable_version_whose_every_row_is_invalid_hides_all() -> None:
    _, finding = quality(inputs(250, {("zip", "below"): 400}), inputs(250, {("zip", "below"): 500}), 10)
    assert finding.verdict == "unknown"
    assert "mend the contract of the version that serves" in finding.message


def test_requests_that_were_refused_count_as_rows() -> None:
    interval = counted("inputs", [{**inputs(0, {COUNTRY: 40}), "refused": 40}])
    assert interval.stable[0].requests == 40


@pytest.mark.parametrize(
    ("values", "limits", "verdict", "says"),
    [
        pytest.param([12.0], (10, None), "pass", "12, within at least 10; one number, without a guarantee", id="well"),
        pytest.param([8.0], (10, None), "fail", "8, beyond at least 10; one number, without", id="too little"),
        pytest.param([8.0], (1, 5), "fail", "8, beyond at least 1 and at most 5", id="too much"),
        pytest.param([], (10, None), "unknown", "the query has no result", id="nothing"),
        pytest.param([1.0, 2.0], (10, None), "unknown", "the query has 2 results, and must have one", id="two series"),
        pytest.param([None], (10, None), "unknown", "is no number", id="NaN"),
    ],
)
def test_a_query(
    values: list[float | None], limits: tuple[float | None, float | None], verdict: str, says: str
) -> None:
    finding = Query("query-revenue", *limits, answer(values)).finding()
    assert (finding.verdict, says in finding.message) == (verdict, True), finding


def test_a_query_that_was_not_asked_or_cannot_be_is_unknown() -> None:
    assert Query("query-revenue", 1, None).finding().message == "it was not asked yet"
    assert Query("query-revenue", 1, None, Answer(None, "parse error")).finding().message == "parse error"


def test_names_stand_in_their_places_and_regular_expressions_stay() -> None:
    text = filled('sum(x{revision="$canary", path=~"/a$", ns="$namespace"}) / $canaryish', canary="41aa", namespace="b")
    assert text == 'sum(x{revision="41aa", path=~"/a$", ns="b"}) / $canaryish'


@pytest.mark.parametrize("share", [0.002, 0.01, 0.2, 0.5, 0.97])
@pytest.mark.parametrize("requests", [50, 1000])
def test_an_interval_holds_the_truth_about_nineteen_times_of_twenty(share: float, requests: int) -> None:
    rng = np.random.default_rng(7)
    found = [wilson(requests, int(e)) for e in rng.binomial(requests, share, 4000)]
    assert sum(low <= share <= high for low, high in found) / 4000 > 0.9


def test_an_interval_is_wider_where_requests_come_in_clumps() -> None:
    assert share_between(1000, 500, 1.0) == "46.9 % to 53.1 %"
    assert share_between(1000, 500, 4.0) == "43.8 % to 56.2 %"
    assert share_between(0, 0, 1.0) == ""
