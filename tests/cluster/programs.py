"""The programs a cluster is made of: compiled from Go modules, or taken out of Debian packages.

Go is the one way to Kubernetes that needs no image registry. The programs share one module (`go/`), so what they
have in common is compiled once.
"""

import os
import shutil
from pathlib import Path
from string import Template

from tests.cluster import cache
from tests.cluster.cache import Artefact
from tests.cluster.progress import Note
from tests.cluster.shell import follow, run

SOURCES = Path(__file__).parent / "go"
KUBERNETES = "v1.37.2"
COMPONENTS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "etcd",
    "coredns",
    "kubectl",
)

VERSION = "k8s.io/component-base/version"
LINK = f"-s -w -X {VERSION}.gitVersion={KUBERNETES} -X {VERSION}.gitMajor=1 -X {VERSION}.gitMinor=37"
"""Without its version kubectl and the clients cannot parse what the API server says about itself."""

COMPILE = "all=-dwarf=false"
COMPILER = {"CGO_ENABLED": "0", "GOGC": "400", "GOMEMLIMIT": "2GiB"}
"""No debugging tables, and a lazier garbage collection in the compiler: together a fifth less time."""

PROMETHEUS = "github.com/prometheus/prometheus/cmd/prometheus"
HELM = "helm.sh/helm/v4/cmd/helm"
METRICS = "sigs.k8s.io/metrics-server/cmd/metrics-server"
GATEWAY = "github.com/envoyproxy/gateway"

TAGS = "remove_all_sd,enable_kubernetes_sd"
"""Prometheus: of its service discoveries only the one that is used."""

DEBIAN_PACKAGES = ("containerd", "runc", "containernetworking-plugins", "docker-registry")
"""Unpacked, not installed: installing would start services here, and would push out Docker's own containerd. The last
is for component tests that spoil a registry's storage; the cluster's own registry is an image."""

HOST_COMMANDS = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "nft": "nftables",
    "openssl": "openssl",
    "ip": "iproute2",
    "nsenter": "util-linux",
}
"""Commands this machine must have, and the Debian packages that bring them."""


def go_programs() -> Artefact:
    """Kubernetes with etcd and CoreDNS, Prometheus, metrics-server, Helm and the pause program."""
    return Artefact(
        name="programs",
        why="Kubernetes, Prometheus and Helm are compiled here, some 8 minutes on two cores",
        key=_key("programs"),
        build=lambda folder, note: _compile_programs(folder / "bin", note),
    )


def gateway_program() -> Artefact:
    """Envoy Gateway, and its chart with the values' two blanks filled."""
    return Artefact(
        name="gateway",
        why="Envoy Gateway is compiled here, some 2 minutes on two cores",
        key=_key("gateway"),
        build=_build_gateway,
    )


def debian_programs() -> Artefact:
    """containerd, runc, the CNI plugins and a registry, in `usr/` as the packages have them."""
    return Artefact(
        name="debian",
        why=f"{', '.join(DEBIAN_PACKAGES)} from this machine's Debian mirror",
        key=cache.key(Path("/etc/os-release").read_text(), *DEBIAN_PACKAGES),
        build=_unpack_debian,
    )


def install_host_commands() -> None:
    """Install the packages of those HOST_COMMANDS that are missing."""
    missing = [package for command, package in HOST_COMMANDS.items() if not shutil.which(command)]
    if not missing:
        return
    with cache.locked("apt"):
        run(["apt-get", "update", "-qq"])
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], env=environment)


def _key(name: str) -> str:
    return cache.key(name, SOURCES, COMPILE, LINK, TAGS)


def _compile_programs(target: Path, note: Note) -> None:
    _compile(target, note, ".", "./pause", PROMETHEUS, METRICS, HELM)
    for component in COMPONENTS:
        (target / component).symlink_to("cluster")


def _build_gateway(folder: Path, note: Note) -> None:
    _compile(folder / "bin", note, f"{GATEWAY}/cmd/envoy-gateway")
    module = run(["go", "-C", SOURCES, "list", "-m", "-f", "{{.Dir}}", GATEWAY]).strip()
    shutil.copytree(Path(module) / "charts" / "gateway-helm", folder / "chart", copy_function=shutil.copyfile)
    template = (folder / "chart" / "values.tmpl.yaml").read_text()
    values = Template(template).substitute(GatewayImage="", GatewayImagePullPolicy="IfNotPresent")
    (folder / "chart" / "values.yaml").write_text(values)


def _compile(target: Path, note: Note, *packages: str) -> None:
    """`go build` into a folder. What is in Go's own cache is not compiled, nor counted, again."""
    compiled = 0

    def count(line: str) -> None:
        nonlocal compiled
        compiled += not line.startswith("go: ")
        note(f"{line[:70]}" if line.startswith("go: ") else f"{compiled} of at most {total} packages compiled")

    environment = {**os.environ, **COMPILER}
    note("downloading modules")
    listed = run(["go", "-C", SOURCES, "list", "-deps", f"-tags={TAGS}", *packages], env=environment)
    total = len(listed.split())
    target.mkdir(parents=True)
    flags = ("-v", "-trimpath", f"-tags={TAGS}", f"-gcflags={COMPILE}", f"-ldflags={LINK}", "-o", f"{target}/")
    follow(["go", "-C", SOURCES, "build", *flags, *packages], count, env=environment)


def _unpack_debian(folder: Path, note: Note) -> None:
    run(["apt-get", "update", "-qq"])
    downloads = folder / "downloads"
    downloads.mkdir()
    downloads.chmod(0o777)  # apt downloads as a user of its own
    follow(["apt-get", "download", *DEBIAN_PACKAGES], note, cwd=downloads)
    for package in sorted(downloads.glob("*.deb")):
        run(["dpkg-deb", "-x", package, folder])
    shutil.rmtree(downloads)
