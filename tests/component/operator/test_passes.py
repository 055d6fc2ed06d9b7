"""Single passes in a namespace that no operator watches, where the test decides what happens between two calls."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from kubernetes.aio import config as client_config
from kubernetes.aio.client import ApiClient

from pilotage_operator.clients.counters import Counters
from pilotage_operator.clients.kube import HTTP_ROUTE, Kind, Kube, NotFound
from pilotage_operator.clients.prometheus import Prometheus
from pilotage_operator.control.config import Config
from pilotage_operator.control.measure import Measure
from pilotage_operator.control.modeldeployment import ModelDeployments
from tests.component.api.cluster import ApiServer
from tests.component.operator.process import kubectl, run
from tests.component.operator.stage import Json, Stage


class Contended(Kube):
    """Somebody else always writes first."""

    writes = 0

    async def write_status(self, kind: Kind, body: Json) -> Json:
        metadata, self.writes = body["metadata"], self.writes + 1
        label = ("label", kind.plural, metadata["name"], f"write={self.writes}", "--overwrite")
        kubectl("-n", metadata["namespace"], *label)
        return await super().write_status(kind, body)


class WithoutGateway(Kube):
    """A cluster without the Gateway API, also where the tests' cluster has it."""

    async def exists_kind(self, kind: Kind) -> bool:
        return kind is not HTTP_ROUTE and await super().exists_kind(kind)

    async def create(self, kind: Kind, body: Json) -> Json:
        if kind is HTTP_ROUTE:
            raise NotFound("no such kind")
        return await super().create(kind, body)


@pytest.fixture
async def client() -> AsyncIterator[ApiClient]:
    await client_config.load_kube_config(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
    async with ApiClient() as opened:
        yield opened


@pytest.fixture
def alone() -> Iterator[Stage]:
    server = ApiServer()
    server.install_definitions()
    server.open_namespace()
    account = run("kubectl", "create", "serviceaccount", "default", "--dry-run=client", "-o", "yaml")
    kubectl("-n", server.namespace, "apply", "--server-side", "-f", "-", stdin=account)
    yield Stage(server.namespace, "fraud")
    server.close_namespace()


async def _passes(kube: Kube, stage: Stage, count: int) -> None:
    config = Config.model_validate({"servingImage": "localhost/pilotage/serving:dev"})
    now = float(run("date", "+%s"))
    async with Prometheus("", {}) as prometheus:
        reconciler = ModelDeployments(kube, Measure(Counters(prometheus)), config, lambda: now, lambda *_: None)
        for _ in range(count):
            await reconciler.reconcile(stage.namespace, stage.name)


async def test_a_status_that_somebody_else_wrote_first_acts_on_nothing(client: ApiClient, alone: Stage) -> None:
    alone.ready_version("1")
    alone.deploy("1")
    await _passes(Contended(client, lambda: None), alone, 3)
    assert alone.status() == {}
    assert alone.items("controllerrevisions,deployments,services") == []
    assert "Installing" not in alone.kubectl("get", "events", "-o", "jsonpath={.items[*].reason}")
    await _passes(Kube(client, lambda: None), alone, 1)
    assert alone.status()["phase"] == "Initializing"
    assert len(alone.items("deployments")) == 1


async def test_traffic_without_the_gateway_api_is_refused(client: ApiClient, alone: Stage) -> None:
    kube = WithoutGateway(client, lambda: None)
    alone.ready_version("1")
    alone.deploy("1")
    await _passes(kube, alone, 2)
    revision = alone.revision("stable")
    alone.pods(revision, 2)
    await _passes(kube, alone, 3)
    assert alone.status()["phase"] == "Healthy"
    alone.deploy("1", traffic={"parentRefs": [{"name": "public"}]})
    await _passes(kube, alone, 2)
    status = alone.status()
    assert (status["phase"], status["reason"]) == ("Invalid", "GatewayMissing")
    assert "this cluster has no HTTPRoute; install a gateway" in status["message"]
    assert alone.served_by(revision)
