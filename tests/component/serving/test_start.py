"""A server starts with the bytes that it was promised, or not at all and with a sentence."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.bundle.digest import digest_of
from tests.component.serving.process import WAIT, Server


def refusal(directory: Path, *arguments: str, code: int = 2) -> str:
    command = [sys.executable, "-m", "pilotage", "serve", str(directory), "--host", "127.0.0.1", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()[-1]


@pytest.fixture
def copy(flowers: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(flowers, tmp_path / "copy"))


def test_the_right_digest_is_served_and_said(flowers: Path) -> None:
    with Server(flowers, "--digest", digest_of(flowers)) as server:
        assert digest_of(flowers) in server.ask("GET", "/metrics").body.decode()
        reply = server.ask("GET", "/v2/models/iris/versions/3")
        assert (reply.status, reply.headers["pilotage-revision"]) == (200, "local")


def test_there_are_no_threads_for_more_cores_than_one(flowers: Path) -> None:
    with Server(flowers) as server, Server(flowers, OPENBLAS_NUM_THREADS="1") as told:
        assert server.threads() == told.threads()


def test_bytes_that_changed_after_the_digest_was_taken_are_refused(copy: Path) -> None:
    digest = digest_of(copy)
    model = copy / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"\x00")
    assert "a byte differs" in refusal(copy, "--port", "0", "--digest", digest)


def test_a_model_that_is_cut_is_refused(copy: Path) -> None:
    model = copy / "model.onnx"
    model.write_bytes(model.read_bytes()[:100])
    assert "ONNX Runtime cannot load model.onnx" in refusal(copy, "--port", "0")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    assert "missing" in refusal(tmp_path, "--port", "0")


def test_a_port_that_is_taken_is_named(flowers: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in refusal(flowers, "--port", str(port))


def test_a_name_that_cannot_stand_in_a_header_is_refused(flowers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTAGE_VERSION", "3\r\nX-Evil: yes")
    assert "version is" in refusal(flowers, "--port", "0")
