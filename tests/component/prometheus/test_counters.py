"""The operator's reading of recorded counters from the real Prometheus, and what the judge makes of it."""

from math import nan
from pathlib import Path

import pytest

from pilotage_operator.api.analysis import Check
from pilotage_operator.clients.counters import Counters, Key
from pilotage_operator.clients.prometheus import Prometheus
from pilotage_operator.domain.analysis.availability import availability
from pilotage_operator.domain.analysis.counts import Process, Snapshot
from pilotage_operator.domain.analysis.due import due, instants
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.judge import Judgement, judge
from tests.component.prometheus.running import RunningPrometheus, ServingPod, running_prometheus

FRAUD = Key("bank", "fraud")
STABLE, CANARY = "aaaaaaaaaa", "cccccccccc"
T = 1_790_000_000.0
INTERVAL = SCRAPE = 5.0
HISTORY = 6  # instants before the canary's first request
SINCE = T + HISTORY * INTERVAL
CHECKS = (
    Check.model_validate({"errorRate": {"maxIncrease": 0.01}}),
    Check.model_validate({"latency": {"quantile": 0.95, "maxRatio": 1.3, "minDifference": "5ms"}}),
)


class Rollout:
    """Two pods of stable that were there for a day, and two of a canary; each scraped at its own moments."""

    def __init__(self, server: RunningPrometheus, *, errors: int = 0, seconds: float = 0.004) -> None:
        self.server = server
        self.stable = [ServingPod(f"s{i}", STABLE, T - 86_400) for i in range(2)]
        self.canary = [ServingPod(f"c{i}", CANARY, SINCE - 2) for i in range(2)]
        self.errors, self.seconds = errors, seconds
        for pod in self.stable:
            pod.answer(5000, errors=2000)  # long ago, and nobody's evidence

    def run(self, first: int, last: int, *, record: bool = True) -> None:
        """The scrapes of these instants, each pod's a little before it."""
        for number in range(first, last + 1):
            at = T + number * INTERVAL
            for i, pod in enumerate(self.stable):
                pod.answer(200, errors=1)
                if record:
                    self.server.record(at - 3 + i, pod)
            for i, pod in enumerate(self.canary if number >= HISTORY else []):
                if number > HISTORY:
                    pod.answer(100, errors=self.errors, seconds=self.seconds)
                if record:
                    self.server.record(at - 1 + i / 2, pod)


async def read(counters: Counters, last: int, *, first: int = 0) -> tuple[Snapshot, ...]:
    return await counters.read(FRAUD, [T + i * INTERVAL for i in range(first, last + 1)], INTERVAL, ["durations"])


def judged(series: tuple[Snapshot, ...]) -> tuple[Finding, ...]:
    return judge(CHECKS, series, stable=STABLE, canary=CANARY, since=SINCE)


async def test_what_was_counted_is_read_as_it_was(server: RunningPrometheus, counters: Counters) -> None:
    Rollout(server, errors=3).run(0, HISTORY + 2)
    (snapshot,) = await read(counters, HISTORY + 2, first=HISTORY + 2)
    canary = Process("c0", int(SINCE - 2), CANARY)
    assert snapshot.answers[canary] == {"200": 194, "500": 6}
    assert snapshot.answers[Process("s1", int(T - 86_400), STABLE)] == {"200": 4791, "500": 2009}
    by_edge = {float(edge): count for edge, count in snapshot.durations[canary].items()}
    assert len(by_edge) > 90
    assert all(count == (200 if edge >= 0.004 else 0) for edge, count in by_edge.items())


@pytest.mark.parametrize(
    ("errors", "seconds", "verdicts"),
    [
        pytest.param(0, 0.004, ["pass", "pass"], id="a good canary"),
        pytest.param(50, 0.004, ["fail", "pass"], id="half of its answers are errors"),
        pytest.param(0, 0.040, ["pass", "fail"], id="ten times as slow"),
    ],
)
async def test_a_canary_is_judged_by_what_prometheus_recorded(
    server: RunningPrometheus, counters: Counters, errors: int, seconds: float, verdicts: list[str]
) -> None:
    Rollout(server, errors=errors, seconds=seconds).run(0, HISTORY + 20)
    findings = judged(await read(counters, HISTORY + 20))
    assert [finding.verdict for finding in findings] == verdicts, findings
    assert findings[0].evidence == "4000 canary, 8000 stable requests"


async def test_a_replay_equals_what_was_read_instant_by_instant(server: RunningPrometheus, counters: Counters) -> None:
    rollout = Rollout(server, errors=2)
    judgement = Judgement.begin(CHECKS, stable=STABLE, canary=CANARY, since=SINCE)
    for number in range(HISTORY + 10):
        rollout.run(number, number)
        (snapshot,) = await read(counters, number, first=number)
        judgement = judgement.after(snapshot)
    assert judged(await read(counters, HISTORY + 9)) == judgement.findings()


async def test_a_prometheus_that_lost_its_memory_changes_no_count(tmp_path: Path) -> None:
    judgement = Judgement.begin(CHECKS, stable=STABLE, canary=CANARY, since=SINCE)
    folders = tmp_path / "first", tmp_path / "second"
    for folder in folders:
        folder.mkdir()
    with running_prometheus(folders[0]) as first:
        rollout = Rollout(first)
        rollout.run(0, HISTORY + 10)
        async with Prometheus(first.url, {}) as prometheus:
            for snapshot in await read(Counters(prometheus), HISTORY + 10):
                judgement = judgement.after(snapshot)
    rollout.run(HISTORY + 11, HISTORY + 14, record=False)
    with running_prometheus(folders[1]) as second:
        rollout.server = second
        rollout.run(HISTORY + 15, HISTORY + 20)
        async with Prometheus(second.url, {}) as prometheus:
            counters = Counters(prometheus)
            for snapshot in await read(counters, HISTORY + 20, first=HISTORY + 11):
                judgement = judgement.after(snapshot)
            restarted = judged(await read(counters, HISTORY + 20))
    assert judgement.findings()[0].evidence == "4000 canary, 8000 stable requests"
    assert restarted[0].evidence == "1000 canary, 2000 stable requests", "an operator that replays has seen less"


async def test_a_sample_that_is_no_number_is_missing(server: RunningPrometheus, counters: Counters) -> None:
    labels = {"namespace": "bank", "pod": "p", "deployment": "fraud", "revision": CANARY, "start": "17"}
    server.store(T, ("pilotage_requests_total", {**labels, "code": "200"}, 5.0))
    server.store(T, ("pilotage_requests_total", {**labels, "code": "500"}, nan))
    (snapshot,) = await read(counters, 0)
    assert snapshot.answers == {Process("p", 17, CANARY): {"200": 5}}


async def test_many_deployments_share_a_query(server: RunningPrometheus, counters: Counters) -> None:
    keys = [Key(f"team-{i % 3}", f"model-{i}") for i in range(9)]
    for i, key in enumerate(keys):
        pod = ServingPod("p", STABLE, T, namespace=key.namespace, name=key.deployment)
        pod.answer(i + 1)
        server.record(T, pod)
    for key in keys * 2:
        (snapshot,) = await counters.read(key, (T,), INTERVAL, ["durations"])
        (counts,) = snapshot.answers.values()
        assert counts == {"200": keys.index(key) + 1}


async def test_it_is_seen_whether_pods_are_scraped(server: RunningPrometheus, counters: Counters) -> None:
    rollout = Rollout(server)
    rollout.run(0, HISTORY - 1)
    assert await seen(counters, HISTORY - 1) == "NoSamples"
    rollout.run(HISTORY, HISTORY + 2)
    assert await seen(counters, HISTORY + 3) == "Sampled"
    assert await seen(counters, HISTORY + 15) == "StaleSamples"


async def seen(counters: Counters, number: int) -> str:
    now = T + number * INTERVAL
    found = availability(
        await counters.scrapes(FRAUD, now),
        stable=STABLE,
        canary=CANARY,
        instant=due(now, INTERVAL, SCRAPE),
        interval=INTERVAL,
    )
    return found.reason


async def test_the_whole_history_is_read_at_once(server: RunningPrometheus, counters: Counters) -> None:
    Rollout(server, errors=50).run(0, HISTORY + 8)
    wanted = instants(SINCE, None, T + (HISTORY + 8) * INTERVAL, INTERVAL)
    series = await counters.read(FRAUD, wanted, INTERVAL, ["durations"])
    assert len(series) == len(wanted) == 360 + 9
    assert [finding.verdict for finding in judged(series)] == ["fail", "pass"]
