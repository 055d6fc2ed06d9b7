"""What a scrape shows is what was sent."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sklearn.datasets import load_iris

from tests.component.serving.process import Server, infer_body, request

INFER = "/v2/models/flowers/infer"
GOOD, WRONG, NOT_FINITE = infer_body([[1, 2, 3, 4]]), b"{", infer_body([[None, 2, 3, 4]])


def scrape(server: Server) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(server.ask("GET", "/metrics").body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def by_code(server: Server) -> Counter[str]:
    return Counter({labels["code"]: int(value) for labels, value in scrape(server)["pilotage_requests_total"]})


def by(server: Server, name: str, *labels: str) -> Counter[tuple[str, ...]]:
    """One metric's values by some of its labels."""
    found = scrape(server).get(name, [])
    return Counter({tuple(each[label] for label in labels): int(value) for each, value in found})


def test_a_new_pod_shows_a_zero(server: Server) -> None:
    assert by_code(server)["200"] == 0
    assert "200" in by_code(server)


def test_every_inference_is_counted_once_by_its_code_and_nothing_else_is(server: Server) -> None:
    before = by_code(server)
    bodies = [GOOD] * 70 + [WRONG] * 20 + [NOT_FINITE] * 10
    with server.connect() as client:
        client.send(b"".join(request("POST", INFER, body) + request("GET", "/v2/health/live") for body in bodies))
        codes = [client.receive().status for _ in range(2 * len(bodies))][::2]
    server.ask("POST", INFER, b"x" * 100_001)
    server.ask("GET", INFER)
    server.ask("POST", "/v2/models/roses/infer", GOOD)
    assert Counter(codes) == {200: 70, 400: 20, 500: 10}
    assert by_code(server) - before == {"200": 70, "400": 20, "500": 10, "413": 1}


def test_the_histogram_holds_what_the_counters_do(server: Server) -> None:
    found = scrape(server)
    total = sum(value for _, value in found["pilotage_requests_total"])
    buckets = [value for _, value in found["pilotage_request_duration_seconds_bucket"]]
    assert found["pilotage_request_duration_seconds_count"][0][1] == total == buckets[-1]
    assert buckets == sorted(buckets)
    assert found["pilotage_request_duration_seconds_sum"][0][1] > 0
    assert found["pilotage_requests_in_flight"][0][1] == 0


@pytest.mark.parametrize("name", ["pilotage_requests_total", "pilotage_request_duration_seconds_sum"])
def test_labels_name_the_process(server: Server, name: str) -> None:
    labels, _ = scrape(server)[name][0]
    wanted = {"model": "iris", "deployment": "flowers", "version": "iris-v3", "revision": "1a2b3c4d5e"}
    assert wanted.items() <= labels.items()
    assert labels["start"].isdecimal()
    assert json.loads(labels["start"]) > 1_600_000_000


def test_the_training_rows_fill_the_bins_as_the_reference_says(server: Server, flowers: Path) -> None:
    reference = json.loads((flowers / "reference.json").read_bytes())
    shown = ("pilotage_feature_values_total", "feature", "bin")
    answered = ("pilotage_predictions_total", "output", "class")
    before, classes_before = by(server, *shown), by(server, *answered)
    waits = scrape(server)["pilotage_queue_wait_seconds_count"][0][1]
    rows = load_iris().data.tolist()
    with server.connect() as client:
        for first in range(0, 150, 3):  # as one request of one row and one of two, on their way together
            parts = rows[first : first + 1], rows[first + 1 : first + 3]
            client.send(b"".join(request("POST", INFER, infer_body(part)) for part in parts))
        assert {client.receive().status for _ in range(100)} == {200}
    expected: Counter[tuple[str, ...]] = Counter()
    for feature in reference["features"]:
        labels = [*map(str, feature["edges"]), "+Inf"]
        expected.update({(feature["name"], label): n for label, n in zip(labels, feature["counts"], strict=True)})
    assert by(server, *shown) - before == +expected
    label = next(output for output in reference["outputs"] if output["output"] == "label")
    counts = {("label", str(value)): n for value, n in zip(label["values"], label["counts"], strict=True)}
    assert by(server, *answered) - classes_before == counts
    found = scrape(server)
    assert found["pilotage_queue_wait_seconds_count"][0][1] - waits == 100
    assert found["pilotage_batch_rows_sum"][0][1] >= 150
    assert found["pilotage_rows_unbinned_total"][0][1] == 0


def test_values_beyond_the_contract_are_counted_whether_served_or_refused(server: Server) -> None:
    before = by(server, "pilotage_contract_violations_total", "feature", "kind")
    served = server.ask("POST", INFER, infer_body([[99, 3, 4, 1], [5, -1, 4, 1], [99, 3, 4, 1]]))
    tensor = {"name": "input", "datatype": "FP32", "shape": [1, 4], "parameters": {"binary_data_size": 16}}
    head = json.dumps({"inputs": [tensor]}).encode()
    body = head + np.array([np.inf, 3, 4, 1], "<f4").tobytes()
    refused = server.ask("POST", INFER, body, Inference_Header_Content_Length=str(len(head)))
    assert (served.status, refused.status) == (200, 400)
    assert by(server, "pilotage_contract_violations_total", "feature", "kind") - before == {
        ("x0", "above"): 2,
        ("x1", "below"): 1,
        ("x0", "infinite"): 1,
    }


def test_what_the_process_takes_is_shown(server: Server) -> None:
    found = scrape(server)
    assert found["pilotage_process_cpu_seconds_total"][0][1] > 0
    assert found["pilotage_process_resident_memory_bytes"][0][1] == pytest.approx(server.resident(), rel=0.2)
