"""What a scrape shows is what was answered."""

import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pilotage.bundle.format import Contract, Feature, Tensor
from pilotage.bundle.reference import Bins, Reference, Values
from pilotage.runtime import page
from pilotage.runtime.exposition import bucket_edges
from pilotage.runtime.families import FAMILIES, ON_ALL
from pilotage.runtime.identity import Identity
from pilotage.runtime.metrics import Metrics

IDENTITY = Identity("fraud", "3", "fraud-prod", "fraud-v3", "1a2b3c4d5e", 1_700_000_000)
LABELS = {
    "model": "fraud",
    "deployment": "fraud-prod",
    "version": "fraud-v3",
    "revision": "1a2b3c4d5e",
    "start": "1700000000",
}
AGE = Feature("age", 0.0, 100.0, missing=False)
HOSTILE = ("", "missing", "other", '"other"', 'a"b\\c\nd', "100 %s %", "\ud800", "é" * 200, "{}", "a\x00b")


def samples(metrics: Metrics) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Read by Prometheus' own client: name → labels and value."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def by(metrics: Metrics, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """One metric's values that are not 0, by some of its labels."""
    found = samples(metrics).get(name, [])
    return {tuple(each[label] for label in labels): value for each, value in found if value}


def people(*features: Feature) -> Metrics:
    """A model that is asked by age and answers yes or no, and how surely."""
    inputs = Tensor("person", "FP32", (-1, len(features)), features)
    outputs = (Tensor("label", "BYTES", (-1,)), Tensor("score", "FP32", (-1, 1)))
    known: dict[tuple[str, int], Bins | Values] = {
        ("label", 0): Values(("yes", "no"), (3, 2)),
        ("score", 0): Bins((0.5,), (2, 3)),
    }
    edges = {("", feature.name): Bins((18.0, 65.0), (1, 2, 3)) for feature in features}
    return Metrics(IDENTITY, {"digest": "sha256:0"}, Contract((inputs,), outputs), Reference(6, edges, known))


def answer(metrics: Metrics, *rows: list[float]) -> None:
    count = len(rows)
    answers: dict[str, Any] = {"label": np.array(["yes"] * count, object), "score": np.full((count, 1), 0.75, "f4")}
    metrics.note({"person": np.array(rows, np.float32)}, answers)


def test_a_pod_without_traffic_is_seen_with_a_zero() -> None:
    found = samples(Metrics(IDENTITY, {}))
    assert found["pilotage_requests_total"] == [({**LABELS, "code": "200"}, 0)]
    assert found["pilotage_request_duration_seconds_count"] == [(LABELS, 0)]
    assert found["pilotage_requests_in_flight"] == [(LABELS, 0)]
    assert ({**LABELS, "reason": "overload"}, 0) in found["pilotage_requests_shed_total"]


def test_answers_are_counted_by_code_and_by_the_smallest_edge_not_below() -> None:
    metrics = Metrics(IDENTITY, {})
    for code, seconds in ((200, 0.0001), (200, 0.00012), (500, 0.00013), (400, 99.0)):
        metrics.answered(code, seconds)
    assert by(metrics, "pilotage_requests_total", "code") == {("200",): 2, ("400",): 1, ("500",): 1}
    found = samples(metrics)
    buckets = {labels["le"]: value for labels, value in found["pilotage_request_duration_seconds_bucket"]}
    assert [buckets[edge] for edge in ("0.0001", "0.000114018", "0.00013", "17.4339", "+Inf")] == [1, 1, 3, 3, 4]
    assert found["pilotage_request_duration_seconds_count"][0][1] == 4
    assert math.isclose(found["pilotage_request_duration_seconds_sum"][0][1], 99.00035)


def test_edges_grow_by_half_powers_up_to_the_first_that_is_sixteen_seconds() -> None:
    edges = bucket_edges()
    assert edges[0] == 0.0001
    assert edges[-2] < 16 <= edges[-1]
    ratios = [right / left for left, right in pairwise(edges)]
    assert all(math.isclose(ratio, math.sqrt(1.3), rel_tol=1e-4) for ratio in ratios)


def test_waits_batches_and_what_was_shed_are_counted() -> None:
    metrics = Metrics(IDENTITY, {})
    metrics.waited(0.0001)
    for rows in (1, 2, 3, 16, 9000):
        metrics.ran(rows, 0.25)
    metrics.shed("overload")
    metrics.in_flight = 7
    found = samples(metrics)
    assert found["pilotage_queue_wait_seconds_count"] == [(LABELS, 1)]
    buckets = {labels["le"]: value for labels, value in found["pilotage_batch_rows_bucket"]}
    assert [buckets[edge] for edge in ("1.0", "2.0", "4.0", "8.0", "16.0", "4096.0", "+Inf")] == [1, 2, 3, 3, 4, 4, 5]
    assert found["pilotage_batch_rows_sum"] == [(LABELS, 9022)]
    assert found["pilotage_model_seconds_total"] == [(LABELS, 1.25)]
    assert by(metrics, "pilotage_requests_shed_total", "reason") == {("overload",): 1}
    assert found["pilotage_requests_in_flight"] == [(LABELS, 7)]


def test_values_and_answers_are_shown_by_bin() -> None:
    metrics = people(AGE)
    answer(metrics, [17], [18], [40], [-1], [math.nan])
    assert by(metrics, "pilotage_feature_values_total", "input", "feature", "bin") == {
        ("person", "age", "18.0"): 2,
        ("person", "age", "65.0"): 1,
        ("person", "age", "below"): 1,
        ("person", "age", "missing"): 1,
    }
    assert by(metrics, "pilotage_output_values_total", "output", "column", "bin") == {("score", "0", "+Inf"): 5}
    assert by(metrics, "pilotage_predictions_total", "output", "class") == {("label", "yes"): 5}
    assert samples(metrics)["pilotage_rows_unbinned_total"] == [(LABELS, 0)]


def test_violations_are_those_that_were_served_and_those_that_were_refused() -> None:
    metrics = people(AGE, Feature("size", None, None, missing=True), Feature("kind", None, None, True, (1.0,)))
    metrics.refused = {("age", "below"): 2, ("age", "infinite"): 1, ("gone", "infinite"): 4, ("away", "infinite"): 1}
    answer(metrics, [-1, -1, 1], [101, math.nan, 2], [math.nan, 7, math.nan])
    assert by(metrics, "pilotage_contract_violations_total", "feature", "kind") == {
        ("age", "below"): 3,
        ("age", "above"): 1,
        ("age", "missing"): 1,
        ("age", "infinite"): 1,
        ("kind", "unknown_category"): 1,
        ("other", "infinite"): 5,
    }


def test_what_runs_is_said_and_quoted() -> None:
    found = samples(Metrics(IDENTITY, {"digest": 'sha256:"\\\n'}))
    assert found["pilotage_build_info"] == [({**LABELS, "digest": 'sha256:"\\\n'}, 1)]


def test_what_a_bundle_calls_its_features_and_labels_spoils_no_scrape() -> None:
    features = tuple(Feature(name, 0.0, 1.0, False, HOSTILE) for name in HOSTILE)
    inputs, output = Tensor("person", "BYTES", (-1, len(features)), features), Tensor(HOSTILE[4], "BYTES", (-1,))
    known = Reference(0, {}, {(output.name, 0): Values(HOSTILE, (1,) * len(HOSTILE))})
    metrics = Metrics(IDENTITY, {"digest": HOSTILE[4]}, Contract((inputs,), (output,)), known)
    names = np.array(HOSTILE, object)
    metrics.note({"person": np.tile(names[:, None], (1, len(names)))}, {output.name: names})
    found = samples(metrics)
    for name, series in found.items():
        keys = [tuple(sorted(labels.items())) for labels, _ in series]
        assert len(set(keys)) == len(keys), name
    assert sum(value for _, value in found["pilotage_feature_values_total"]) == len(HOSTILE) ** 2
    assert {value for _, value in found["pilotage_predictions_total"]} == {0, 1}


steps = st.one_of(
    st.tuples(st.just("answered"), st.sampled_from([200, 400, 429, 500]), st.floats(0, 100)),
    st.tuples(st.just("waited"), st.floats(0, 100)),
    st.tuples(st.just("ran"), st.integers(1, 5000), st.floats(0, 1)),
    st.tuples(st.just("shed"), st.sampled_from(["overload", "deadline", "new"])),
    st.tuples(st.just("answer"), st.lists(st.floats(-10, 120, width=32) | st.just(math.nan), min_size=1, max_size=9)),
)


@settings(deadline=None, max_examples=30)
@given(st.lists(steps, max_size=12))
def test_no_counter_ever_goes_down(taken: list[Any]) -> None:
    metrics = people(AGE)
    last: dict[Any, float] = {}
    for name, *arguments in taken:
        if name == "answer":
            answer(metrics, *([value] for value in arguments[0]))
        else:
            getattr(metrics, name)(*arguments)
        now = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(metrics.render().decode())
            for sample in family.samples
            if family.type in ("counter", "histogram")
        }
        assert all(now[series] >= value for series, value in last.items())
        last = now


def test_more_than_wait_at_once_are_counted_as_well() -> None:
    metrics = people(AGE)
    for _ in range(5000):
        metrics.answered(200, 0.25)
        metrics.waited(0.5)
        answer(metrics, [40], [50])
    found = samples(metrics)
    for name, count, total in (("request_duration", 5000, 1250), ("queue_wait", 5000, 2500)):
        assert found[f"pilotage_{name}_seconds_count"] == [(LABELS, count)]
        assert found[f"pilotage_{name}_seconds_sum"] == [(LABELS, total)]
    assert by(metrics, "pilotage_feature_values_total", "bin") == {("65.0",): 10_000}


def test_every_family_is_shown_as_it_is_documented() -> None:
    metrics = people(AGE)
    answer(metrics, [-1])
    shown = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    assert set(shown) == {family.name.removesuffix("_total") for family in FAMILIES}
    for family in FAMILIES:
        assert re.fullmatch(r"pilotage_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter")
        seen = shown[family.name.removesuffix("_total")]
        assert (seen.type, seen.documentation) == (family.kind, family.means)
        for sample in seen.samples:
            more = set(sample.labels) - set(ON_ALL)
            assert set(ON_ALL) <= set(sample.labels)
            assert more <= set(family.labels)


def test_the_page_is_written_and_found_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "metrics.md"
    assert page.main([str(file), "--check"]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert page.main([str(file)]) == 0
    assert page.main([str(file), "--check"]) == 0
    text = file.read_text(encoding="utf-8")
    assert all(f"`{family.name}`" in text for family in FAMILIES)
