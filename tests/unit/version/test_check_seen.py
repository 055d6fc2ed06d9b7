"""Reading a check's Job and pod; the report in it comes from a container that ran somebody's model."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage_operator.control.check_seen import read_report, see_job
from pilotage_operator.domain.checking import ContainerSeen

ROW = {"check": "golden", "verdict": "pass", "figure": "4e-07", "limit": "1e-4", "message": ""}
TENSOR = {"name": "input", "datatype": "FP32", "shape": [-1, 30]}
REPORT: dict[str, Any] = {
    "step": "probe",
    "outcome": "passed",
    "report": [ROW],
    "contract": {"inputs": [TENSOR], "outputs": [TENSOR | {"classes": ["0", "1"]}], "hash": "0f" * 32},
    "model": "fraud",
    "version": "3",
}


def test_a_whole_report_is_read() -> None:
    report = read_report(json.dumps(REPORT), "probe")
    assert report is not None
    assert (report.outcome, report.model, report.version) == ("passed", "fraud", "3")
    assert report.contract is not None
    assert report.contract.inputs[0].shape == (-1, 30)
    assert report.contract.outputs[0].classes == ("0", "1")
    assert report.report[0].figure == "4e-07"


def test_a_contract_too_long_for_the_message_is_its_hash() -> None:
    short = REPORT | {"contract": {"inputs": [], "outputs": [], "hash": "0f" * 32}}
    report = read_report(json.dumps(short), "probe")
    assert report is not None
    assert report.contract is not None
    assert report.contract.hash == "0f" * 32


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("Killed", id="not JSON"),
        pytest.param("[]", id="not an object"),
        pytest.param('{"step": "probe"', id="cut off"),
        pytest.param(json.dumps(REPORT | {"step": "fetch"}), id="of another step"),
        pytest.param(json.dumps(REPORT | {"outcome": "splendid"}), id="an outcome that does not exist"),
        pytest.param(json.dumps(REPORT | {"report": [ROW | {"verdict": "maybe"}]}), id="a verdict that does not exist"),
        pytest.param(json.dumps(REPORT | {"contract": {"inputs": [], "outputs": [], "hash": "x"}}), id="no hash"),
        pytest.param(json.dumps(REPORT | {"report": [{"check": "x", "verdict": "pass"}] * 33}), id="too many rows"),
        pytest.param(json.dumps(REPORT | {"version": "3" * 64}), id="a version longer than any"),
        pytest.param(json.dumps(REPORT) + " " * 4096, id="longer than a kubelet keeps"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_no_report(text: str) -> None:
    assert read_report(text, "probe") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*REPORT, "check", "hash"]), inner),
    max_leaves=8,
)


@given(st.text() | json_values.map(json.dumps) | st.dictionaries(st.sampled_from([*REPORT]), json_values).map(
    lambda changes: json.dumps(REPORT | changes)
))  # fmt: skip
def test_no_message_breaks_the_reader(text: str) -> None:
    read_report(text, "probe")


def a_job(**status: Any) -> dict[str, Any]:
    metadata = {"name": "fraud-v3-check-1", "uid": "u", "annotations": {"pilotage.dev/generation": "3"}}
    return {"metadata": metadata, "status": status}


def a_pod(created: str = "2026-11-23T12:00:00Z", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "creationTimestamp": created}, "status": status}


def test_a_job_without_status_or_pod() -> None:
    seen = see_job(a_job(), [])
    assert (seen.name, seen.uid, seen.generation, seen.finished, seen.pod) == ("fraud-v3-check-1", "u", 3, "", None)


def test_a_job_whose_generation_was_overwritten_is_of_none() -> None:
    job = a_job()
    job["metadata"]["annotations"] = {"pilotage.dev/generation": "-"}
    assert see_job(job, []).generation == 0


@pytest.mark.parametrize(
    ("condition", "finished"),
    [
        pytest.param({"type": "Complete", "status": "True"}, "Complete", id="complete"),
        pytest.param({"type": "Failed", "status": "True", "reason": "PodFailed"}, "PodFailed", id="failed"),
        pytest.param({"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded"}, "", id="about to fail"),
        pytest.param({"type": "Failed", "status": "False"}, "", id="not failed"),
    ],
)  # fmt: skip
def test_how_a_job_finished(condition: dict[str, str], finished: str) -> None:
    assert see_job(a_job(conditions=[condition]), []).finished == finished


def test_the_newest_pod_counts() -> None:
    old, new = a_pod(reason="Evicted"), a_pod("2026-11-23T12:01:00Z")
    pod = see_job(a_job(), [new, old]).pod
    assert pod is not None
    assert pod.reason == ""


def test_the_states_of_containers() -> None:
    pod = see_job(
        a_job(),
        [
            a_pod(
                conditions=[{"type": "PodScheduled", "status": "False", "message": "no node"}],
                initContainerStatuses=[{"name": "fetch", "state": {"terminated": {"exitCode": 75, "reason": "Error"}}}],
                containerStatuses=[{"name": "probe", "state": {"waiting": {"reason": "PodInitializing"}}}],
            )
        ],
    ).pod
    assert pod is not None
    assert pod.unschedulable == "no node"
    assert pod.fetch == ContainerSeen(exit_code=75, reason="Error")
    assert pod.probe == ContainerSeen(reason="PodInitializing")


def test_a_running_probe_has_its_start_and_a_finished_one_its_report() -> None:
    running = {"name": "probe", "state": {"running": {"startedAt": "2026-11-23T12:00:00Z"}}}
    ended = {"name": "probe", "state": {"terminated": {"exitCode": 0, "message": json.dumps(REPORT)}}}
    before = see_job(a_job(), [a_pod(containerStatuses=[running])]).pod
    after = see_job(a_job(), [a_pod(containerStatuses=[ended])]).pod
    assert before is not None
    assert after is not None
    assert before.probe.started_at is not None
    assert after.probe.report is not None


def test_a_disrupted_pod_has_a_reason() -> None:
    taint = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByTaintManager",
        "message": "node is away",
    }
    pod = see_job(a_job(), [a_pod(conditions=[taint])]).pod
    assert pod is not None
    assert (pod.reason, pod.message) == ("DeletionByTaintManager", "node is away")
