"""The images: a Python base from Debian packages, the add-ons', and the product's own, each an archive in the cache.

Dockerfiles stay ordinary ones. `ARG BASE` is what a Dockerfile says for an official Python image; it is given our
base image instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import base, cache, programs
from tests.cluster.cache import Artefact
from tests.cluster.progress import Note
from tests.cluster.shell import follow

REPOSITORY = Path(__file__).parents[2]
DOCKERFILES = Path(__file__).parent / "dockerfiles"
ARCHIVE = "image.tar"

PRODUCT = ("serving", "operator")


@dataclass(frozen=True)
class Image:
    """A fully qualified name, and the artefact whose folder holds its archive."""

    tag: str
    artefact: Artefact

    @property
    def archive(self) -> Path:
        """What `docker load` and containerd take."""
        return self.artefact.path / ARCHIVE


def pause() -> Image:
    """What holds a pod's namespaces."""
    return _addon("pause", programs.go_programs())


def prometheus() -> Image:
    """With Kubernetes discovery, which Debian's lacks."""
    return _addon("prometheus", programs.go_programs())


def metrics_server() -> Image:
    """What autoscalers ask for the pods' use of the processor."""
    return _addon("metrics-server", programs.go_programs())


def registry() -> Image:
    """Debian's OCI registry."""
    return _addon("registry")


def envoy_gateway() -> Image:
    """The controller of the gateway."""
    return _addon("envoy-gateway", programs.gateway_program())


def envoy() -> Image:
    """The proxy of the gateway, from its Python wheel."""
    return _addon("envoy")


def product() -> list[Image]:
    """The serving pod's and the operator's images; a change of their sources is a new build."""
    return [_product(name) for name in PRODUCT]


def base_image() -> Image:
    """The base, for pods that need no more than a Python."""
    return Image(base.TAG, base.artefact())


def _product(name: str) -> Image:
    tag = f"localhost/pilotage/{name}:dev"
    dockerfile = REPOSITORY / name / "Dockerfile"
    return Image(
        tag,
        Artefact(
            name=f"image-{name}",
            why=f"{tag} from {name}/Dockerfile",
            key=cache.key(base.artefact().key, REPOSITORY / name, REPOSITORY / "pyproject.toml"),
            build=lambda folder, note: build(tag, dockerfile, REPOSITORY, folder / ARCHIVE, note),
            fleeting=True,
        ),
    )


def _addon(name: str, made_of: Artefact | None = None) -> Image:
    """An image with one program of `made_of` in it, or one made of the base alone."""
    tag = f"localhost/pilotage/{name}:dev"
    dockerfile = DOCKERFILES / f"{name}.Dockerfile"
    context = made_of.path / "bin" if made_of else DOCKERFILES
    return Image(
        tag,
        Artefact(
            name=f"image-{name}",
            why="an image of the cluster's own",
            key=cache.key(dockerfile, (made_of or base.artefact()).key),
            build=lambda folder, note: build(tag, dockerfile, context, folder / ARCHIVE, note),
        ),
    )


def build(tag: str, dockerfile: Path, context: Path, archive: Path, note: Note) -> None:
    """Build a Dockerfile and write the image as an archive."""
    needs_base = "ARG BASE" in dockerfile.read_text()
    arguments: Sequence[str | Path] = ["--build-arg", f"BASE={base.in_storage()}"] if needs_base else []
    follow(
        [
            *base.buildah("bud"),
            *("--isolation", "chroot", "--network", "host", "--layers", "--pull-never"),
            *base.host_network_configuration(),
            *arguments,
            *("--tag", tag, "--file", dockerfile, context),
        ],
        note,
    )
    follow([*base.buildah("push"), tag, f"docker-archive:{archive}:{tag}"], note)
