"""What the generator writes: up to date, whole, and in the API server's own subset of JSON schema."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pilotage_operator.api import crd
from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.api.modelversion import ModelVersionSpec

ROOT = Path(__file__).parents[3]
DEFINITIONS = (crd.model_version(), crd.model_deployment())


def _schema(definition: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from _nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from _nodes(node[key], f"{path}[]")


def test_the_committed_files_match_the_models() -> None:
    assert crd.main([str(ROOT / "crds"), str(ROOT / "charts/pilotage/files"), "--check"]) == 0


def test_a_stale_file_is_named_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crd.main([str(tmp_path)]) == 0
    stale = tmp_path / "modelversions.yaml"
    stale.write_text("edited by hand")
    assert crd.main([str(tmp_path), "--check"]) == 1
    assert f"{stale} does not match the models: run `make crds`" in capsys.readouterr().err
    assert stale.read_text() == "edited by hand"


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition["spec"]["names"]["kind"])
def test_every_field_is_described_and_typed(definition: dict[str, Any]) -> None:
    for path, node in _nodes(_schema(definition)["properties"]["spec"], "spec"):
        assert "type" in node or "x-kubernetes-int-or-string" in node, path
        assert node.get("description") or path.endswith("[]"), path
        assert not {"$ref", "anyOf", "title", "const", "null"} & node.keys(), path


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition["spec"]["names"]["kind"])
def test_every_list_and_map_that_a_user_writes_is_bounded(definition: dict[str, Any]) -> None:
    for path, node in _nodes(_schema(definition)["properties"]["spec"], "spec"):
        assert node.get("type") != "array" or "maxItems" in node, path
        assert "additionalProperties" not in node or "maxProperties" in node, path


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition["spec"]["names"]["kind"])
def test_a_status_is_never_defaulted_so_that_a_lost_one_is_seen_to_be_lost(definition: dict[str, Any]) -> None:
    assert not [path for path, node in _nodes(_schema(definition)["properties"]["status"]) if "default" in node]


def test_the_platforms_defaults_are_not_frozen_into_the_schema() -> None:
    spec = _schema(crd.model_deployment())["properties"]["spec"]["properties"]
    for part in ("rollout", "analysis"):
        above_checks = [path for path, node in _nodes(spec[part], part) if "default" in node and "[]" not in path]
        assert above_checks == []


@pytest.mark.parametrize(("model", "file"), [(ModelVersionSpec, 0), (ModelDeploymentSpec, 1)])
def test_the_quickstart_is_accepted(model: type[BaseModel], file: int) -> None:
    manifests = list(yaml.safe_load_all((ROOT / "examples" / "quickstart.yaml").read_text()))
    model.model_validate(manifests[file]["spec"])
