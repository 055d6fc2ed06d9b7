"""The digest of a bundle: sha256 of the OCI manifest that we write, which can be made again from the files alone.

The manifest holds no date, no host and no tag, its layers are sorted by file name and its JSON is canonical, so the
same files have the same digest on any day, and a registry stores them under exactly that digest.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import FILES, MANIFEST, check_files

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE = "application/vnd.pilotage.bundle.v1"
LAYER_TYPE = "application/vnd.pilotage.bundle.file.v1"
TITLE = "org.opencontainers.image.title"
EMPTY = b"{}"  # the OCI empty descriptor's content

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


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
    layers = []
    for name in FILES:
        path = directory / name
        with path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        layers.append(
            {
                "annotations": {TITLE: name},
                "digest": f"sha256:{checksum}",
                "mediaType": LAYER_TYPE,
                "size": path.stat().st_size,
            }
        )
    config = {"digest": digest_of_bytes(EMPTY), "mediaType": "application/vnd.oci.empty.v1+json", "size": len(EMPTY)}
    return _canonical(
        {
            "artifactType": ARTIFACT_TYPE,
            "config": config,
            "layers": layers,
            "mediaType": MANIFEST_TYPE,
            "schemaVersion": 2,
        }
    )


def write_manifest(directory: Path) -> str:
    """Write `manifest.json` beside the files and return the digest."""
    manifest = manifest_of(directory)
    (directory / MANIFEST).write_bytes(manifest)
    return digest_of_bytes(manifest)


def parse_digest(digest: str) -> str:
    """`digest` itself when it is a well-formed sha256 digest. Raises BundleError("digest", …)."""
    if not _DIGEST.fullmatch(digest):
        raise BundleError("digest", f"{digest!r} is not a digest; it reads sha256: and 64 hex digits")
    return digest


def digest_of_bytes(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
