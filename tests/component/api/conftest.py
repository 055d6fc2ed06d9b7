"""A namespace of a real API server that serves the two resources; KUBECONFIG says which."""

from collections.abc import Iterator

import pytest

from tests.component.api.cluster import ApiServer


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    server = ApiServer()
    server.install_definitions()
    server.open_namespace()
    yield server
    server.close_namespace()
