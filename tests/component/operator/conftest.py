"""One operator per worker, in a namespace of its own; one ModelDeployment per test."""

from collections.abc import Iterator

import pytest
import yaml

from tests.component.api.cluster import ApiServer
from tests.component.operator.process import Operator, kubectl, run
from tests.component.operator.stage import Stage

NO_PODS = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "no-pod-that-asks-for-resources"},
    "spec": {"hard": {"pods": "0"}, "scopes": ["NotBestEffort"]},
}
VALUES = {"connectionSeconds": 1, "defaults": {"rollout": {"progressDeadline": "1h"}}}


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    server = ApiServer()
    server.install_definitions()
    server.open_namespace()
    kubectl("-n", server.namespace, "apply", "-f", "-", stdin=yaml.safe_dump(NO_PODS))
    account = run("kubectl", "create", "serviceaccount", "default", "--dry-run=client", "-o", "yaml")
    kubectl("-n", server.namespace, "apply", "--server-side", "-f", "-", stdin=account)
    running = Operator(server.namespace, tmp_path_factory.mktemp("operator"), VALUES)
    running.start()
    yield running
    code = running.stop()
    server.close_namespace()
    assert code == 0, running.log


@pytest.fixture
def stage(operator: Operator, request: pytest.FixtureRequest) -> Stage:
    words = request.node.originalname.removeprefix("test_").replace("_", "-")
    return Stage(operator, words[:30].strip("-"))
