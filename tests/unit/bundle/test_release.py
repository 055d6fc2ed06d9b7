from pathlib import Path

import pytest
import yaml

from pilotage.bundle.errors import BundleError
from pilotage.cli.release import point_at, release

URI = "oci://registry.example.com/models/fraud"
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def test_the_first_release_writes_both_files(tmp_path: Path) -> None:
    version, deployment = release(tmp_path / "deploy", "fraud", "3", URI, ONE, "fraud")
    assert yaml.safe_load(version.read_text()) == {
        "apiVersion": "pilotage.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": "fraud-v3"},
        "spec": {"model": "fraud", "version": "3", "source": {"uri": URI, "digest": ONE}},
    }
    assert yaml.safe_load(deployment.read_text()) == {
        "apiVersion": "pilotage.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud"},
        "spec": {"modelVersion": "fraud-v3"},
    }


WRITTEN = """\
# owned by the risk team
apiVersion: pilotage.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: fraud
  annotations:
    note: "modelVersion: fraud-v0"
spec:
  replicas: 3
  modelVersion: %s
  rollout:
    steps:
    - {weight: 25, for: 10m}  # modelVersion: not this one
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("fraud-v2", "fraud-v3", id="a plain value"),
        pytest.param("fraud-v2   # since May", "fraud-v3   # since May", id="a comment behind it"),
        pytest.param('"fraud-v2"', "fraud-v3", id="a quoted value"),
        pytest.param("fraud-v3", "fraud-v3", id="the same version again"),
        pytest.param("", "fraud-v3", id="no value yet"),
    ],
)
def test_only_the_versions_value_changes(before: str, after: str) -> None:
    assert point_at(WRITTEN % before, "fraud", "fraud-v3", Path("fraud.yaml")) == WRITTEN % after


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("kind: ModelDeployment\nspec: {modelVersion: a}\n", "edit it by hand", id="flow style"),
        pytest.param(WRITTEN % "a" + "---\n" + WRITTEN % "b", "edit it by hand", id="two documents"),
        pytest.param(
            (WRITTEN % "a").replace("fraud\n", "churn\n", 1), "is not the ModelDeployment fraud", id="another"
        ),
        pytest.param((WRITTEN % "a").replace("ModelDep", "Dep"), "is not the ModelDeployment", id="another kind"),
    ],
)
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "fraud.yaml").write_text(text)
    with pytest.raises(BundleError, match=sentence):
        release(tmp_path, "fraud", "3", URI, ONE, "fraud")
    assert (tmp_path / "fraud.yaml").read_text() == text
    assert not (tmp_path / "fraud-v3.yaml").exists()


def test_a_version_never_changes_its_bundle(tmp_path: Path) -> None:
    release(tmp_path, "fraud", "3", URI, ONE, "fraud")
    with pytest.raises(BundleError, match="choose a new version"):
        release(tmp_path, "fraud", "3", URI, TWO, "fraud")


def test_a_gate_that_somebody_set_survives_the_same_release(tmp_path: Path) -> None:
    version, _ = release(tmp_path, "fraud", "3", URI, ONE, "fraud")
    version.write_text(version.read_text() + "  gate:\n    memory: 1Gi\n")
    release(tmp_path, "fraud", "3", URI, ONE, "fraud")
    assert yaml.safe_load(version.read_text())["spec"]["gate"] == {"memory": "1Gi"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"name": "Fraud"}, "name 'Fraud' must be", id="a bad name"),
        pytest.param({"uri": URI + ":3"}, "without tag or digest", id="a tag"),
        pytest.param({"uri": "https://registry/x"}, "is no repository", id="a web address"),
        pytest.param({"digest": "3"}, "is not a digest", id="a tag for a digest"),
        pytest.param({"version": "1." * 30 + "0"}, "longer than the 52", id="a long version"),
        pytest.param({"deployment": "fraud-v3"}, "would name both files", id="one name for both"),
    ],
)
def test_malformed_arguments_are_refused(tmp_path: Path, change: dict[str, str], sentence: str) -> None:
    arguments = {"name": "fraud", "version": "3", "uri": URI, "digest": ONE, "deployment": "fraud", **change}
    with pytest.raises(BundleError, match=sentence):
        release(tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []
