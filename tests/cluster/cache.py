"""Things that are built once: each in a folder named by the hash of what it is built from.

A build happens in a temporary folder that is renamed when it is complete, so an interrupt at any moment
leaves either nothing or the whole thing.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.progress import Note, say, step


def root() -> Path:
    """The cache's folder; everything in it may be deleted while no cluster runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "pilotage"


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """A folder of built things.

    `build` fills the folder it is given and reports how far it is. `fleeting` keeps no more than
    the newest two, for what is rebuilt often.
    """

    name: str
    why: str
    key: str
    build: Callable[[Path, Note], None]
    fleeting: bool = False

    @property
    def path(self) -> Path:
        """Where it is, or will be."""
        return root() / self.name / self.key


def key(*inputs: str | Path) -> str:
    """The hash of texts, and of the names and contents of files and folders."""
    digest = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            _add(digest.update, b"text", item.encode())
            continue
        for file in sorted(_files(item)):
            _add(digest.update, str(file.relative_to(item.parent)).encode(), file.read_bytes())
    return digest.hexdigest()[:16]


def ensure(artefacts: Sequence[Artefact]) -> None:
    """Build what is missing, in the given order."""
    missing = [artefact for artefact in artefacts if not artefact.path.exists()]
    for number, artefact in enumerate(missing, 1):
        with locked(artefact.name):
            if artefact.path.exists():
                continue  # another process built it meanwhile
            with step(number, len(missing), artefact.name, artefact.why) as note:
                _build(artefact, note)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Only one process at a time; the others say that they wait. The lock ends with its process."""
    root().mkdir(parents=True, exist_ok=True)
    with open(root() / f"{name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process holds {lock.name}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(artefact: Artefact, note: Note) -> None:
    folder = root() / "unfinished" / artefact.name
    shutil.rmtree(folder, ignore_errors=True)  # left by an interrupt; the lock is ours
    folder.mkdir(parents=True)
    artefact.build(folder, note)
    artefact.path.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(artefact.path)
    if artefact.fleeting:
        for older in sorted(artefact.path.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-2]:
            shutil.rmtree(older)


def _files(path: Path) -> Iterable[Path]:
    """The file itself, or the files under a folder but for caches and hidden ones."""
    if path.is_file():
        return [path]
    return (
        file
        for file in path.rglob("*")
        if file.is_file()
        and file.suffix != ".pyc"
        and not any(part.startswith(".") or part == "__pycache__" for part in file.relative_to(path).parts)
    )


def _add(update: Callable[[bytes], None], *parts: bytes) -> None:
    for part in parts:  # the length keeps two neighbours from being read as one
        update(len(part).to_bytes(8, "big") + part)
