from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pilotage_operator.clients.counters import Counters
from pilotage_operator.clients.prometheus import Prometheus
from tests.component.prometheus.running import RunningPrometheus, running_prometheus


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningPrometheus]:
    with running_prometheus(tmp_path) as running:
        yield running


@pytest.fixture
async def counters(server: RunningPrometheus) -> AsyncIterator[Counters]:
    async with Prometheus(server.url, {}) as prometheus:
        yield Counters(prometheus)
