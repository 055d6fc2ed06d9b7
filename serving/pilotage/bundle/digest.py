"""The digest of a bundle: sha256 of its canonical manifest, which can be made again from the files alone."""

import hashlib
from pathlib import Path

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import FILES, MANIFEST, check_files
from pilotage.bundle.manifest import Layer, parse_digest, render_manifest


def digest_of(directory: Path) -> str:
    """`sha256:…` of the bundle in `directory`, from the bytes of its files. Raises BundleError("structure", …)."""
    return digest_of_bytes(manifest_of(directory))


def verify(directory: Path, digest: str) -> None:
    """Raise BundleError("digest", …) unless the files in `directory` are those that `digest` names."""
    parse_digest(digest)
    found = digest_of(directory)
    if found != digest:
        raise BundleError(
            "digest",
            f"the files in {directory} are not the bundle that was asked for: a byte differs; fetch it again",
            figure=found,
            limit=digest,
        )


def manifest_of(directory: Path) -> bytes:
    """The canonical manifest of the files in `directory`. Raises BundleError("structure", …)."""
    check_files(directory)
    return render_manifest(tuple(_measure(directory / name) for name in FILES))


def write_manifest(directory: Path) -> str:
    """Write `manifest.json` beside the files and return the digest."""
    manifest = manifest_of(directory)
    (directory / MANIFEST).write_bytes(manifest)
    return digest_of_bytes(manifest)


def digest_of_bytes(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _measure(path: Path) -> Layer:
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return Layer(path.name, f"sha256:{checksum}", path.stat().st_size)
