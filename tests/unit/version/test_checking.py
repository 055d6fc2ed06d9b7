"""What one Job says about a version, row by row."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pilotage_operator.api.modelversion import ModelVersionSpec
from pilotage_operator.domain.checking import (
    PROBE_SECONDS,
    ContainerSeen,
    JobSeen,
    Passed,
    Refused,
    Running,
    StepReport,
    Unfinished,
    conclude,
)
from tests.unit.version.given import (
    AWAY,
    BAD,
    CONTRACT,
    CRASHED,
    DIGEST_OK,
    FETCHED,
    GOOD,
    NOW,
    OOM_KILLED,
    PASS,
    PASSED,
    REFUSED,
    job,
    spec,
)  # fmt: skip

WAITING = ContainerSeen(reason="PodInitializing")
NOT_YET = ContainerSeen(reason="ContainerCreating")


def with_credentials() -> ModelVersionSpec:
    known = spec()
    source = known.source.dump() | {"credentials": {"secretRef": {"name": "pull"}}}
    return ModelVersionSpec.model_validate(known.dump() | {"source": source})


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        pytest.param(
            replace(job(), pod=None), "Job fraud-v3-check-1 has no pod yet", id="a job without a pod says where to look"
        ),
        pytest.param(
            job(fetch=WAITING, unschedulable="0/1 nodes are available: 1 Insufficient memory."),
            "no node takes the check's pod: 0/1 nodes are available",
            id="a pod that no node takes says why",
        ),
        pytest.param(
            job(fetch=ContainerSeen(reason="ImagePullBackOff", message="Back-off pulling image")),
            "the container `fetch` cannot start: ImagePullBackOff: Back-off pulling image",
            id="an image that cannot be pulled is named with its container",
        ),
        pytest.param(
            job(fetch=ContainerSeen(started_at=NOW)),
            "the bundle is fetched from oci://registry:5000/models/fraud",
            id="a running fetch names the source",
        ),
        pytest.param(
            job(probe=ContainerSeen(started_at=NOW - timedelta(seconds=PROBE_SECONDS))),
            "the model is loaded",
            id="a probe within its time runs on",
        ),
        pytest.param(job(fetch=NOT_YET), "the check's pod is starting", id="a pod that starts is waited for"),
    ],
)
def test_running(seen: JobSeen, says: str) -> None:
    outcome = conclude(seen, spec(), NOW)
    assert isinstance(outcome, Running)
    assert says in outcome.message


def test_a_pod_that_waits_for_its_secret_names_the_secret() -> None:
    outcome = conclude(job(fetch=NOT_YET), with_credentials(), NOW)
    assert outcome == Running("the check's pod is starting; it needs Secret pull")


@pytest.mark.parametrize(
    ("seen", "reason", "says", "blamed"),
    [
        pytest.param(
            job(fetch=AWAY, finished="BackoffLimitExceeded"),
            "RegistryUnavailable",
            "the registry registry:5000 gave no bundle: registry: no connection to registry:5000",
            False,
            id="a registry that is away is not evidence",
        ),
        pytest.param(
            job(fetch=replace(AWAY, report=None)),
            "RegistryUnavailable",
            "the registry registry:5000 gave no bundle",
            False,
            id="exit code 75 says so even without a report",
        ),
        pytest.param(
            job(fetch=ContainerSeen(exit_code=137, reason="OOMKilled")),
            "FetchFailed",
            "ended with exit code 137, OOMKilled without a report",
            False,
            id="a fetch that runs out of memory is not the model's fault",
        ),
        pytest.param(
            job(fetch=ContainerSeen(exit_code=2, reason="Error")),
            "FetchFailed",
            "ended with exit code 2 without a report",
            False,
            id="a fetch that fails without a report is tried again",
        ),
        pytest.param(
            job(probe=CRASHED),
            "ProbeCrashed",
            "the model's process ended with exit code 139 without a report",
            True,
            id="a probe that dies without a report carries the blame",
        ),
        pytest.param(
            job(probe=replace(PASSED, report=replace(PASS, contract=None))),
            "ProbeCrashed",
            "without a report",
            True,
            id="a pass without a contract is no report",
        ),
        pytest.param(
            job(probe=replace(PASSED, exit_code=3)),
            "ProbeCrashed",
            "exit code 3",
            True,
            id="a pass from a process that failed is not believed",
        ),
        pytest.param(
            job(probe=CRASHED, reason="Evicted", message="The node was low on resource: memory."),
            "Evicted",
            "the check's pod was stopped: The node was low on resource: memory.",
            False,
            id="an evicted pod is the node's fault",
        ),
        pytest.param(
            job(fetch=WAITING, reason="DeletionByTaintManager"),
            "DeletionByTaintManager",
            "the check's pod was stopped: DeletionByTaintManager",
            False,
            id="a pod on a lost node is the node's fault",
        ),
        pytest.param(
            replace(job(finished="BackoffLimitExceeded"), pod=None),
            "PodLost",
            "ended (BackoffLimitExceeded) and its pod left no report",
            False,
            id="a pod deleted by hand is tried again",
        ),
        pytest.param(
            replace(job(finished="Complete"), pod=None),
            "PodLost",
            "Complete",
            False,
            id="complete without a pod proves nothing",
        ),
        pytest.param(
            replace(job(finished="DeadlineExceeded"), pod=None),
            "DeadlineExceeded",
            "was not done after 30 minutes",
            False,
            id="a job that never got to run is tried again",
        ),
        pytest.param(
            job(probe=ContainerSeen(started_at=NOW - timedelta(seconds=PROBE_SECONDS + 1))),
            "ProbeTimedOut",
            "did not load and answer its golden requests within 300 s",
            True,
            id="a model that does not come to an end carries the blame",
        ),
    ],
)
def test_unfinished(seen: JobSeen, reason: str, says: str, blamed: bool) -> None:
    outcome = conclude(seen, spec(), NOW)
    assert isinstance(outcome, Unfinished)
    assert outcome.reason == reason
    assert says in outcome.message
    assert (outcome.blame is not None) == blamed


@pytest.mark.parametrize(
    ("seen", "failed"),
    [
        pytest.param(job(fetch=REFUSED), (BAD.check, BAD.figure, BAD.limit), id="a bundle that fetch refuses"),
        pytest.param(job(probe=REFUSED), (BAD.check, BAD.figure, BAD.limit), id="a bundle that the probe refuses"),
        pytest.param(job(probe=OOM_KILLED), ("memory", "over 512Mi", "512Mi"), id="a model killed at its memory limit"),
        pytest.param(
            job(probe=replace(PASSED, report=replace(PASS, model="churn"))),
            ("identity", "churn 3", "fraud 3"),
            id="a bundle of another model",
        ),
        pytest.param(
            job(probe=replace(PASSED, report=replace(PASS, version="4"))),
            ("identity", "fraud 4", "fraud 3"),
            id="a bundle of another version",
        ),
    ],
)
def test_refused(seen: JobSeen, failed: tuple[str, str, str]) -> None:
    outcome = conclude(seen, spec(), NOW)
    assert isinstance(outcome, Refused)
    last = outcome.report[-1]
    assert (last.check, last.figure, last.limit) == failed
    assert last.verdict == "fail"
    assert last.message


def test_the_report_of_a_pass_has_the_rows_of_both_containers() -> None:
    assert conclude(job(probe=PASSED), spec(), NOW) == Passed((DIGEST_OK, GOOD), CONTRACT)


def test_a_pass_is_believed_though_the_pod_was_stopped_afterwards() -> None:
    assert isinstance(conclude(job(probe=PASSED, reason="Evicted"), spec(), NOW), Passed)


def test_a_report_goes_before_the_kernels_word() -> None:
    seen = job(probe=replace(REFUSED, reason="OOMKilled"), fetch=FETCHED)
    assert conclude(seen, spec(), NOW) == Refused((DIGEST_OK, BAD))


def test_unavailable_from_the_probe_is_no_report() -> None:
    probe = ContainerSeen(exit_code=75, report=StepReport(outcome="unavailable"))
    assert isinstance(conclude(job(probe=probe), spec(), NOW), Unfinished)
