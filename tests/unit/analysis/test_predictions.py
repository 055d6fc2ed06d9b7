"""What is said of classes and of distributions, and where a failure comes from."""

from collections.abc import Mapping

import numpy as np
import pytest

from pilotage_operator.domain.analysis.counts import Counts
from pilotage_operator.domain.analysis.drift import Drift
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.prediction_share import PredictionShare
from pilotage_operator.domain.analysis.rate import Rate
from pilotage_operator.domain.analysis.ratio import Ratio
from pilotage_operator.domain.analysis.sequential import Comparison, Edge
from pilotage_operator.domain.analysis.stability import Stability, boundary, chi_squared
from tests.unit.analysis.rows import bins, classes, counted

ALPHA = 0.0025


def shares(
    stable: Mapping[str, int],
    canary: Mapping[str, int],
    intervals: int,
    limits: tuple[float, float] = (1.5, 0.01),
    output: str | None = None,
    label: str | None = None,
) -> tuple[int, Finding]:
    check = PredictionShare("predictionShare", limits, output, label, ALPHA)
    for _ in range(30):
        check = check.after(counted("classes", [classes(stable)] * 3))
    took = 0
    while took < intervals and check.finding().verdict == "unknown":
        check = check.after(counted("classes", [classes(stable)] * 3, [classes(canary)]))
        took += 1
    return took, check.finding()


@pytest.mark.parametrize(
    ("stable", "canary", "options", "verdict", "within"),
    [
        pytest.param({"0": 198, "1": 2}, {"0": 182, "1": 18}, {}, "fail", (4, 12), id="a class nine times as often"),
        pytest.param({"0": 180, "1": 20}, {"0": 198, "1": 2}, {}, "fail", (4, 12), id="a class hardly ever any more"),
        pytest.param({"0": 180, "1": 20}, {"0": 180, "1": 20}, {}, "pass", (4, 40), id="the same shares pass"),
        pytest.param({"0": 198, "1": 2}, {"0": 197, "1": 3}, {}, "pass", (4, 60), id="a difference too small to count"),
        pytest.param({"0": 100, "1": 100}, {"0": 200, "1": 0}, {}, "fail", (4, 8), id="one class only"),
        pytest.param(
            {"0": 198, "1": 2}, {"0": 182, "1": 18}, {"label": "0"}, "pass", (1, 60), id="the class that nobody chose"
        ),
        pytest.param({"0": 180, "1": 20}, {"0": 164, "1": 36}, {"limits": (2.0, 0.01)}, "unknown", (30, 30), id="near"),
    ],
)  # fmt: skip
def test_shares(
    stable: Mapping[str, int],
    canary: Mapping[str, int],
    options: dict[str, object],
    verdict: str,
    within: tuple[int, int],
) -> None:
    took, finding = shares(stable, canary, within[1], **options)  # type: ignore[arg-type]
    assert (finding.verdict, within[0] <= took <= within[1]) == (verdict, True), (took, finding)


def test_a_failed_share_names_the_class_and_both_counts() -> None:
    took, finding = shares({"0": 198, "1": 2}, {"0": 182, "1": 18}, 20)
    assert finding.figure == "1: 9 % (stable 1 %)"
    of_canary, of_stable = f"{18 * took} of {200 * took} rows", f"{6 * took} of {600 * took} rows"
    assert finding.cause == f"output label, class 1, {of_canary}; stable {of_stable}"
    assert "output label, class 1: 9 % of the canary's rows, 1 % of stable's" in finding.message
    assert f"(since the beginning {of_canary}, stable {of_stable}): beyond" in finding.message
    assert finding.interval
    assert finding.evidence == f"{200 * took} canary, {600 * took} stable rows"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"label": "frod"}, "the model has no class frod; it has 0, 1", id="a class that is not there"),
        pytest.param({"output": "lable"}, "counts no classes of an output lable; it has label", id="nor an output"),
    ],
)
def test_a_class_that_the_model_does_not_have_is_unknown_and_said(options: dict[str, str], says: str) -> None:
    _, finding = shares({"0": 180, "1": 20}, {"0": 180, "1": 20}, 3, **options)  # type: ignore[arg-type]
    assert finding.verdict == "unknown"
    assert says in finding.message


def test_a_model_without_labels_has_no_shares() -> None:
    finding = PredictionShare("predictionShare", (1.5, 0.01), None, None, ALPHA).finding()
    assert (finding.verdict, "no class was counted yet" in finding.message) == ("unknown", True)


@pytest.mark.parametrize(
    ("up", "expected", "edge"),
    [
        pytest.param(True, 0.1, Edge(1.5, 0.0), id="half more"),
        pytest.param(False, 0.1, Edge(1 / 1.5, 0.0), id="a third less"),
        pytest.param(True, 0.01, Edge(1.0, 0.01), id="of a rare class the least difference"),
        pytest.param(False, 0.009, None, id="which it cannot fall by"),
        pytest.param(True, 0.8, None, id="nor can a frequent one rise by half"),
    ],
)
def test_the_edge_of_a_ratio(up: bool, expected: float, edge: Edge | None) -> None:
    assert Ratio(1.5, 0.01, up).edge(expected) == edge


def test_what_nothing_can_be_beyond_passes() -> None:
    rate = Rate(Ratio(1.5, 0.01, up=False), Comparison(ALPHA))
    assert rate.after([(1000, 1)], {}).verdict == "pass"


def drifted(
    stable: Mapping[str, int], canary: Mapping[str, int], intervals: int, alpha: float = ALPHA
) -> tuple[int, Drift]:
    check = Drift("predictionDrift", 0.2, None, alpha)
    for _ in range(30):
        check = check.after(counted("predictions", [bins(stable)] * 3))
    took = 0
    while took < intervals and check.finding().verdict == "unknown":
        check = check.after(counted("predictions", [bins(stable)] * 3, [bins(canary)]))
        took += 1
    return took, check


EVEN = {str(i): 40 for i in range(5)}
TILTED = {"0": 8, "1": 16, "2": 40, "3": 56, "4": 80}  # a PSI of 0.55


@pytest.mark.parametrize(
    ("canary", "verdict", "within"),
    [
        pytest.param(EVEN, "pass", (4, 20), id="the same distribution"),
        pytest.param(TILTED, "fail", (4, 20), id="another one"),
        pytest.param({"0": 24, "1": 30, "2": 36, "3": 50, "4": 60}, "unknown", (4, 4), id="between"),
    ],
)
def test_drift(canary: Mapping[str, int], verdict: str, within: tuple[int, int]) -> None:
    took, check = drifted(EVEN, canary, within[1])
    assert (check.finding().verdict, within[0] <= took <= within[1]) == (verdict, True), (took, check.finding())


def test_a_drift_names_the_bin_and_both_counts() -> None:
    took, check = drifted(EVEN, TILTED, 20)
    finding = check.finding()
    assert finding.cause == (
        f"output probabilities column 1, bin 0: {8 * took} of {200 * took} rows (4 %), "
        f"stable {120 * took} of {600 * took} (20 %)"
    )
    assert finding.cause.partition(", ")[2] in finding.message
    assert finding.limit == "PSI 0.2"
    low, high = (float(text) for text in finding.interval.split(" to "))
    assert low < 0.55 < high


def test_drift_begins_anew_at_another_weight() -> None:
    _, check = drifted(EVEN, TILTED, 20)
    later = check.since_weight(1e12)
    assert later.finding().verdict == "unknown"
    assert later.after(counted("predictions", [bins(EVEN)] * 3, [bins(TILTED)])).finding().verdict == "unknown"
    assert later.evidence.canary == 0


def test_bins_that_differ_are_not_compared() -> None:
    check = Drift("predictionDrift", 0.2, None, ALPHA)
    other: Counts = {**bins({"a": 5}), **classes({"0": 180, "1": 20})}
    for _ in range(20):
        check = check.after(counted("predictions", [{**bins(EVEN), **classes({"0": 180, "1": 20})}] * 2, [other]))
    finding = check.finding()
    assert finding.verdict == "pass"
    assert "not compared, since their bins differ: output probabilities column 1" in finding.message


def test_where_no_bins_agree_it_is_unknown_and_said() -> None:
    _, check = drifted(EVEN, {"a": 5}, 5)
    assert check.finding().verdict == "unknown"
    assert "the two versions' bins differ (output probabilities column 1)" in check.finding().message


def test_an_output_that_the_model_does_not_have_is_unknown_and_said() -> None:
    check = Drift("predictionDrift", 0.2, "scores", ALPHA).after(counted("predictions", [bins(EVEN)]))
    assert check.finding().message == "the model counts no output scores; it has probabilities"


@pytest.mark.parametrize("seed", range(6))
def test_the_index_comes_out_as_in_the_reference(seed: int) -> None:
    """The formulas of the reference that was simulated, with arrays."""
    rng = np.random.default_rng(seed)
    count, limit, alpha = int(rng.integers(2, 12)), 0.2, 0.0025
    p = rng.dirichlet(np.full(count, 5.0))
    q = rng.dirichlet(np.full(count, 5.0)) if seed % 2 else p
    stability = Stability()
    c, s, whole, xs, df = np.zeros(count), np.zeros(count), 0.0, 10.0, 10.0
    for _ in range(30):
        pods = rng.multinomial(int(rng.poisson(150)) + 40, p, size=3)
        canary = rng.multinomial(int(rng.poisson(60)) + 20, q)
        phi = 1.25 * max(1.0, xs / df)
        stable = pods.sum(0)
        n_s, n_c = stable.sum(), canary.sum()
        w = n_c * n_s / (n_c + n_s)
        whole, c, s = whole + w, c + w * canary / n_c, s + w * stable / n_s
        names = [str(i) for i in range(count)]
        of_stable = [dict(zip(names, row.tolist(), strict=True)) for row in pods]
        found = stability.after(of_stable, [dict(zip(names, canary.tolist(), strict=True))])
        h = phi / whole
        x, y = ((share / whole + 0.5 * h) / (1 + 0.5 * h * count) for share in (c, s))
        index = float(((x - y) * np.log(x / y)).sum() - (count - 1) * h)
        weighed = Stability(stability.spread, weight=found.weight, shares=found.shares, counted=found.counted)
        assert weighed.psi == pytest.approx(index, rel=1e-9, abs=1e-9)
        sd = np.sqrt(4 * limit * h + 2 * (count - 1) * h**2)
        k = np.sqrt((1 + 200 / (1 / h)) * (np.log((1 / h + 200) / 200) + 2 * np.log(1 / (2 * alpha))))
        assert boundary(alpha, h) * weighed.deviation(limit) == pytest.approx(k * sd, rel=1e-9)
        chi, freedom = chi_squared(of_stable)
        expected = pods.sum(1, keepdims=True) * stable / n_s
        seen = expected > 0
        assert chi == pytest.approx(float((((pods - expected) ** 2)[seen] / expected[seen]).sum()), rel=1e-9)
        xs, df, stability = xs + chi, df + freedom, found
