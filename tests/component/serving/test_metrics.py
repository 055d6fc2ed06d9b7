"""What a scrape shows is what was sent."""

import json
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

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
