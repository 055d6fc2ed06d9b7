"""Which images a node has, by what its clusters loaded into it: importing one again takes seconds for nothing."""

import json
import tarfile
from pathlib import Path


def contents(archive: Path) -> dict[str, str]:
    """The names in an archive (`docker save`), each with the digest of its image's configuration."""
    with tarfile.open(archive) as opened:
        manifest = opened.extractfile("manifest.json")
        assert manifest is not None
        return {tag: image["Config"] for image in json.load(manifest) for tag in image["RepoTags"] or ()}


def has(record: Path, images: dict[str, str]) -> bool:
    """Whether each name was last loaded as this very image."""
    return images.items() <= _read(record).items()


def add(record: Path, images: dict[str, str]) -> None:
    """Remember them, after they were loaded."""
    record.write_text(json.dumps({**_read(record), **images}))


def _read(record: Path) -> dict[str, str]:
    return dict(json.loads(record.read_text())) if record.exists() else {}
