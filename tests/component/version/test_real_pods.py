"""A ModelVersion's way to its verdict with real Jobs: real bundles, registry, memory limit, restricted pods."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import config as client_config
from kubernetes.aio.client import ApiClient

from pilotage.bundle.push import push
from pilotage_operator.api import names
from pilotage_operator.clients.kube import MODEL_VERSION, Kube
from pilotage_operator.control.config import Config
from pilotage_operator.control.modelversion import ModelVersions
from tests.unit.bundle.bundles import adding_graph, make_bundle

REGISTRY = "registry.platform.svc.cluster.local:5000"
BLOBS = "/data/docker/registry/v2/blobs/sha256"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
PATIENCE = 240.0
Json = dict[str, Any]


def kubectl(*args: str) -> str:
    return subprocess.run(["kubectl", *args], check=True, capture_output=True, text=True).stdout


class Versions:
    """Makes bundles, pushes them, and reconciles their ModelVersions as the operator's queue would."""

    def __init__(self, kube: Kube, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self.late = f"late.{namespace}.svc.cluster.local:5000"
        self._kube = kube
        self._folder = folder
        plain = {"plainHTTP": [REGISTRY, self.late]}
        config = Config.model_validate({"servingImage": "localhost/pilotage/serving:dev", "registries": plain})
        self._versions = ModelVersions(kube, config, time.time)

    def bundle(self, name: str = "fraud") -> Path:
        """A good bundle, to be spoilt."""
        return make_bundle(self._folder, name=name, version="3").path

    def push(self, bundle: Path) -> str:
        """The digest under which the registry has it."""
        address = push(bundle, f"oci://{REGISTRY}/{self.namespace}/fraud", plain_http=True)
        return address.split("@")[1]

    async def create(self, digest: str, *, registry: str = REGISTRY) -> None:
        head = {"apiVersion": names.API_VERSION, "kind": names.MODEL_VERSION_KIND}
        metadata = {"name": "fraud-v3", "namespace": self.namespace}
        source = {"uri": f"oci://{registry}/{self.namespace}/fraud", "digest": digest}
        spec = {"model": "fraud", "version": "3", "source": source}
        await self._kube.create(MODEL_VERSION, {**head, "metadata": metadata, "spec": spec})

    async def status_with(self, phase: str, reason: str) -> Json:
        """The status once it has this phase for this reason, after as many passes as that takes."""
        end = time.monotonic() + PATIENCE
        status: Json = {}
        while time.monotonic() < end:
            await self._versions.reconcile(self.namespace, "fraud-v3")
            body = await self._kube.get(MODEL_VERSION, self.namespace, "fraud-v3")
            status = (body or {}).get("status") or {}
            if status.get("phase") == phase and reason in {c["reason"] for c in status["conditions"]}:
                return status
            await asyncio.sleep(0.5)
        raise AssertionError(f"not {phase}/{reason} after {PATIENCE:.0f} s: {status}")

    async def refusal(self) -> tuple[str, str]:
        """The check that failed, and the message, once the version is rejected."""
        status = await self.status_with("Rejected", "Rejected")
        return status["report"][-1]["check"], status["message"]


@pytest.fixture
async def versions(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Versions]:
    namespace = "version-" + request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(Path(__file__).parents[3] / "crds"))
    kubectl("delete", "namespace", namespace, "--ignore-not-found")
    kubectl("create", "namespace", namespace)
    kubectl("label", "namespace", namespace, RESTRICTED)
    await client_config.load_kube_config(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
    async with ApiClient() as client:
        yield Versions(Kube(client, fence=lambda: None), namespace, tmp_path / "bundle")
    kubectl("delete", "namespace", namespace, "--wait=false")


async def test_a_good_bundle_is_ready(versions: Versions) -> None:
    await versions.create(versions.push(versions.bundle()))
    status = await versions.status_with("Ready", "Passed")
    assert {row["verdict"] for row in status["report"]} == {"pass"}
    assert status["contract"]["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 5]}]


async def test_bytes_changed_in_the_registry_are_rejected(versions: Versions) -> None:
    bundle = versions.bundle()
    document = bundle / "bundle.json"
    document.write_text(f"{document.read_text()}\n{' ' * len(versions.namespace)}")  # a blob that no other test has
    digest = versions.push(bundle)
    blob = sha256(document.read_bytes()).hexdigest()
    spoil = f"printf X | dd of={BLOBS}/{blob[:2]}/{blob}/data bs=1 seek=5 conv=notrunc"
    kubectl("-n", "platform", "exec", "deploy/registry", "--", "sh", "-c", spoil)
    await versions.create(digest)
    check, message = await versions.refusal()
    assert check == "digest"
    assert "bundle.json" in message


async def test_a_truncated_model_is_rejected(versions: Versions) -> None:
    bundle = versions.bundle()
    model = (bundle / "model.onnx").read_bytes()
    (bundle / "model.onnx").write_bytes(model[: len(model) // 2])
    await versions.create(versions.push(bundle))
    check, message = await versions.refusal()
    assert check == "structure"
    assert "cut off" in message


async def test_a_model_that_wants_more_memory_than_its_gate_is_rejected(versions: Versions) -> None:
    bundle = versions.bundle()
    (bundle / "model.onnx").write_bytes(adding_graph(600_000_000).SerializeToString())  # 2.4 GB to answer
    await versions.create(versions.push(bundle))
    check, message = await versions.refusal()
    assert check == "memory"
    assert "limit 512Mi" in message


async def test_a_model_that_answers_otherwise_is_rejected(versions: Versions) -> None:
    bundle = versions.bundle()
    (bundle / "model.onnx").write_bytes(adding_graph(10).SerializeToString())
    await versions.create(versions.push(bundle))
    check, _ = await versions.refusal()
    assert check == "golden"


async def test_a_bundle_of_another_model_is_rejected(versions: Versions) -> None:
    await versions.create(versions.push(versions.bundle("churn")))
    check, message = await versions.refusal()
    assert check == "identity"
    assert "churn 3 (limit fraud 3)" in message


async def test_a_registry_that_is_away_is_tried_again_until_it_is_back(versions: Versions) -> None:
    await versions.create(versions.push(versions.bundle()), registry=versions.late)
    away = await versions.status_with("Checking", "RegistryUnavailable")
    assert versions.late in away["message"]
    host = REGISTRY.split(":")[0]
    kubectl("-n", versions.namespace, "create", "service", "externalname", "late", "--external-name", host)
    assert (await versions.status_with("Ready", "Passed"))["report"]
