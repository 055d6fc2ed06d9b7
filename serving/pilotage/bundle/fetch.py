"""From a registry to a folder: nothing is believed until its bytes have been counted and hashed."""

import hashlib
import shutil
from pathlib import Path

from pilotage.bundle.digest import digest_of_bytes, verify
from pilotage.bundle.errors import BundleError, Unavailable
from pilotage.bundle.format import FILES, MANIFEST
from pilotage.bundle.manifest import Layer, parse_digest, parse_manifest
from pilotage.bundle.oci import Credentials, Registry, Repository

MAX_BYTES = 2 << 30
_SCRATCH = ".fetching"  # inside the target: a mounted volume can be filled, not replaced


def fetch(
    uri: str,
    digest: str,
    into: Path,
    *,
    plain_http: bool = False,
    credentials: Credentials | None = None,
    max_bytes: int = MAX_BYTES,
) -> None:
    """Bring the bundle that `digest` names into the folder `into`; nothing to do where it already is.

    Raises BundleError when what the registry gives is not that bundle, or is larger than `max_bytes` in all;
    Unavailable when it gives nothing now, or the disk cannot take it.
    """
    parse_digest(digest)
    repository = Repository.parse(uri)
    try:
        into.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(into / _SCRATCH, ignore_errors=True)
        if _complete(into, digest):
            return
        _check_target(into)
        scratch = into / _SCRATCH
        scratch.mkdir()
        try:
            registry = Registry(repository, plain_http=plain_http, credentials=credentials)
            _download(registry, digest, scratch, max_bytes)
            for name in (*FILES, MANIFEST):
                (scratch / name).replace(into / name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise Unavailable(f"{into} cannot be written ({error}); give it room and the right to write") from error


def _complete(into: Path, digest: str) -> bool:
    try:
        verify(into, digest)
    except BundleError:
        return False
    return (into / MANIFEST).is_file()


def _check_target(into: Path) -> None:
    foreign = sorted({entry.name for entry in into.iterdir()} - {*FILES, MANIFEST, "lost+found"})
    if foreign:
        raise BundleError("structure", f"{into} holds {foreign[0]}, which is no part of a bundle; give an empty folder")


def _download(registry: Registry, digest: str, scratch: Path, max_bytes: int) -> None:
    content = registry.manifest(digest)
    found = digest_of_bytes(content)
    if found != digest:
        raise BundleError("digest", "the registry gave another manifest than was asked for", figure=found, limit=digest)
    layers = parse_manifest(content)
    total = sum(layer.size for layer in layers)
    if total > max_bytes:
        raise BundleError(
            "size", "the bundle is larger than allowed", figure=f"{total} bytes", limit=f"{max_bytes} bytes"
        )
    for layer in layers:
        _download_layer(registry, layer, scratch / layer.name)
    (scratch / MANIFEST).write_bytes(content)
    verify(scratch, digest)


def _download_layer(registry: Registry, layer: Layer, path: Path) -> None:
    checksum = hashlib.sha256()
    with path.open("xb") as file:
        for piece in registry.blob(layer.digest, layer.size):
            checksum.update(piece)
            file.write(piece)
    found = f"sha256:{checksum.hexdigest()}"
    if found != layer.digest:
        raise BundleError(
            "digest",
            f"{layer.name} was changed on its way or in the registry; push the bundle again",
            figure=found,
            limit=layer.digest,
        )
