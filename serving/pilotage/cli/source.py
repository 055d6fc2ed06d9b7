"""Where the bundle to serve is: a folder, or a registry whose bundles are kept in a folder of the user's."""

import fcntl
import os
from pathlib import Path

from pilotage.bundle.errors import BundleError
from pilotage.bundle.manifest import parse_digest

_SCHEME = "oci://"


def bundle_of(
    source: str, digest: str | None, *, plain_http: bool, credentials: Path | None
) -> tuple[Path, str | None]:
    """The folder of the bundle that `source` names, and the digest that it must have (None: whatever it has).

    `oci://host/name@sha256:…` is fetched, and verified, unless the cache has it. Raises BundleError and Unavailable.
    """
    if not source.startswith(_SCHEME):
        return Path(source), digest
    from pilotage.bundle.fetch import fetch
    from pilotage.bundle.oci import Credentials

    uri, _, named = source.partition("@")
    if not named and digest is None:
        raise BundleError("source", f"{source} names no bundle; add its digest: {source}@sha256:…, as push printed it")
    if named and digest not in (None, named):
        raise BundleError("digest", f"{source} and --digest name two bundles; give one of them")
    wanted = parse_digest(named or digest or "")
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / wanted.removeprefix("sha256:")
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two servers of one bundle on one machine
        fetch(
            uri,
            wanted,
            folder,
            plain_http=plain_http,
            credentials=Credentials.read(credentials) if credentials else None,
        )
    return folder, wanted


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "pilotage" / "bundles"
