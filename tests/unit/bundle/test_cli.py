import json
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.bundle.build import Bundle
from pilotage.cli import main

HEAVY = ("numpy", "onnx", "onnxruntime", "sklearn", "skl2onnx")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["fetch", "--uri", "oci://a", "--digest", "x", "--into", "nowhere"], id="fetch"),
    ],
)
def test_the_fetching_container_never_imports_what_runs_models(arguments: list[str], tmp_path: Path) -> None:
    script = f"""
import sys, json
from pilotage.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, cwd=tmp_path)
    assert json.loads(answer.stdout.splitlines()[-1]) == []


def test_check_prints_a_line_for_each_check(built: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(built.path)]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[:2] for line in printed.splitlines()] == [
        ["pass", check] for check in ("digest", "structure", "load", "contract", "golden")
    ]


def test_a_users_mistake_is_one_sentence_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", str(tmp_path / "none"), "oci://127.0.0.1:1/x"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "is not a folder; give the folder that pilotage.bundle(...) wrote" in said


def test_probe_leaves_a_report_of_a_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTAGE_REPORT", str(tmp_path / "report"))
    assert main(["probe", str(tmp_path / "none")]) == 1
    report = json.loads((tmp_path / "report").read_text())
    assert (report["step"], report["outcome"], report["report"][0]["check"]) == ("probe", "refused", "structure")
