"""What the serving pods count of inputs and answers, through the real Prometheus, to what the checks say of it."""

import numpy as np
import pytest

from pilotage.bundle.format import Contract, Feature, Tensor
from pilotage.bundle.reference import Bins, Reference, Values
from pilotage_operator.api.analysis import Check
from pilotage_operator.clients.counters import Counters, Key
from pilotage_operator.domain.analysis.finding import Finding
from pilotage_operator.domain.analysis.judge import judge, needed
from tests.component.prometheus.running import RunningPrometheus, ServingPod

STABLE, CANARY = "aaaaaaaaaa", "cccccccccc"
T = 1_790_000_000.0
INTERVAL = 5.0
HISTORY = 6
SINCE = T + HISTORY * INTERVAL
CHECKS = [
    Check.model_validate(given)
    for given in (
        {"inputQuality": {"maxIncrease": 0.01}},
        {"predictionShare": {"maxRatio": 1.5}},
        {"predictionDrift": {"maxPSI": 0.2}},
    )
]
OUTPUTS = (Tensor("label", "INT64", (-1,)), Tensor("probabilities", "FP32", (-1, 2)))
TRAINED = Reference(
    100,
    outputs={
        ("label", 0): Values((0, 1), (90, 10)),
        ("probabilities", 1): Bins((0.25, 0.5, 0.75), (25, 25, 25, 25)),
    },
)


def contract(*countries: str) -> Contract:
    return Contract(
        (Tensor("country", "BYTES", (-1, 1), (Feature("country", None, None, False, countries),)),), OUTPUTS
    )


def released(server: RunningPrometheus, *, frauds: int, unknown: int, tilt: float) -> None:
    """A rollout of 20 instants: of 100 rows so many are fraud, and so many come from a country only stable knows."""
    stable = [
        ServingPod(f"s{i}", STABLE, T - 86_400, contract=contract("DE", "XK"), reference=TRAINED) for i in range(2)
    ]
    canary = [ServingPod(f"c{i}", CANARY, SINCE - 2, contract=contract("DE"), reference=TRAINED) for i in range(2)]
    scores = np.linspace(0.01, 0.99, 100, dtype=np.float32)
    for number in range(HISTORY + 20):
        for pod in [*stable, *(canary if number >= HISTORY else [])]:
            mine = pod in canary
            countries = np.array([[b"XK" if i < unknown else b"DE"] for i in range(100)], dtype=object)
            labels = np.array([1 if i < (frauds if mine else 10) else 0 for i in range(100)], dtype=np.int64)
            second = scores ** (tilt if mine else 1.0)
            if not mine or number > HISTORY:
                answers = {"label": labels, "probabilities": np.stack([1 - second, second], axis=1)}
                pod.predict({"country": countries}, answers)
            server.record(T + number * INTERVAL - 1, pod)


async def found(counters: Counters) -> dict[str, Finding]:
    instants = [T + i * INTERVAL for i in range(HISTORY + 20)]
    series = await counters.read(Key("bank", "fraud"), instants, INTERVAL, needed(CHECKS))
    return {f.name: f for f in judge(CHECKS, series, stable=STABLE, canary=CANARY, since=SINCE)}


async def test_a_version_that_answers_like_stable_passes(server: RunningPrometheus, counters: Counters) -> None:
    released(server, frauds=10, unknown=0, tilt=1.0)
    findings = await found(counters)
    assert {name: f.verdict for name, f in findings.items()} == dict.fromkeys(findings, "pass"), findings


@pytest.mark.parametrize(
    ("changes", "failed", "cause"),
    [
        pytest.param(
            {"unknown": 20},
            "inputQuality",
            "760 of 760 invalid values: feature country, category XK, unknown to the canary; stable 0 of 0",
            id="a category that it does not know",
        ),
        pytest.param({"frauds": 40}, "predictionShare", "output label, class 1, 1520 of 3800 rows; ", id="more fraud"),
        pytest.param({"tilt": 4.0}, "predictionDrift", "output probabilities column 1, bin ", id="other scores"),
    ],
)
async def test_a_fault_is_found_and_its_place_named(
    server: RunningPrometheus, counters: Counters, changes: dict[str, float], failed: str, cause: str
) -> None:
    faults: dict[str, float] = {"frauds": 10, "unknown": 0, "tilt": 1.0, **changes}
    released(server, frauds=int(faults["frauds"]), unknown=int(faults["unknown"]), tilt=faults["tilt"])
    finding = (await found(counters))[failed]
    assert (finding.verdict, cause in finding.cause) == ("fail", True), finding


async def test_a_query_gives_its_numbers(server: RunningPrometheus, counters: Counters) -> None:
    server.store(T, ("revenue", {"shop": "a"}, 5.0), ("revenue", {"shop": "b"}, 7.0))
    assert await counters.ask("sum(revenue)", T) == [12.0]
    assert set(await counters.ask("revenue", T)) == {5.0, 7.0}
    assert await counters.ask("nothing", T) == []
    assert await counters.ask("sum(revenue) / 0", T) == [None]
