"""What is installed in a fresh cluster: Prometheus, metrics-server and a registry, and Envoy Gateway if asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import images, programs
from tests.cluster.backend import Cluster
from tests.cluster.cache import Artefact
from tests.cluster.errors import ClusterError
from tests.cluster.images import Image
from tests.cluster.shell import run

MANIFESTS = Path(__file__).parent / "manifests"
GATEWAY_NAMESPACE = "envoy-gateway-system"
WAIT = "--timeout=120s"


@dataclass(frozen=True)
class Addon:
    """`proof` is the resource that is made last and its namespace: where it is, all of the add-on is."""

    name: str
    images: tuple[Image, ...]
    proof: tuple[str, str]
    install: Callable[[Cluster], None]


def wanted(*, gateway: bool) -> list[Addon]:
    """The platform always, the gateway if asked for."""
    of_platform = images.base_image(), images.prometheus(), images.metrics_server(), images.registry()
    platform = Addon("platform", of_platform, ("service/registry", "platform"), _install_platform)
    if not gateway:
        return [platform]
    proxy = (images.envoy_gateway(), images.envoy())
    return [platform, Addon("gateway", proxy, ("gateway/public", "gateways"), _install_gateway)]


def needs(*, gateway: bool) -> list[Artefact]:
    """What must be in the cache to install the add-ons, in the order of building."""
    programs_of_gateway = [programs.gateway_program()] if gateway else []
    return programs_of_gateway + [image.artefact for addon in wanted(gateway=gateway) for image in addon.images]


def missing(cluster: Cluster, *, gateway: bool) -> list[Addon]:
    """Those that are not, or not wholly, installed."""
    return [addon for addon in wanted(gateway=gateway) if not _exists(cluster, *addon.proof)]


def install(cluster: Cluster, addon: Addon) -> None:
    """Load its images, apply it, and wait until it is ready."""
    for image in addon.images:
        cluster.load(image.archive)
    addon.install(cluster)


def _install_platform(cluster: Cluster) -> None:
    _apply(cluster, MANIFESTS / "platform.yaml")
    for name in ("prometheus", "metrics-server", "registry"):
        _kubectl(cluster, "rollout", "status", f"deployment/{name}", "-n", "platform", WAIT)


def _install_gateway(cluster: Cluster) -> None:
    """By Envoy Gateway's own chart; then a Gateway that has an address and a running proxy."""
    chart, values = programs.gateway_program().path / "chart", MANIFESTS / "gateway-values.yaml"
    helm = [str(cluster.tools / "helm"), f"--kubeconfig={cluster.kubeconfig}", "upgrade", "--install", "envoy-gateway"]
    where = ["--namespace", GATEWAY_NAMESPACE, "--create-namespace"]
    run(cluster.command(*helm, str(chart), *where, "--values", str(values), "--wait", WAIT))
    _apply(cluster, MANIFESTS / "gateway.yaml")
    _kubectl(cluster, "wait", "--for=condition=Programmed", "gateway/public", "-n", "gateways", WAIT)


def _exists(cluster: Cluster, resource: str, namespace: str) -> bool:
    try:
        _kubectl(cluster, "get", resource, "-n", namespace)
    except ClusterError:
        return False
    return True


def _apply(cluster: Cluster, manifest: Path) -> None:
    _kubectl(cluster, "apply", "--server-side", "--force-conflicts", "-f", str(manifest))


def _kubectl(cluster: Cluster, *arguments: str) -> str:
    return run(cluster.command(str(cluster.tools / "kubectl"), f"--kubeconfig={cluster.kubeconfig}", *arguments))
