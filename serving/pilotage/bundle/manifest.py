"""The OCI manifest of a bundle, in the one form that we write and accept.

It holds no date, no host and no tag, its layers are sorted by file name and its JSON is canonical: the same files have
the same manifest on any day, and a registry stores them under exactly its digest.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import FILES

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
EMPTY = b"{}"  # the content that OCI gives to a configuration nobody needs
EMPTY_DIGEST = f"sha256:{hashlib.sha256(EMPTY).hexdigest()}"

_ARTIFACT_TYPE = "application/vnd.pilotage.bundle.v1"
_LAYER_TYPE = "application/vnd.pilotage.bundle.file.v1"
_TITLE = "org.opencontainers.image.title"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Layer:
    """One file of the bundle; size in bytes."""

    name: str
    digest: str
    size: int


def parse_digest(digest: str) -> str:
    """`digest` itself when it is a well-formed sha256 digest. Raises BundleError("digest", …)."""
    if not _DIGEST.fullmatch(digest):
        raise BundleError("digest", f"{digest[:100]!r} is not a digest; it reads sha256: and 64 hex digits")
    return digest


def render_manifest(layers: tuple[Layer, ...]) -> bytes:
    """The canonical bytes, of which the sha256 is the bundle's digest."""
    config = {"digest": EMPTY_DIGEST, "mediaType": "application/vnd.oci.empty.v1+json", "size": len(EMPTY)}
    document = {
        "artifactType": _ARTIFACT_TYPE,
        "config": config,
        "layers": [
            {"annotations": {_TITLE: layer.name}, "digest": layer.digest, "mediaType": _LAYER_TYPE, "size": layer.size}
            for layer in sorted(layers, key=lambda layer: layer.name)
        ],
        "mediaType": MANIFEST_TYPE,
        "schemaVersion": 2,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def parse_manifest(content: bytes) -> tuple[Layer, ...]:
    """The files that a registry's manifest names.

    Raises BundleError("structure", …) for anything that `pilotage push` did not write: other files, paths, types.
    """
    try:
        layers = tuple(_layer(raw) for raw in json.loads(content)["layers"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(
            "structure", f"the manifest is not a bundle's; push it with pilotage push ({error})"
        ) from error
    names = sorted(layer.name for layer in layers)
    if names != sorted(FILES):
        raise BundleError(
            "structure", "the files are not those of a bundle", figure=", ".join(names)[:200], limit=", ".join(FILES)
        )
    if render_manifest(layers) != content:
        raise BundleError("structure", "the manifest is not in the form that Pilotage writes; push with pilotage push")
    return layers


def _layer(raw: dict[str, Any]) -> Layer:
    name, size = raw["annotations"][_TITLE], raw["size"]
    if name not in FILES:
        outside = isinstance(name, str) and ("/" in name or "\\" in name or name.startswith("."))
        what = "names a path outside the bundle" if outside else "is no file of a bundle"
        raise BundleError("structure", f"{str(name)[:100]!r} {what}; a bundle has {', '.join(FILES)}")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise BundleError("structure", f"{name} has no size in the manifest; push it with pilotage push")
    return Layer(name, parse_digest(str(raw["digest"])), size)
