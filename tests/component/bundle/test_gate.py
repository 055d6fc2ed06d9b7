"""`fetch` and `probe` as a Job runs them: own processes, exit codes, reports."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pilotage.bundle.build import Bundle
from pilotage.bundle.digest import write_manifest
from pilotage.bundle.format import MODEL
from tests.component.bundle.registry import PASSWORD, USERNAME, RunningRegistry
from tests.unit.bundle.bundles import adding_graph


def pilotage(folder: Path, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Exit code and report of one command."""
    path = folder / "report"
    path.unlink(missing_ok=True)
    environment = {**os.environ, "PILOTAGE_REPORT": str(path)}
    done = subprocess.run([sys.executable, "-m", "pilotage", *map(str, arguments)], env=environment, check=False)
    assert path.stat().st_size <= 4096
    return done.returncode, json.loads(path.read_text())


def test_a_pushed_bundle_is_fetched_and_probed(
    built: Bundle, guarded_registry: RunningRegistry, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    for key, value in {"registry": guarded_registry.host, "username": USERNAME, "password": PASSWORD}.items():
        (secret / key).write_text(value + "\n")
    uri = f"oci://{guarded_registry.host}/models/fraud"
    push: list[str | Path] = ["push", built.path, uri, "--plain-http", "--credentials", secret]
    said = subprocess.run([sys.executable, "-m", "pilotage", *push], capture_output=True, check=True, text=True)
    assert said.stdout == f"{uri}@{built.digest}\n"

    source: list[str | Path] = ["--uri", uri, "--digest", built.digest, "--plain-http", "--credentials", secret]
    code, report = pilotage(tmp_path, "fetch", *source, "--into", tmp_path / "bundle")
    assert (code, report["step"], report["outcome"]) == (0, "fetch", "passed")

    code, report = pilotage(tmp_path, "probe", tmp_path / "bundle", "--memory", str(512 << 20))
    assert (code, report["outcome"]) == (0, "passed")
    assert (report["model"], report["version"]) == ("fraud", "1")
    assert report["contract"]["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 5]}]
    assert report["report"][-1] == {
        "check": "memory",
        "verdict": "pass",
        "figure": "",
        "limit": f"{512 << 20} bytes",
        "message": "the golden requests fit",
    }


@pytest.mark.parametrize(
    ("source", "code", "outcome"),
    [
        pytest.param({}, 75, "unavailable", id="a registry that is away is tried again"),
        pytest.param({"--digest": "latest"}, 1, "refused", id="a tag for a digest is refused"),
        pytest.param({"--uri": "s3://bucket/x"}, 1, "refused", id="an address of another kind is refused"),
        pytest.param({"--credentials": "nowhere"}, 75, "unavailable", id="a Secret without its keys is waited for"),
    ],
)
def test_fetch_says_whether_to_try_again(tmp_path: Path, source: dict[str, str], code: int, outcome: str) -> None:
    options = {
        "--uri": "oci://127.0.0.1:1/x",
        "--digest": "sha256:" + "0" * 64,
        "--into": str(tmp_path / "b"),
        **source,
    }
    found, report = pilotage(tmp_path, "fetch", "--plain-http", *(word for pair in options.items() for word in pair))
    assert (found, report["outcome"]) == (code, outcome)
    assert report["report"][0]["message"]


@pytest.mark.parametrize("mebibytes", [400, 4000], ids=["a little more than it may", "ten times what it may"])
def test_a_model_that_wants_more_memory_than_it_may_is_refused_in_a_sentence(
    built: Bundle, tmp_path: Path, mebibytes: int
) -> None:
    bundle = Path(shutil.copytree(built.path, tmp_path / "bundle"))
    (bundle / MODEL).write_bytes(adding_graph(mebibytes << 18).SerializeToString())
    write_manifest(bundle)
    code, report = pilotage(tmp_path, "probe", bundle, "--memory", str(384 << 20))
    assert (code, report["outcome"]) == (1, "refused")
    assert report["report"][-1]["check"] == "memory"
    assert report["report"][-1]["limit"] == f"{384 << 20} bytes"
    assert "wants more memory than it may have" in report["report"][-1]["message"]
