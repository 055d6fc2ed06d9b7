"""`pilotage serve` on a laptop: from a registry, with a banner whose request works when it is pasted."""

import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
import requests
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pilotage
from pilotage.bundle.build import Bundle
from pilotage.bundle.format import MODEL
from tests.component.bundle.registry import RunningRegistry
from tests.unit.bundle.bundles import TRAIN, rows

WAIT = 60.0


@contextmanager
def served(source: str | Path, cache: Path, *arguments: str, stderr: int = subprocess.PIPE) -> Iterator[IO[str] | None]:
    """What the server says while it runs; it has to end well when it is told to."""
    command = [sys.executable, "-m", "pilotage", "serve", str(source), "--host", "127.0.0.1", "--port", "0", *arguments]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    with subprocess.Popen(command, stderr=stderr, text=True, env=environment) as process:
        try:
            yield process.stderr
        except BaseException:
            process.kill()
            raise
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT) == 0


def read_until(start: str, said: IO[str]) -> str:
    """The first line that begins so."""
    lines = []
    for line in said:
        lines.append(line)
        if line.startswith(start):
            return line
    raise AssertionError(f"no line begins with {start!r}: {''.join(lines)}")


def paste(line: str) -> list[str]:
    """The names of the outputs that the pasted line is answered with."""
    answer = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=WAIT)
    return [output["name"] for output in json.loads(answer.stdout)["outputs"]]


def failure(source: str, cache: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pilotage", "serve", source, "--port", "0", *arguments]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False, env=environment)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    return ended.stderr


def test_a_bundle_is_served_from_a_registry_and_the_line_shown_works(
    built: Bundle, registry: RunningRegistry, tmp_path: Path
) -> None:
    source = built.push(f"oci://{registry.host}/models/fraud", plain_http=True)
    with served(source, tmp_path, "--plain-http", "--banner") as said:
        assert said is not None
        assert read_until("fraud 1 is ready at http://127.0.0.1:", said)
        assert read_until("sha256:", said).strip() == built.digest
        assert paste(read_until("curl", said)) == ["label", "probabilities"]


def test_a_bundle_served_before_needs_no_registry_and_a_spoilt_one_is_fetched_again(
    built: Bundle, registry: RunningRegistry, tmp_path: Path
) -> None:
    uri = f"oci://{registry.host}/models/fraud"
    source = built.push(uri, plain_http=True)
    kept = tmp_path / "pilotage" / "bundles" / built.digest.removeprefix("sha256:")
    shutil.copytree(built.path, kept)
    with served(f"oci://127.0.0.1:1/models/fraud@{built.digest}", tmp_path, "--plain-http", "--banner") as said:
        assert said is not None
        assert read_until("fraud 1 is ready", said)
    (kept / MODEL).write_bytes(b"")
    with served(uri, tmp_path, "--plain-http", "--digest", built.digest, "--banner") as said:
        assert said is not None
        assert read_until("fraud 1 is ready", said)
    assert source.endswith(built.digest)
    assert (kept / MODEL).stat().st_size > 0


def test_the_banner_is_for_terminals(built: Bundle, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with served(built.path, tmp_path, stderr=theirs), os.fdopen(ours, encoding="utf-8", errors="replace") as screen:
        os.close(theirs)
        line = read_until("curl", screen)
        assert paste(line.rstrip()) == ["label", "probabilities"]


def test_in_a_pod_there_are_log_lines_only(built: Bundle, tmp_path: Path) -> None:
    with served(built.path, tmp_path) as said:
        assert said is not None
        lines = []
        for line in said:
            lines.append(line)
            if "ready" in line:
                break
    assert len(lines) <= 2


def test_what_was_declared_is_refused_by_the_server_in_a_sentence(tmp_path: Path) -> None:
    X, y = rows(gaps=False)
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:TRAIN], y[:TRAIN])
    strict = {"x0": {"min": 5, "max": 30, "onViolation": "refuse"}}
    given = (estimator, X[:TRAIN], X[TRAIN:], y[TRAIN:])
    pilotage.bundle(*given, name="fraud", version="1", into=tmp_path / "b", contract=strict)
    bad = [[10.0] * 5, [31.0] * 5]
    with served(tmp_path / "b", tmp_path, "--banner") as said:
        assert said is not None
        assert "x0  5 to 30" in read_until("  x0", said)
        url = shlex.split(read_until("curl", said))[2]
        body = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [2, 5], "data": bad}]}
        answer = requests.post(url, json=body, timeout=WAIT)
        metrics = requests.get(url.split("/v2/")[0] + "/metrics", timeout=WAIT).text
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "input 'input', row 1, feature 'x0': 31 is above 30, the most that is allowed",
    }
    counted = [line for line in metrics.splitlines() if line.startswith("pilotage_contract_violations_total{")]
    assert [line.rsplit(" ", 1)[1] for line in counted if 'feature="x0"' in line and 'kind="above"' in line] == ["1"]


@pytest.mark.parametrize(
    ("source", "arguments", "sentence"),
    [
        pytest.param("oci://127.0.0.1:1/x", [], "add its digest", id="no digest"),
        pytest.param("oci://127.0.0.1:1/x@latest", [], "'latest' is not a digest", id="a tag"),
        pytest.param(
            "oci://127.0.0.1:1/x@sha256:" + "0" * 64,
            ["--digest", "sha256:" + "1" * 64],
            "name two bundles",
            id="two digests",
        ),
        pytest.param(
            "oci://127.0.0.1:1/x@sha256:" + "0" * 64,
            ["--plain-http"],
            "cannot be reached",
            id="a registry that is away",
        ),
        pytest.param("nowhere", [], "nowhere", id="no such folder"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    tmp_path: Path, source: str, arguments: list[str], sentence: str
) -> None:
    assert sentence in failure(source, tmp_path, *arguments)
