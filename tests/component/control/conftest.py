"""A namespace of a real API server, and the port that the operator asks it through."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient

from pilotage_operator.clients.kube import Kube
from tests.component.api.cluster import ApiServer


@pytest.fixture(scope="session")
def server() -> Iterator[ApiServer]:
    server = ApiServer()
    server.install_definitions()
    server.open_namespace()
    yield server
    server.close_namespace()


@pytest.fixture
def namespace(server: ApiServer) -> str:
    return server.namespace


@pytest.fixture
async def client() -> AsyncIterator[ApiClient]:
    await config.load_kube_config(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
    async with ApiClient() as opened:
        yield opened


@pytest.fixture
def kube(client: ApiClient) -> Kube:
    return Kube(client, lambda: None)
