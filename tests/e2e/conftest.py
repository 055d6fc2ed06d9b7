"""One cluster serves all tests, each in a namespace of its own. What all need is made once, by whoever is first."""

from __future__ import annotations

import fcntl
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import models
from tests.e2e.manifests import REGISTRY, Published
from tests.e2e.world import ROOT, World, eventually, kubectl

LABELS = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Published]:
    """The definitions are applied, and every version is built and pushed, once for all workers."""
    shared = tmp_path_factory.getbasetemp().parent
    with (shared / "published.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = shared / "published.json"
        if not known.exists():
            kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
            known.write_text(json.dumps({which: _publish(which, shared) for which in models.ESTIMATORS}))
        return {which: Published(*where) for which, where in json.loads(known.read_text()).items()}


def _publish(which: str, into: Path) -> tuple[str, str]:
    uri = f"oci://{REGISTRY}/models/tumour"
    bundle = models.build(which, which, into / "bundles" / which)
    bundle.push(uri, plain_http=True)
    return uri, bundle.digest


@pytest.fixture
def bodies(tmp_path: Path) -> Path:
    return models.live_bodies(tmp_path / "live.jsonl")


@pytest.fixture(params=["replicas"])
def world(request: pytest.FixtureRequest, published: dict[str, Published], bodies: Path) -> Iterator[World]:
    """In a namespace that admits only restricted pods. Parametrised with `gateway`, shares are the gateway's."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
    # A name of its own in each run: what Prometheus remembers of an earlier one is not this one's past.
    namespace = f"e2e-{words}"[:40].rstrip("-") + f"-{secrets.token_hex(2)}"
    kubectl("create", "namespace", namespace)
    kubectl("label", "namespace", namespace, LABELS)
    world = World(namespace, bodies, published, gateway=request.param == "gateway")
    world.install()
    yield world
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="session", autouse=True)
def platform() -> None:
    """What the cluster brings answers, before anything is blamed on the product."""
    ready = ["wait", "-n", "platform", "--for=condition=Available", "deploy/prometheus", "deploy/registry"]
    eventually("the platform is up", lambda: kubectl(*ready, "--timeout=5s", check=False) or None)


both_modes = pytest.mark.parametrize("world", ["replicas", "gateway"], indirect=True)
by_gateway = pytest.mark.parametrize("world", ["gateway"], indirect=True)
