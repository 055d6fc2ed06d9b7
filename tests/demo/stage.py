"""The demo's world: the chart, the registry, three bundles, and what is applied."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests import models
from tests.e2e.manifests import GATEWAY, PROMETHEUS, REGISTRY, Published, model_deployment, model_version
from tests.e2e.world import ROOT, World, kubectl

NAMESPACE, SYSTEM, NAME = "demo", "pilotage-system", "tumour"
VERSIONS = ("v1", "v2", "v3")
INTERVAL = "5s"
ROLLOUT = {
    "steps": [{"weight": 25, "for": "10s"}, {"weight": 50, "for": "10s"}],
    "bake": {"for": "15s"},
}
CHECKS = [
    {"errorRate": {"maxIncrease": 0.02}},
    {"latency": {"quantile": 0.9, "maxRatio": 2.0, "minDifference": "50ms"}},
]
VALUES: dict[str, Any] = {
    "images": {"operator": "localhost/pilotage/operator:dev", "serving": "localhost/pilotage/serving:dev"},
    "prometheus": {"url": PROMETHEUS},
    "registries": {"plainHTTP": [REGISTRY]},
    "connectionSeconds": 10,
    "defaults": {"rollout": ROLLOUT, "analysis": {"interval": INTERVAL, "checks": CHECKS}},
}


def prepare(into: Path, gateway: bool, say: Callable[[str], None]) -> World:
    """Everything but the first release."""
    say("an empty namespace")
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    kubectl("create", "namespace", NAMESPACE)
    kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    say("the chart: helm upgrade --install pilotage charts/pilotage")
    install()
    published = {}
    for version in VERSIONS:
        say(f"training {version}, and pushing its bundle")
        bundle = models.build(version, version, into / version, NAME)
        uri = f"oci://{REGISTRY}/models/{NAME}"
        bundle.push(uri, plain_http=True)
        published[version] = Published(uri, bundle.digest)
    bodies = models.live_bodies(into / "live.jsonl")
    return World(NAMESPACE, bodies, published, gateway=gateway, name=NAME)


def install() -> None:
    command = ["helm", "upgrade", "--install", "pilotage", str(ROOT / "charts/pilotage"), "-n", SYSTEM]
    command += ["--create-namespace", "--take-ownership", "--force-conflicts", "--wait", "--timeout", "120s", "-f", "-"]
    done = subprocess.run(command, input=yaml.safe_dump(VALUES), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"helm could not install the chart: {done.stderr.strip()}")


def release(world: World, version: str) -> None:
    """What a team commits: the version, and one changed line in the deployment."""
    name = f"{NAME}-{version}"
    deployment = model_deployment(NAME, name, {}, f"{NAMESPACE}.example.com" if world.gateway else "")
    for field in ("rollout", "analysis"):  # the platform's defaults, as the chart has them
        del deployment["spec"][field]
    world.apply(model_version(NAME, version, world.published[version]), deployment)


def address(gateway: bool) -> str:
    return GATEWAY if gateway else f"http://{NAME}.{NAMESPACE}.svc.cluster.local"
