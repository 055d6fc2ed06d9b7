"""What a cluster is to the commands, whichever way it is made; and which way that is here."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from tests.cluster.cache import Artefact
from tests.cluster.errors import ClusterError
from tests.cluster.kind import KindCluster
from tests.cluster.native.cluster import NativeCluster

VARIABLE = "PILOTAGE_CLUSTER"


class Cluster(Protocol):
    """One cluster by name; see NativeCluster for what each means."""

    name: str

    @property
    def kubeconfig(self) -> Path: ...
    @property
    def tools(self) -> Path: ...
    def trouble(self, *, control_plane_only: bool) -> str: ...
    def needs(self, *, control_plane_only: bool) -> list[Artefact]: ...
    def up(self, *, control_plane_only: bool) -> None: ...
    def down(self) -> None: ...
    def load(self, archive: Path) -> None: ...
    def command(self, *argv: str) -> list[str]: ...


def choose(name: str) -> Cluster:
    """kind where Docker answers and kind is there, else native; the environment variable decides over both."""
    wanted = os.environ.get(VARIABLE) or ("kind" if _kind_is_possible() else "native")
    if wanted == "kind":
        return KindCluster(name)
    if wanted == "native":
        return NativeCluster(name)
    raise ClusterError(f"{VARIABLE}={wanted}: it is kind or native, or unset to let this choose")


def _kind_is_possible() -> bool:
    if not (shutil.which("kind") and shutil.which("docker")):
        return False
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0
