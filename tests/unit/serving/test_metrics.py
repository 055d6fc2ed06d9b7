"""What a scrape shows is what was answered."""

import math
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families

from pilotage.runtime.identity import Identity
from pilotage.runtime.metrics import Metrics, bucket_edges

IDENTITY = Identity("fraud", "3", "fraud-prod", "fraud-v3", "1a2b3c4d5e", 1_700_000_000)
LABELS = {
    "model": "fraud",
    "deployment": "fraud-prod",
    "version": "fraud-v3",
    "revision": "1a2b3c4d5e",
    "start": "1700000000",
}


def samples(metrics: Metrics) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Read by Prometheus' own client: name → labels and value."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_a_pod_without_traffic_is_seen_with_a_zero() -> None:
    found = samples(Metrics(IDENTITY, {}))
    assert found["pilotage_requests_total"] == [({**LABELS, "code": "200"}, 0)]
    assert found["pilotage_request_duration_seconds_count"] == [(LABELS, 0)]
    assert found["pilotage_requests_in_flight"] == [(LABELS, 0)]


def test_answers_are_counted_by_code_and_by_the_smallest_edge_not_below() -> None:
    metrics = Metrics(IDENTITY, {})
    for code, seconds in ((200, 0.0001), (200, 0.00012), (500, 0.00013), (400, 99.0)):
        metrics.answered(code, seconds)
    found = samples(metrics)
    assert {labels["code"]: value for labels, value in found["pilotage_requests_total"]} == {
        "200": 2, "400": 1, "500": 1,
    }  # fmt: skip
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


def test_what_runs_is_said_and_quoted() -> None:
    found = samples(Metrics(IDENTITY, {"digest": 'sha256:"\\\n'}))
    assert found["pilotage_build_info"] == [({**LABELS, "digest": 'sha256:"\\\n'}, 1)]
