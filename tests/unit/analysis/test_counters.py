"""Reading for many deployments at once, over a Prometheus written by hand."""

import asyncio
import re

import pytest

from pilotage_operator.clients.counters import Counters, Key
from pilotage_operator.clients.prometheus import Prometheus, PrometheusUnavailable, Series

FRAUD, CHURN, OTHER = Key("bank", "fraud"), Key("shop", "churn"), Key("shop", "fraud")


class FakePrometheus(Prometheus):
    """Every deployment that a query's matchers name has answered `count` requests by one pod."""

    def __init__(self) -> None:
        super().__init__("http://fake.invalid", {})
        self.asked: list[str] = []
        self.count = 7.0
        self.away = False

    async def at(self, query: str, time: float) -> list[Series]:
        self.asked.append(query)
        await asyncio.sleep(0)
        if self.away:
            raise PrometheusUnavailable("Prometheus gave no answer")
        return [
            Series(self._labels(namespace, deployment, query), ((time, self.count),))
            for namespace in named("namespace", query)
            for deployment in named("deployment", query)
        ]

    async def over(self, query: str, start: float, end: float, step: float) -> list[Series]:
        self.asked.append(f"{query} {start:g} {end:g} {step:g}")
        times = [start + i * step for i in range(round((end - start) / step) + 1)]
        return [Series(self._labels("bank", "fraud", query), tuple((t, t) for t in times))]

    @staticmethod
    def _labels(namespace: str, deployment: str, query: str) -> dict[str, str]:
        pod = {"namespace": namespace, "deployment": deployment, "pod": "p", "start": "17", "revision": "aaaaaaaaaa"}
        return {**pod, **({"le": "+Inf"} if "bucket" in query else {"code": "200"})}


def named(label: str, query: str) -> list[str]:
    matcher = re.search(rf'{label}=~"([^"]*)"', query)
    return matcher[1].split("|") if matcher else []


@pytest.fixture
def prometheus() -> FakePrometheus:
    return FakePrometheus()


@pytest.fixture
def counters(prometheus: FakePrometheus) -> Counters:
    return Counters(prometheus)


async def read(counters: Counters, key: Key, at: float) -> dict[str, int]:
    (snapshot,) = await counters.read(key, (at,), 15)
    (counts,) = snapshot.answers.values()
    return dict(counts)


async def test_who_asked_before_is_read_together(counters: Counters, prometheus: FakePrometheus) -> None:
    for key in (FRAUD, CHURN):
        await read(counters, key, 15)
    prometheus.asked.clear()
    found = await asyncio.gather(read(counters, FRAUD, 30), read(counters, CHURN, 30))
    assert list(found) == [{"200": 7}, {"200": 7}]
    assert len(prometheus.asked) == 1
    assert 'namespace=~"bank|shop", deployment=~"churn|fraud"' in prometheus.asked[0]


async def test_another_of_the_same_name_is_not_mixed_in(counters: Counters, prometheus: FakePrometheus) -> None:
    for key in (FRAUD, CHURN, OTHER):
        await read(counters, key, 15)
    for key in (FRAUD, CHURN, OTHER):
        (snapshot,) = await counters.read(key, (30.0,), 15, ["durations"])
        assert len(snapshot.answers) == len(snapshot.durations) == 1


async def test_who_stopped_asking_is_not_read_any_more(counters: Counters, prometheus: FakePrometheus) -> None:
    await read(counters, CHURN, 15)
    await read(counters, FRAUD, 600)
    assert "churn" not in prometheus.asked[-1]


async def test_a_query_that_failed_is_asked_anew(counters: Counters, prometheus: FakePrometheus) -> None:
    prometheus.away = True
    for _ in range(2):
        with pytest.raises(PrometheusUnavailable):
            await read(counters, FRAUD, 15)
    prometheus.away = False
    assert await read(counters, FRAUD, 15) == {"200": 7}


async def test_many_instants_are_read_in_bounded_parts(counters: Counters, prometheus: FakePrometheus) -> None:
    instants = [15.0 * i for i in range(1, 301)]
    snapshots = await counters.read(FRAUD, instants, 15)
    assert [snapshot.at for snapshot in snapshots] == instants
    assert [answers["200"] for snapshot in snapshots for answers in snapshot.answers.values()] == instants
    assert [asked.split("[1h]))")[1] for asked in prometheus.asked] == [" 15 1800 15", " 1815 3600 15", " 3615 4500 15"]


async def test_names_cannot_break_out_of_their_matcher(counters: Counters, prometheus: FakePrometheus) -> None:
    await counters.read(Key('a"} or x{b="', "c.*"), (15.0,), 15)
    assert r'namespace=~"a\"\\}\\ or\\ x\\{b=\"", deployment=~"c\\.\\*"' in prometheus.asked[0]
