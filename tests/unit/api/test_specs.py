"""The models say of a spec what the API server says of it, and fill in what the platform chose."""

from math import inf, nan

import pytest
from pydantic import ValidationError

from pilotage_operator.api.analysis import Analysis, queries_refused
from pilotage_operator.api.modeldeployment import Defaults, ModelDeploymentSpec
from pilotage_operator.api.modelversion import ModelVersionSpec
from pilotage_operator.api.rollout import BUILTIN_ROLLOUT
from pilotage_operator.api.schema import Schema, sentence
from tests.unit.api.specs import ACCEPTED, REFUSED, Case, deployment, steps, version

MODELS: dict[str, type[Schema]] = {"ModelVersion": ModelVersionSpec, "ModelDeployment": ModelDeploymentSpec}


def _parts(where: str) -> list[str]:
    return where.split(".")


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_a_good_spec_is_accepted_and_survives_the_way_through_yaml(case: Case) -> None:
    spec = MODELS[case.kind].model_validate(case.spec)
    assert MODELS[case.kind].model_validate(spec.dump()) == spec


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_bad_spec_is_refused_with_the_place_and_the_sentence(case: Case) -> None:
    with pytest.raises(ValidationError) as refused:
        MODELS[case.kind].model_validate(case.spec)
    said = sentence(refused.value)
    assert all(part in said for part in _parts(case.where)), said
    assert case.says in said


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as refused:
        ModelDeploymentSpec.model_validate(deployment(replicas=0, replica=3))
    assert sentence(refused.value) == (
        "spec.replicas: Input should be greater than or equal to 1; spec.replica: Extra inputs are not permitted"
    )


def test_a_model_version_has_limits_without_naming_them() -> None:
    gate = ModelVersionSpec.model_validate(version()).gate
    assert (gate.golden.rtol, gate.golden.atol, gate.memory) == (1e-4, 1e-5, "512Mi")


def test_what_nobody_chose_is_built_in() -> None:
    spec = ModelDeploymentSpec.model_validate(deployment()).resolved(Defaults())
    assert [(step.weight, step.for_) for step in spec.rollout.steps] == [(10, "2m"), (50, "5m")]
    assert (spec.rollout.bake.for_, spec.rollout.bake.holdback) == ("5m", 5)
    assert (spec.rollout.progress_deadline, spec.rollout.ready_deadline) == ("2h", "10m")
    assert (spec.analysis.interval, [check.name for check in spec.analysis.checks]) == (
        "15s",
        ["errorRate", "latency-p95"],
    )


@pytest.mark.parametrize("limit", [nan, inf, -inf, -1.0, 0.0], ids=str)
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("errorRate", "maxIncrease"),
        ("inputQuality", "maxIncrease"),
        ("latency", "quantile"),
        ("latency", "maxRatio"),
        ("predictionShare", "maxRatio"),
        ("predictionDrift", "maxPSI"),
    ],
)
def test_a_limit_that_is_no_limit_is_refused(kind: str, field: str, limit: float) -> None:
    with pytest.raises(ValidationError):
        ModelDeploymentSpec.model_validate(deployment(analysis={"checks": [{kind: {field: limit}}]}))


def test_the_platforms_defaults_stand_where_the_user_says_nothing() -> None:
    platform = Defaults.model_validate(
        {
            "rollout": {"steps": [{"weight": 1, "for": "1h"}], "bake": {"for": "1h"}, "progressDeadline": "6h"},
            "analysis": {"interval": "30s"},
            "traffic": {"parentRefs": [{"name": "public"}]},
        }
    )
    given = ModelDeploymentSpec.model_validate(
        deployment(rollout={"bake": {"holdback": 0}, "paused": True}, analysis={"checks": []})
    )
    spec = given.resolved(platform)
    assert [step.weight for step in spec.rollout.steps] == [1]
    assert (spec.rollout.bake.for_, spec.rollout.bake.holdback) == ("1h", 0)
    assert (spec.rollout.paused, spec.rollout.progress_deadline) == (True, "6h")
    assert (spec.analysis.interval, spec.analysis.checks) == ("30s", ())
    assert spec.traffic == platform.traffic


def test_the_users_lists_replace_the_platforms_whole() -> None:
    spec = ModelDeploymentSpec.model_validate(steps({"weight": 30})).resolved(Defaults())
    assert [step.weight for step in spec.rollout.steps] == [30]
    assert spec.rollout.bake == BUILTIN_ROLLOUT.bake


def test_steps_longer_than_the_platforms_deadline_are_refused_when_the_two_meet() -> None:
    given = ModelDeploymentSpec.model_validate(steps({"weight": 5, "for": "3h"}))
    assert given.resolved(Defaults.model_validate({"rollout": {"progressDeadline": "4h"}})).rollout.steps
    with pytest.raises(ValidationError, match="the steps and the bake together"):
        given.resolved(Defaults.model_validate({"rollout": {"progressDeadline": "3h", "bake": {"holdback": 1}}}))
    with pytest.raises(ValidationError, match="progressDeadline is shorter than the steps and the bake together"):
        given.resolved(Defaults())


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"errorRate": {"maxIncrease": nan}}, id="an increase"),
        pytest.param({"predictionShare": {"maxRatio": nan}}, id="a ratio"),
        pytest.param({"predictionDrift": {"maxPSI": nan}}, id="a drift"),
        pytest.param({"query": {"name": "a", "promql": "x", "min": nan}}, id="a query"),
        pytest.param({"latency": {"quantile": nan}}, id="a quantile"),
    ],
)
def test_a_platform_default_that_is_no_number_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Defaults.model_validate({"analysis": {"checks": [given]}})


def test_a_query_of_ones_own_is_refused_where_only_the_platforms_may_be() -> None:
    mine, theirs = ({"query": {"name": name, "promql": "sum(x)", "min": 1}} for name in ("mine", "theirs"))
    platform = Analysis.model_validate({"checks": [theirs]})
    assert queries_refused(Analysis.model_validate({"checks": [theirs, {"errorRate": {}}]}), platform) == ""
    said = queries_refused(Analysis.model_validate({"checks": [theirs, mine]}), platform)
    assert said.startswith("spec.analysis.checks: query-mine: queries of one's own are not allowed here")
    assert "prometheus.tenantQueries" in said


def test_checks_are_called_by_what_they_compare() -> None:
    given = [
        {"predictionShare": {"class": "fraud", "output": "label"}},
        {"predictionDrift": {}},
        {"inputQuality": {}},
        {"query": {"name": "revenue", "promql": "x", "min": 1}},
    ]
    names = [check.name for check in Analysis.model_validate({"checks": given}).checks]
    assert names == ["predictionShare-label-fraud", "predictionDrift", "inputQuality", "query-revenue"]
