import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotage.bundle.build import Bundle
from pilotage.bundle.digest import digest_of, manifest_of, verify
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import FILES, MANIFEST
from pilotage.bundle.manifest import Layer, parse_manifest, render_manifest


def test_the_digest_is_made_again_from_the_files_alone(folder: Path, built: Bundle) -> None:
    (folder / MANIFEST).unlink()
    assert digest_of(folder) == built.digest
    verify(folder, built.digest)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_changed_byte_is_refused(folder: Path, built: Bundle, name: str, place: float, flip: int) -> None:
    path = folder / name
    whole = path.read_bytes()
    index = int(place * len(whole))
    path.write_bytes(whole[:index] + bytes([whole[index] ^ flip]) + whole[index + 1 :])
    with pytest.raises(BundleError) as refused:
        verify(folder, built.digest)
    assert (refused.value.check, refused.value.limit) == ("digest", built.digest)
    path.write_bytes(whole)


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:" + "G" * 64, "md5:" + "0" * 32, "sha256:" + "0" * 65])
def test_a_malformed_digest_is_refused(built: Bundle, digest: str) -> None:
    with pytest.raises(BundleError, match="is not a digest"):
        verify(built.path, digest)


ZERO = "sha256:" + "0" * 64
LAYERS = tuple(Layer(name, ZERO, 1) for name in FILES)


@given(layers=st.permutations(LAYERS))
def test_the_order_of_files_does_not_matter(layers: list[Layer]) -> None:
    assert render_manifest(tuple(layers)) == render_manifest(LAYERS)


def test_a_manifest_names_its_files(built: Bundle) -> None:
    layers = parse_manifest(manifest_of(built.path))
    assert {layer.name: layer.size for layer in layers} == {n: (built.path / n).stat().st_size for n in FILES}


def renamed(name: str) -> bytes:
    return render_manifest((*LAYERS[1:], Layer(name, ZERO, 1)))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"nothing", "the manifest is not a bundle's", id="no JSON"),
        pytest.param(b"[]", "the manifest is not a bundle's", id="no object"),
        pytest.param(b'{"layers":[{}]}', "the manifest is not a bundle's", id="an ordinary image"),
        pytest.param(renamed("../../etc/passwd"), "names a path outside the bundle", id="a path upwards"),
        pytest.param(renamed("/etc/passwd"), "names a path outside the bundle", id="an absolute path"),
        pytest.param(renamed("run.py"), "is no file of a bundle", id="a file of another name"),
        pytest.param(renamed(FILES[1]), "the files are not those of a bundle", id="the same file twice"),
        pytest.param(render_manifest(LAYERS[1:]), "the files are not those of a bundle", id="a file too few"),
        pytest.param(
            json.dumps(json.loads(render_manifest(LAYERS))).encode(),
            "not in the form that Pilotage writes",
            id="the same content in other bytes",
        ),
        pytest.param(render_manifest((*LAYERS[1:], Layer(FILES[0], ZERO, -1))), "has no size", id="a negative size"),
    ],
)
def test_a_foreign_manifest_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence):
        parse_manifest(content)
