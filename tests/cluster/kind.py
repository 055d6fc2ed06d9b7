"""The cluster where Docker answers: kind's, with the same images and add-ons. The less trodden way."""

import shutil
from pathlib import Path

from tests.cluster import enter, programs
from tests.cluster.cache import Artefact
from tests.cluster.errors import ClusterError
from tests.cluster.native.node import state
from tests.cluster.shell import run


class KindCluster:
    """One cluster by name, with the methods of NativeCluster. A control plane alone is a whole cluster here."""

    def __init__(self, name: str) -> None:
        """`name` is kind's name for it."""
        self.name = name
        self._state = state(name)

    @property
    def kubeconfig(self) -> Path:
        """For programs in the node container's network."""
        return self._state / "kubeconfig"

    @property
    def tools(self) -> Path:
        """The folder of kubectl and helm."""
        return programs.go_programs().path / "bin"

    def trouble(self, *, control_plane_only: bool) -> str:
        """What keeps it from being a healthy cluster; empty when nothing does."""
        if self.name not in run(["kind", "get", "clusters"]).split():
            return "it does not run"
        try:
            self._kubectl("get", "--raw=/readyz")
        except ClusterError as error:
            return str(error)
        return ""

    def needs(self, *, control_plane_only: bool) -> list[Artefact]:
        """The node comes from kind's image; kubectl, helm and the add-ons are those of the native way."""
        return [programs.go_programs()]

    def up(self, *, control_plane_only: bool) -> None:
        """Create it, and keep what commands in its network need."""
        self.down()
        run(["kind", "create", "cluster", f"--name={self.name}", "--wait=120s"])
        self._state.mkdir(parents=True, exist_ok=True)
        self.kubeconfig.write_text(run(["kind", "get", "kubeconfig", f"--name={self.name}", "--internal"]))
        (self._state / "resolv.conf").touch()
        query = ["get", "service", "kube-dns", "--namespace=kube-system", "--output=jsonpath={.spec.clusterIP}"]
        (self._state / "resolv.conf").write_text(f"nameserver {self._kubectl(*query)}\n")

    def down(self) -> None:
        """Remove it, or what there is of it."""
        run(["kind", "delete", "cluster", f"--name={self.name}"])
        shutil.rmtree(self._state, ignore_errors=True)

    def load(self, archive: Path) -> None:
        """Give the node the images of an archive."""
        run(["kind", "load", "image-archive", archive, f"--name={self.name}"])

    def command(self, *argv: str) -> list[str]:
        """The command that runs `argv` in the node container's network, with the cluster's resolver."""
        pid = run(["docker", "inspect", "--format={{.State.Pid}}", f"{self.name}-control-plane"])
        return enter.network(int(pid), self._state / "resolv.conf", argv)

    def _kubectl(self, *arguments: str) -> str:
        return run(self.command(str(self.tools / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments))
