"""Push and fetch against a real registry."""

import shutil
from pathlib import Path

import pytest
import requests

from pilotage.bundle.build import Bundle
from pilotage.bundle.digest import digest_of
from pilotage.bundle.errors import BundleError, Unavailable
from pilotage.bundle.fetch import fetch
from pilotage.bundle.format import FILES, MANIFEST
from pilotage.bundle.manifest import MANIFEST_TYPE, parse_manifest
from pilotage.bundle.oci import Credentials
from pilotage.bundle.push import push
from tests.component.bundle.registry import PASSWORD, USERNAME, RunningRegistry

NEVER_PUSHED = "sha256:" + "0" * 64


def pushed(built: Bundle, registry: RunningRegistry) -> str:
    """Push and return the repository's address."""
    uri = f"oci://{registry.host}/models/fraud"
    assert built.push(uri, plain_http=True) == f"{uri}@{built.digest}"
    return uri


def test_what_is_fetched_is_what_was_pushed(built: Bundle, registry: RunningRegistry, tmp_path: Path) -> None:
    uri = pushed(built, registry)
    fetch(uri, built.digest, tmp_path / "into", plain_http=True)
    assert digest_of(tmp_path / "into") == built.digest
    assert sorted(entry.name for entry in (tmp_path / "into").iterdir()) == sorted((*FILES, MANIFEST))


def test_pushing_again_and_a_tag_name_the_same_digest(built: Bundle, registry: RunningRegistry) -> None:
    uri = pushed(built, registry)
    assert push(built.path, uri, tag="3", plain_http=True) == f"{uri}@{built.digest}"
    answer = requests.get(
        f"http://{registry.host}/v2/models/fraud/manifests/3", headers={"Accept": MANIFEST_TYPE}, timeout=10
    )
    assert answer.headers["Docker-Content-Digest"] == built.digest
    assert answer.content == (built.path / MANIFEST).read_bytes()


def test_a_complete_folder_needs_no_registry(built: Bundle, tmp_path: Path) -> None:
    shutil.copytree(built.path, tmp_path / "into")
    fetch("oci://127.0.0.1:1/models/fraud", built.digest, tmp_path / "into", plain_http=True)


def test_a_fetch_that_was_killed_is_taken_up_again(built: Bundle, registry: RunningRegistry, tmp_path: Path) -> None:
    uri, into = pushed(built, registry), tmp_path / "into"
    (into / ".fetching").mkdir(parents=True)
    (into / ".fetching" / "model.onnx").write_bytes(b"half")
    (into / "bundle.json").write_text("{")
    fetch(uri, built.digest, into, plain_http=True)
    assert digest_of(into) == built.digest


def test_a_folder_with_something_else_in_it_is_left_alone(
    built: Bundle, registry: RunningRegistry, tmp_path: Path
) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "thesis.tex").touch()
    with pytest.raises(BundleError, match=r"holds thesis\.tex"):
        fetch(pushed(built, registry), built.digest, tmp_path / "into", plain_http=True)
    assert [entry.name for entry in (tmp_path / "into").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("name", FILES)
def test_bytes_changed_in_the_registry_are_refused(
    built: Bundle, registry: RunningRegistry, tmp_path: Path, name: str
) -> None:
    uri = pushed(built, registry)
    layer = next(layer for layer in parse_manifest((built.path / MANIFEST).read_bytes()) if layer.name == name)
    blob = registry.blob(layer.digest)
    content = blob.read_bytes()
    blob.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(BundleError, match=f"{name} was changed") as refused:
        fetch(uri, built.digest, tmp_path / "into", plain_http=True)
    assert (refused.value.check, refused.value.limit) == ("digest", layer.digest)
    assert list((tmp_path / "into").iterdir()) == []


def test_a_bundle_larger_than_allowed_is_refused_before_it_is_downloaded(
    built: Bundle, registry: RunningRegistry, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="larger than allowed") as refused:
        fetch(pushed(built, registry), built.digest, tmp_path / "into", plain_http=True, max_bytes=1000)
    assert (refused.value.check, refused.value.limit) == ("size", "1000 bytes")


def test_a_digest_that_is_not_there_may_still_come(built: Bundle, registry: RunningRegistry, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not found yet"):
        fetch(pushed(built, registry), NEVER_PUSHED, tmp_path / "into", plain_http=True)


def test_a_password_opens_the_registry_it_is_for(
    built: Bundle, guarded_registry: RunningRegistry, tmp_path: Path
) -> None:
    uri = f"oci://{guarded_registry.host}/models/fraud"
    right = Credentials(guarded_registry.host, USERNAME, PASSWORD)
    push(built.path, uri, plain_http=True, credentials=right)
    fetch(uri, built.digest, tmp_path / "into", plain_http=True, credentials=right)
    assert digest_of(tmp_path / "into") == built.digest


@pytest.mark.parametrize(
    ("host", "password", "sentence"),
    [
        pytest.param(None, "", "refuses the credentials .*none were given", id="no password"),
        pytest.param("", "wrong", "refuses the credentials .*user example", id="a wrong password"),
        pytest.param("elsewhere.example.com", PASSWORD, "are for elsewhere.example.com", id="another host's password"),
    ],
)
def test_without_the_right_password_it_is_unavailable(
    guarded_registry: RunningRegistry, tmp_path: Path, host: str | None, password: str, sentence: str
) -> None:
    credentials = None if host is None else Credentials(host or guarded_registry.host, USERNAME, password)
    uri = f"oci://{guarded_registry.host}/models/fraud"
    with pytest.raises(Unavailable, match=sentence):
        fetch(uri, NEVER_PUSHED, tmp_path / "into", plain_http=True, credentials=credentials)
