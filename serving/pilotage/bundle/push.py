"""From a folder to a registry."""

import re
from pathlib import Path

from pilotage.bundle.digest import digest_of_bytes, manifest_of
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import load
from pilotage.bundle.manifest import EMPTY, EMPTY_DIGEST, parse_manifest
from pilotage.bundle.oci import Credentials, Registry, Repository

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def push(
    directory: Path,
    uri: str,
    *,
    tag: str | None = None,
    plain_http: bool = False,
    credentials: Credentials | None = None,
) -> str:
    """Upload the bundle in `directory` to `oci://host/name` and return `oci://host/name@sha256:…`.

    The tag is for people; Pilotage only ever asks for the digest. Raises BundleError when the bundle or the address
    is wrong, Unavailable when the registry does not take it.
    """
    if tag is not None and not _TAG.fullmatch(tag):
        raise BundleError("source", f"{tag!r} is no tag; use letters, digits, '.', '_' and '-', at most 128")
    load(directory)
    content = manifest_of(directory)
    digest = digest_of_bytes(content)
    registry = Registry(Repository.parse(uri), plain_http=plain_http, credentials=credentials)
    registry.put_blob(EMPTY_DIGEST, EMPTY)
    for layer in parse_manifest(content):
        with (directory / layer.name).open("rb") as file:
            registry.put_blob(layer.digest, file)
    registry.put_manifest(tag or digest, content)
    if digest_of_bytes(registry.manifest(digest)) != digest:
        raise BundleError("digest", f"{registry.repository} stored other bytes than were pushed; push again")
    return f"{registry.repository}@{digest}"
