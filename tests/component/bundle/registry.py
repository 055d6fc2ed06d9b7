"""A real OCI registry on loopback: Debian's docker-registry as a plain process."""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.cluster import programs

USERNAME, PASSWORD = "example", "example-password"
# bcrypt of PASSWORD, the one form that the registry reads.
_HTPASSWD = f"{USERNAME}:$2b$04$mr5coViRay.Ik3Ehtk2AmOSDNMTEI7eB2Cy3Nn0kQnyS4IlUDMwJe\n"
_CONFIG = """\
version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {storage}}}}}
http: {{addr: "127.0.0.1:0"}}
"""
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class RunningRegistry:
    """`host` is host:port; `storage` holds its blobs, which a test may spoil."""

    host: str
    storage: Path

    def blob(self, digest: str) -> Path:
        """The file that holds a blob's bytes."""
        value = digest.removeprefix("sha256:")
        return self.storage / "docker/registry/v2/blobs/sha256" / value[:2] / value / "data"


@contextmanager
def running_registry(folder: Path, *, password: bool = False) -> Iterator[RunningRegistry]:
    """Start a registry that keeps its blobs in `folder`, on a port of the kernel's choice; stopped at the end."""
    unpacked = programs.debian_programs().path / "usr/bin/docker-registry"
    binary = str(unpacked) if unpacked.exists() else shutil.which("docker-registry")
    assert binary, "there is no docker-registry; `make cluster` brings one, and so does the Debian package of that name"
    storage, config = folder / "storage", folder / "config.yml"
    text = _CONFIG.format(storage=storage)
    if password:
        (folder / "htpasswd").write_text(_HTPASSWD)
        text += f"auth: {{htpasswd: {{realm: pilotage, path: {folder / 'htpasswd'}}}}}\n"
    config.write_text(text)
    with subprocess.Popen([binary, "serve", str(config)], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            address = _address(process.stderr)
            # Read on, or the registry stops when the pipe is full of its log.
            reader = threading.Thread(target=process.stderr.read)
            reader.start()
            yield RunningRegistry(address, storage)
        finally:
            process.terminate()


def _address(log: IO[str]) -> str:
    said = []
    for line in log:
        said.append(line)
        match = _LISTENING.search(line)
        if match:
            return match[1]
    raise AssertionError(f"the registry did not start: {''.join(said)}")
