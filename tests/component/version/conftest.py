"""A real API server; the tests play the Job controller and the kubelet, whether it has them or not."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from kubernetes.aio import config as client_config
from kubernetes.aio.client import ApiClient

from tests.component.api.cluster import ApiServer
from tests.component.version.stage import HandsOff, Stage


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    server = ApiServer()
    server.install_definitions()
    server.open_namespace()
    yield server.namespace
    server.close_namespace()


@pytest.fixture
async def stage(namespace: str, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    await client_config.load_kube_config(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
    async with ApiClient() as client:
        name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
        opened = Stage(HandsOff(client, fence=lambda: None), namespace, name)
        await opened.open()
        yield opened
