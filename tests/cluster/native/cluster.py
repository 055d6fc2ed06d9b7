"""A cluster from the cached programs: the same life cycle as `tests.cluster.kind`."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster import enter, images, preflight, programs
from tests.cluster.cache import Artefact
from tests.cluster.errors import ClusterError
from tests.cluster.native import certificates, cgroups, control_plane, interior, loaded, node, worker
from tests.cluster.native.node import Node
from tests.cluster.shell import run

CONTROL_PLANE = ("etcd", "kube-apiserver")
WORKER = ("kube-controller-manager", "kube-scheduler", "containerd", "kubelet", "kube-proxy", "coredns")
READY_SECONDS = 120
PATIENCE_SECONDS = 20
"""How long a running API server may be unready before the cluster counts as broken: on a busy machine it is slow."""

POLL_SECONDS = 0.2


class NativeCluster:
    """One cluster by name. Nothing is kept in this object: each call looks at what runs."""

    def __init__(self, name: str) -> None:
        """`name` is also the Kubernetes node's name."""
        self.name = name
        self._state = node.state(name)
        self._pki = self._state / "pki"
        self._configuration = self._state / "configuration"
        self._bin = self._state / "bin"
        self._debian = self._state / "debian"
        """Links to the programs it was started with: the sources may have moved on since."""

    @property
    def kubeconfig(self) -> Path:
        """For programs in the cluster's network; its user may do everything."""
        return self._pki / "admin.kubeconfig"

    @property
    def tools(self) -> Path:
        """The folder of kubectl and helm."""
        return self._bin

    def trouble(self, *, control_plane_only: bool) -> str:
        """What keeps a running cluster from being a healthy one; empty when nothing does."""
        found = node.find(self.name)
        if not found:
            return "it does not run"
        wanted = {*CONTROL_PLANE, *(() if control_plane_only else WORKER)}
        if missing := wanted - found.programs():
            return f"{', '.join(sorted(missing))} is not running (logs: {self._state / 'log'})"
        try:
            self._wait("the API server", "get", "--raw=/readyz", seconds=PATIENCE_SECONDS)
        except ClusterError as error:
            return str(error)
        return ""

    def needs(self, *, control_plane_only: bool) -> list[Artefact]:
        """What must be in the cache before `up`, in the order of building."""
        plane = [programs.debian_programs(), programs.go_programs()]
        return plane if control_plane_only else [*plane, images.pause().artefact]

    def up(self, *, control_plane_only: bool) -> None:
        """Start a cluster that does not run, until its API, and its node if it has one, is ready."""
        preflight.check_start()
        self.down()  # what a half-dead one left
        self._state.mkdir(parents=True)
        self._bin.symlink_to(programs.go_programs().path / "bin")
        self._debian.symlink_to(programs.debian_programs().path / "usr")
        certificates.issue(self._pki, self.name)
        found = node.start(self.name, pause=self._bin / "pause", log=self._state / "node.log")
        interior.furnish(found, self._state)
        for argv in (control_plane.etcd(), control_plane.api_server(self._pki)):
            self._spawn(found, argv)
        if not control_plane_only:
            self._start_worker(found)
        self._wait("the API server", "get", "--raw=/readyz")
        if not control_plane_only:
            self._wait("the node", "wait", "--for=condition=Ready", "--timeout=1s", f"node/{self.name}")
            self._wait("the first service account", "get", "serviceaccount", "default")

    def down(self) -> None:
        """Remove the cluster, or what there is of it."""
        if found := node.find(self.name):
            node.stop(found)
        cgroups.remove(self.name)
        shutil.rmtree(self._state, ignore_errors=True)

    def load(self, archive: Path) -> None:
        """Give the node the images of an archive, unless it has them."""
        found = self._node()
        record, contents = self._state / "loaded.json", loaded.contents(archive)
        if not loaded.has(record, contents):
            self._ctr(found, "images", "import", str(archive.resolve()))
            loaded.add(record, contents)

    def command(self, *argv: str) -> list[str]:
        """The command that runs `argv` in the cluster's network, with its resolver; else a process of this machine."""
        return enter.network(self._node().pid, self._state / "resolv.conf", argv)

    def _node(self) -> Node:
        if found := node.find(self.name):
            return found
        raise ClusterError(f"the cluster {self.name} does not run: `up` first")

    def _start_worker(self, found: Node) -> None:
        cgroups.create(self.name)
        pause = images.pause()
        plugins = self._debian / "lib" / "cni"
        cgroup = cgroups.parent(self.name)
        worker.configure(self._configuration, pki=self._pki, cgroup=cgroup, pause=pause.tag, plugins=plugins)
        self._spawn(found, worker.containerd(self._configuration))
        self._spawn(found, control_plane.controller_manager(self._pki))
        self._spawn(found, control_plane.scheduler(self._pki))
        _until("containerd", lambda: self._ctr(found, "version"), self._state)
        self.load(pause.archive)
        self._spawn(found, worker.kubelet(self._configuration, pki=self._pki, name=self.name))
        self._spawn(found, worker.kube_proxy(pki=self._pki, name=self.name))
        self._spawn(found, worker.coredns(self._configuration))

    def _spawn(self, found: Node, argv: list[str]) -> None:
        folders = [self._bin, self._debian / "bin", self._debian / "sbin", *os.defpath.split(":"), "/usr/sbin", "/sbin"]
        found.spawn(argv, log=self._state / "log" / f"{argv[0]}.log", path=":".join(str(folder) for folder in folders))

    def _kubectl(self, *arguments: str) -> str:
        return run(self.command(str(self._bin / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments))

    def _ctr(self, found: Node, *arguments: str) -> str:
        ctr = self._debian / "bin" / "ctr"
        return found.run(ctr, f"--address={worker.SOCKET}", "--namespace=k8s.io", *arguments)

    def _wait(self, what: str, *kubectl: str, seconds: int = READY_SECONDS) -> None:
        """Ask until the answer is no error."""
        _until(what, lambda: self._kubectl(*kubectl), self._state, seconds)


def _until(what: str, attempt: Callable[[], str], state: Path, seconds: int = READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            attempt()
            return
        except ClusterError as error:
            if time.monotonic() > deadline:
                raise ClusterError(f"{what} not ready after {seconds} s: see {state / 'log'}\n{error}") from error
            time.sleep(POLL_SECONDS)
