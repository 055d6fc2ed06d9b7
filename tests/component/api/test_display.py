"""What a person sees: `kubectl get`, `kubectl explain`, and a status that comes back as it was written."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pilotage_operator.api.conditions import Condition, ConditionType
from pilotage_operator.api.deploymentstatus import (
    CanaryRevision,
    HistoryEntry,
    ModelDeploymentStatus,
    Phase,
    StableRevision,
)
from pilotage_operator.api.modelversion import GateCheck, ModelVersionStatus, VersionPhase
from tests.component.api.cluster import ApiServer, manifest
from tests.unit.api.specs import DIGEST, deployment, version

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, UTC)

ROLLING = ModelDeploymentStatus(
    observed_generation=1,
    phase=Phase.PROGRESSING,
    reason="StepMeasured",
    url="http://fraud.models.svc/v2/models/fraud",
    weights="75/25",
    stable=StableRevision(revision="1a2b3c4d5e", model_version="fraud-v2", digest=DIGEST, weight=75, ready=3),
    canary=CanaryRevision(revision="2a2b3c4d5e", model_version="fraud-v3", weight=25, step=2, started_at=NOW),
    history=(HistoryEntry(at=NOW, event="Released", by="ada"), HistoryEntry(at=NOW, event="Approved", by="grace")),
    conditions=(Condition(type=ConditionType.READY, status="True", reason="StableServes", last_transition_time=NOW),),
)


def _explain(what: str, cache: Path) -> str:
    # A cache of its own: what kubectl remembers of another cluster at the same address is not what this one says.
    command = ["kubectl", "--cache-dir", str(cache), "explain", what]
    explained = subprocess.run(command, check=False, capture_output=True, text=True)
    assert explained.returncode == 0, explained.stderr
    return explained.stdout


def test_a_rollouts_status_is_kept_and_shown_in_columns(api_server: ApiServer) -> None:
    stored = api_server.create(manifest("ModelDeployment", "shown", deployment()), store=True).body
    written = api_server.write_status(stored | {"status": ROLLING.dump()})
    assert written.code == 200, written.message
    assert ModelDeploymentStatus.parse(written.body["status"]) == ROLLING

    table = api_server.table("ModelDeployment")
    columns = [column["name"] for column in table["columnDefinitions"]]
    (row,) = [row["cells"] for row in table["rows"] if row["cells"][0] == "shown"]
    assert dict(zip(columns, row, strict=True)) | {"AGE": "now"} == {
        "Name": "shown",
        "PHASE": "Progressing",
        "STABLE": "fraud-v2",
        "CANARY": "fraud-v3",
        "WEIGHT": "75/25",
        "STEP": 2,
        "REASON": "StepMeasured",
        "URL": "http://fraud.models.svc/v2/models/fraud",
        "AGE": "now",
        "READY": 3,
        "DIGEST": DIGEST,
        "CHANGED-BY": "grace",
    }


def test_the_wide_columns_are_only_shown_when_asked_for(api_server: ApiServer) -> None:
    columns = api_server.table("ModelDeployment")["columnDefinitions"]
    assert [column["name"] for column in columns if column["priority"]] == ["READY", "DIGEST", "CHANGED-BY"]


def test_a_checks_report_is_kept(api_server: ApiServer) -> None:
    stored = api_server.create(manifest("ModelVersion", "reported", version()), store=True).body
    status = ModelVersionStatus(
        phase=VersionPhase.REJECTED,
        report=(GateCheck(check="golden", verdict="fail", figure="0.31", limit="0.0001", message="answers differ"),),
        retry_at=NOW,
    )
    written = api_server.write_status(stored | {"status": status.dump()})
    assert ModelVersionStatus.parse(written.body["status"]) == status


def test_a_status_is_not_written_with_the_spec(api_server: ApiServer) -> None:
    body = manifest("ModelDeployment", "lost", deployment()) | {"status": ROLLING.dump()}
    assert "status" not in api_server.create(body).body


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("mdeploy", "Where and how a model is served"),
        ("mdeploy.spec.rollout", "What is absent is the platform's default"),
        ("mdeploy.spec.rollout.steps", "The least time at this step, counted only while it is measured."),
        ("mdeploy.spec.analysis.checks", "pause waits for a person"),
        ("mv.spec.source", "Immutable: other bytes are another ModelVersion."),
        ("mv.status", "Why it is in this phase, for a person."),
    ],
)
@pytest.mark.usefixtures("api_server")
def test_kubectl_explains_every_field(what: str, says: str, tmp_path: Path) -> None:
    text = " ".join(_explain(what, tmp_path).split())
    assert says in text
    assert "<no description>" not in text.split("FIELDS:")[1]
