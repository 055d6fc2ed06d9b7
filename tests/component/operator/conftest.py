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
def namespace() -> Iterator[str]:
    server = ApiServer()
    server.install_definitions()
    server.open_namespace()
    kubectl("-n", server.namespace, "apply", "-f", "-", stdin=yaml.safe_dump(NO_PODS))
    account = run("kubectl", "create", "serviceaccount", "default", "--dry-run=client", "-o", "yaml")
    kubectl("-n", server.namespace, "apply", "--server-side", "-f", "-", stdin=account)
    yield server.namespace
    server.close_namespace()


@pytest.fixture(scope="session")
def operator(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    running = Operator(namespace, tmp_path_factory.mktemp("operator"), VALUES)
    running.start()
    yield running
    assert running.stop() == 0, running.log
    assert "Traceback" not in running.log, running.log
    assert " 403 " not in running.log, "the chart's rights do not suffice"


@pytest.fixture
def stage(operator: Operator, request: pytest.FixtureRequest) -> Stage:
    words = request.node.originalname.removeprefix("test_").replace("_", "-")
    return Stage(operator.namespace, words[:30].strip("-"), lambda: operator.log)
