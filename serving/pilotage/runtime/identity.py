"""Who answers: the names that stand on every response and every metric."""

import os
import re
import time
from dataclasses import dataclass

from pilotage.bundle.format import BundleDocument

# These stand in HTTP headers and URLs: nothing that could end a header line or a path segment.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,252}")


@dataclass(frozen=True)
class Identity:
    """One process serving one bundle. `start` is when it started, in whole unix seconds."""

    model: str  # the bundle's name
    bundle_version: str
    deployment: str
    version: str
    revision: str
    start: int

    def __post_init__(self) -> None:
        for field in ("model", "bundle_version", "deployment", "version", "revision"):
            if not _PLAIN.fullmatch(getattr(self, field)):
                raise ValueError(
                    f"{field} is {getattr(self, field)!r}; it must be 1 to 253 letters, digits, dots, "
                    "dashes, underscores or plus signs"
                )


def from_environment(document: BundleDocument) -> Identity:
    """The identity that the operator gave by the environment, else what the bundle says of itself.

    Raises ValueError when a name cannot stand in a header or a URL.
    """
    return Identity(
        model=document.name,
        bundle_version=document.version,
        deployment=os.environ.get("PILOTAGE_DEPLOYMENT") or document.name,
        version=os.environ.get("PILOTAGE_VERSION") or document.version,
        revision=os.environ.get("PILOTAGE_REVISION") or "local",
        start=int(time.time()),
    )
