"""The snapshot of what is served: its name, its round trip, whose it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage_operator.api.modeldeployment import Server
from pilotage_operator.domain.manifests.revision import Revision, controller_revision, read_revision, revision_name

DIGEST = "sha256:" + "0" * 64
OWNER = {"metadata": {"name": "fraud", "namespace": "team", "uid": "uid-1"}}


def name(digest: str = DIGEST, **server: Any) -> str:
    return revision_name(digest, Server.model_validate(server))


def test_a_name_is_ten_hex_digits_and_never_changes() -> None:
    assert name() == "ea5cecee0d"
    assert name(resources={"limits": {"memory": "1Gi"}}, runtime="2") == "369c82f8c9"


@pytest.mark.parametrize(
    "server",
    [
        {"resources": {"requests": {"cpu": "1"}}},
        {"runtime": "2"},
        {"serviceAccountName": "model"},
        {"nodeSelector": {"disk": "ssd"}},
        {"tolerations": [{"key": "gpu"}]},
    ],
    ids=lambda server: str(next(iter(server))),
)
def test_what_the_user_gives_is_another_revision(server: dict[str, Any]) -> None:
    assert name(**server) != name()


@pytest.mark.parametrize(
    "server",
    [{}, {"resources": {}}, {"resources": {"requests": {}}}, {"tolerations": []}, {"runtime": None}],
    ids=str,
)
def test_what_says_nothing_is_the_same_revision(server: dict[str, Any]) -> None:
    assert name(**server) == name()


def test_another_bundle_is_another_revision() -> None:
    assert name("sha256:" + "1" * 64) != name()


@given(
    revision=st.builds(
        Revision,
        name=st.text("0123456789abcdef", min_size=10, max_size=10),
        order=st.integers(1, 10_000),
        model_version=st.text(min_size=1),
        version=st.text(min_size=1),
        digest=st.just(DIGEST),
        contract=st.text(),
        template=st.dictionaries(st.text(), st.integers()),
        promoted=st.booleans(),
        attempts=st.integers(0, 99),
        failed=st.text(),
    )
)
def test_a_snapshot_is_read_as_it_was_written(revision: Revision) -> None:
    assert read_revision(controller_revision(OWNER, revision)) == revision


def test_verdicts_are_no_part_of_the_data_which_never_changes() -> None:
    before = Revision("1a2b3c4d5e", 1, "v1", "1", DIGEST, "ab", {})
    after = Revision("1a2b3c4d5e", 1, "v1", "1", DIGEST, "ab", {}, promoted=True, attempts=3, failed="errors")
    assert controller_revision(OWNER, before)["data"] == controller_revision(OWNER, after)["data"]


def test_a_child_is_owned_and_never_blocks_the_deletion_of_its_owner() -> None:
    metadata = controller_revision(OWNER, Revision("1a2b3c4d5e", 1, "v1", "1", DIGEST, "ab", {}))["metadata"]
    assert metadata["name"] == "fraud-1a2b3c4d5e"
    assert metadata["labels"] == {
        "pilotage.dev/deployment": "fraud",
        "pilotage.dev/revision": "1a2b3c4d5e",
        "app.kubernetes.io/managed-by": "pilotage",
    }
    (owner,) = metadata["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("uid-1", True, False)
