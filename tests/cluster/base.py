"""The base image: Debian with Python, laid out as the official `python:slim` images are.

`python` and `pip` are first on PATH under /usr/local and pip may install, so a Dockerfile for the official image
builds on this one.
"""

import shutil
from pathlib import Path

from tests.cluster import cache
from tests.cluster.cache import Artefact
from tests.cluster.errors import ClusterError
from tests.cluster.progress import Note
from tests.cluster.shell import follow, run

TAG = "localhost/pilotage/base:dev"
APT_LEAVES_NOTHING = """APT::Update::Post-Invoke { "rm -f /var/cache/apt/*.bin"; };
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""
"""As in Debian's official images: what apt caches would only swell the layers."""

PACKAGES = "python3,python3-venv,ca-certificates"

HOST_CONFIGURATION = ("/etc/ssl/certs", "/etc/pip.conf")
"""What a build needs of this machine to reach the package index the way this machine does, where it is there."""


def artefact() -> Artefact:
    """The base image's archive."""
    return Artefact(
        name="image-base",
        why="Debian with Python, from this machine's Debian mirror, some 2 minutes",
        key=cache.key(Path("/etc/os-release").read_text(), PACKAGES, APT_LEAVES_NOTHING),
        build=_build,
    )


def in_storage() -> str:
    """The base's name for a Dockerfile's FROM, put into buildah's storage if it is not there."""
    tag = f"localhost/pilotage/base:{artefact().key}"
    if tag not in run([*buildah("images"), "--format", "{{.Name}}:{{.Tag}}"]).split():
        follow([*buildah("pull"), f"docker-archive:{artefact().path / 'image.tar'}"], lambda line: None)
        run([*buildah("tag"), TAG, tag])
    return tag


def buildah(command: str) -> list[str | Path]:
    """A buildah command on a storage of our own, so that it disturbs nobody's images."""
    storage = cache.root() / "buildah"
    return ["buildah", "--root", storage, "--runroot", storage / "run", command]


def host_network_configuration() -> list[str]:
    """Mounts for `buildah bud` and `buildah run`: certificates and pip's configuration, never in the image."""
    mounts = [f"{path}:{path}:ro" for path in HOST_CONFIGURATION if Path(path).exists()]
    pip = cache.root() / "pip"
    pip.mkdir(parents=True, exist_ok=True)
    return [argument for mount in [*mounts, f"{pip}:/root/.cache/pip"] for argument in ("--volume", mount)]


def _build(folder: Path, note: Note) -> None:
    files = folder / "files"
    suite, components, mirror = _mirror()
    options = ["--variant=minbase", f"--components={components}", f"--include={PACKAGES}"]
    # In namespaces: an interrupt must leave neither /proc mounted in a folder that will be deleted, nor processes.
    apart = ("unshare", "--mount-proc", "--pid", "--fork", "--kill-child")
    follow([*apart, "debootstrap", *options, suite, files, mirror], note)
    run(["chroot", files, "python3", "-m", "venv", "/usr/local"])  # pip, without Debian's "externally managed"
    for waste in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(files / waste, ignore_errors=True)
    for needed in ("var/cache/apt/archives/partial", "var/lib/apt/lists/partial"):
        (files / needed).mkdir(parents=True)
    (files / "etc/apt/apt.conf.d/docker-clean").write_text(APT_LEAVES_NOTHING)
    container = run([*buildah("from"), "scratch"]).strip()
    note("packing")
    run([*buildah("copy"), container, files, "/"])
    run([*buildah("config"), "--cmd", "python3", container])
    run([*buildah("commit"), "--rm", container, TAG])
    follow([*buildah("push"), TAG, f"docker-archive:{folder / 'image.tar'}:{TAG}"], note)
    shutil.rmtree(files)


def _mirror() -> tuple[str, str, str]:
    """The suite, its components and the mirror that apt uses here; from apt, so no address stands in our files."""
    wanted = ("--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
    listed = run(["apt-get", "indextargets", *wanted])
    rows = [line.split() for line in listed.splitlines()]
    release = Path("/etc/os-release").read_text()
    suite = next((row[0] for row in rows if f"VERSION_CODENAME={row[0]}\n" in release), None)
    if suite is None:
        raise ClusterError("apt has no index of this machine's release: run apt-get update, check its sources")
    mine = [row for row in rows if row[0] == suite]
    return suite, ",".join(dict.fromkeys(row[1] for row in mine)), mine[0][2]
