"""What `spec.modelVersion` comes to."""

from __future__ import annotations

from typing import Any

import pytest

from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.domain.manifests.revision import Revision, revision_name
from pilotage_operator.domain.rollout.target import Platform, contract_refused, resolve
from tests.unit.rollout.simulated import NAME
from tests.unit.rollout.world import PLATFORM, model_version


def spec(version: str = "v2", **server: Any) -> ModelDeploymentSpec:
    return ModelDeploymentSpec.model_validate({"modelVersion": version, "server": server})


def made(version: str = "v2", *, order: int = 1, contract: str = "ab" * 32, **server: Any) -> Revision:
    found = model_version(version)
    digest = found["spec"]["source"]["digest"]
    name = revision_name(digest, spec(version, **server).server)
    return Revision(name, order, version, version[1:], digest, contract, template={})


def snapshots(*revisions: Revision) -> dict[str, Revision]:
    return {revision.name: revision for revision in revisions}


@pytest.mark.parametrize(
    ("version", "known", "reason", "says"),
    [
        pytest.param(None, {}, "WaitingForVersion", "ModelVersion v2 does not exist", id="it does not exist"),
        pytest.param(
            model_version("v2", phase="Checking"), {}, "WaitingForVersion", "being checked", id="it is being checked"
        ),
        pytest.param(
            model_version("v2", phase="Rejected"), {}, "VersionRejected", "the answers differ", id="it was rejected"
        ),
        pytest.param(
            model_version("v2", phase="Rejected"),
            snapshots(made()),
            "VersionRejected",
            "the answers differ",
            id="it was rejected although it served before",
        ),
        pytest.param(
            None, snapshots(made("v1")), "WaitingForVersion", "does not exist", id="only another one was served before"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_served(
    version: dict[str, Any] | None, known: dict[str, Revision], reason: str, says: str
) -> None:
    target, revision = resolve(NAME, spec(), version, known, PLATFORM)
    assert (target.revision, str(target.reason), revision) == ("", reason, None)
    assert says in target.message


@pytest.mark.parametrize(
    "version",
    [None, model_version("v2", phase="Checking"), model_version("v2")],
    ids=["deleted", "being checked again", "ready"],
)
def test_a_version_that_was_served_before_is_served_from_its_snapshot(version: dict[str, Any] | None) -> None:
    known = snapshots(made("v1"), made("v2", order=2))
    target, revision = resolve(NAME, spec(), version, known, PLATFORM)
    assert target.reason is None
    assert revision is known[target.revision]
    assert revision.model_version == "v2"


def test_a_new_version_becomes_the_next_revision() -> None:
    target, revision = resolve(NAME, spec(), model_version("v2"), snapshots(made("v1", order=7)), PLATFORM)
    assert revision
    assert (target.revision, target.version, revision.order) == (revision.name, "v2", 8)
    assert revision.template["spec"]["containers"][0]["image"] == "serving:1"


def test_other_server_fields_are_another_revision_of_the_same_version() -> None:
    known = snapshots(made())
    target, revision = resolve(NAME, spec(runtime="2"), model_version("v2"), known, PLATFORM)
    assert revision
    assert target.revision not in known
    assert revision.template["spec"]["containers"][0]["image"] == "serving:2"


def test_other_server_fields_cannot_be_had_of_a_version_that_was_deleted() -> None:
    target, _ = resolve(NAME, spec(runtime="2"), None, snapshots(made()), PLATFORM)
    assert target.waiting


def test_an_upgrade_of_the_operator_makes_no_new_revision() -> None:
    newer = Platform("serving:99", connection_seconds=5)
    known = snapshots(made())
    assert resolve(NAME, spec(), model_version("v2"), known, newer)[1] is known[made().name]


@pytest.mark.parametrize(
    ("image", "runtime", "becomes"),
    [
        ("serving:1", None, "serving:1"),
        ("serving:1", "2", "serving:2"),
        ("serving", "2", "serving:2"),
        ("registry:5000/models/serving:1", "2", "registry:5000/models/serving:2"),
        ("registry:5000/serving@sha256:00", "2", "registry:5000/serving:2"),
    ],
)
def test_the_image_of_a_runtime(image: str, runtime: str | None, becomes: str) -> None:
    assert Platform(image, 60).image(runtime) == becomes


@pytest.mark.parametrize(
    ("stable", "allowed", "refused"),
    [
        pytest.param(made("v1"), False, False, id="the same contract"),
        pytest.param(made("v1", contract="cd" * 32), False, True, id="another contract"),
        pytest.param(made("v1", contract="cd" * 32), True, False, id="another contract that is allowed"),
        pytest.param(None, False, False, id="nothing serves yet"),
    ],
)
def test_a_changed_contract(stable: Revision | None, allowed: bool, refused: bool) -> None:
    asked = {"modelVersion": "v2", "rollout": {"allow": {"contractChange": allowed}}}
    said = contract_refused(ModelDeploymentSpec.model_validate(asked), stable, made())
    assert bool(said) is refused
    assert not refused or "spec.rollout.allow.contractChange" in said
