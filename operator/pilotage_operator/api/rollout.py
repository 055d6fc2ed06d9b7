"""`spec.rollout`: the steps by which a new version gets its traffic, and the bake that ends them."""

from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import Field

from pilotage_operator.api.durations import Duration, is_duration, seconds
from pilotage_operator.api.schema import Rule, Schema

MAX_STEPS: Final = 20


def _ascending(steps: tuple["Step", ...]) -> bool:
    weights = [step.weight for step in steps if step.weight is not None]
    return all(low < high for low, high in pairwise(weights))


def _shadows_first(steps: tuple["Step", ...]) -> bool:
    seen = [step.weight or 0 for step in steps if step.approval is None]
    return all(low <= high for low, high in pairwise(seen))


def _fits_deadline(rollout: "Rollout") -> bool:
    # What is not given is the platform's, and the resolved rollout is asked again.
    if not {"steps", "progress_deadline"} <= rollout.model_fields_set:
        return True
    bake = seconds(rollout.bake.for_) if "for_" in rollout.bake.model_fields_set else 0.0
    return sum(seconds(step.for_) for step in rollout.steps) + bake <= seconds(rollout.progress_deadline)


def _can_finish(rollout: "Rollout") -> bool:
    if rollout.steps:
        return True
    return "for_" in rollout.bake.model_fields_set and seconds(rollout.bake.for_) > 0


class Step(Schema):
    """One step: a share of the traffic, a copy of it, or a wait for a person's approval."""

    defaults_on_server = False
    rules = (
        Rule(
            says="a step has one of weight, shadow and approval: write {weight: 25, for: 5m}, {shadow: true, for: 10m} "
            "or {approval: true}",
            cel="[has(self.weight), has(self.shadow), has(self.approval)].exists_one(x, x)",
            holds=lambda step: [step.weight, step.shadow, step.approval].count(None) == 2,
        ),
        Rule(
            says="for belongs to a step with a weight or a shadow; an approval takes as long as it takes",
            cel="!has(self.__for__) || !has(self.approval)",
            holds=lambda step: seconds(step.for_) == 0 or step.approval is None,
        ),
    )

    weight: Annotated[int, Field(ge=1, le=100)] | None = None
    """The canary's share of the traffic in percent, 1 to 100. Each step has more than the one before it."""
    shadow: Literal[True] | None = None
    """The canary gets a copy of all the traffic, and nobody gets its answers. Needs a gateway that mirrors requests
    (`spec.traffic`), and comes before the first weight."""
    for_: Annotated[Duration, Field(alias="for")] = "0s"
    """The least time at this step, counted only while it is measured. The step ends when every check passes, too."""
    approval: Literal[True] | None = None
    """Waits until a person approves (`pilotage.dev/approve`)."""


class Bake(Schema):
    """After the last step the canary has the traffic, and the old version stays warm for a while."""

    defaults_on_server = False

    for_: Annotated[Duration, Field(alias="for")] = "5m"
    """How long the old version stays warm, so that the way back is immediate. Default: the platform's, or 5m."""
    holdback: Annotated[int, Field(ge=0, le=50)] = 5
    """The share of the traffic, in percent, that stays on the old version to compare with. Needs a gateway.
    Default: the platform's, or 5."""


class Allow(Schema):
    """What is refused unless it is allowed here."""

    defaults_on_server = False

    contract_change: bool = False
    """Allows a version whose inputs or outputs differ from those of the version that serves. Default: false."""
    no_rollback: bool = False
    """Allows a rollout although the version that serves could not be brought back. Default: false."""


class Rollout(Schema):
    """How a new version gets its traffic. What is absent is the platform's default, field by field."""

    defaults_on_server = False
    rules = (
        Rule(
            says="the steps' weights must ascend: give each step more than the one before it",
            cel="!has(self.steps) || (self.steps.filter(s, has(s.weight)).map(s, s.weight).isSorted() && "
            "self.steps.all(s, !has(s.weight) || "
            "self.steps.exists_one(t, has(t.weight) && t.weight == s.weight)))",
            holds=lambda rollout: _ascending(rollout.steps),
        ),
        Rule(
            says="shadow steps come before the first weight: from there on users get the canary's answers",
            cel="!has(self.steps) || self.steps.filter(s, has(s.weight) || has(s.shadow))"
            ".map(s, has(s.weight) ? s.weight : 0).isSorted()",
            holds=lambda rollout: _shadows_first(rollout.steps),
        ),
        Rule(
            says="a rollout needs at least one way to finish: write a step, or a bake with a time",
            cel="!has(self.steps) || size(self.steps) > 0 || (has(self.bake) && has(self.bake.__for__) && "
            f"(!{is_duration('self.bake.__for__')} || duration(self.bake.__for__) > duration('0s')))",
            holds=_can_finish,
        ),
        Rule(
            says="progressDeadline is shorter than the steps and the bake together: raise it, or shorten them",
            cel="!has(self.steps) || !has(self.progressDeadline) || "
            f"!{is_duration('self.progressDeadline')} || "
            f"self.steps.exists(s, has(s.__for__) && !{is_duration('s.__for__')}) || "
            f"(has(self.bake) && has(self.bake.__for__) && !{is_duration('self.bake.__for__')}) || "
            "duration(self.progressDeadline) >= "
            "self.steps.map(s, has(s.__for__) ? duration(s.__for__) : duration('0s')).sum() + "
            "(has(self.bake) && has(self.bake.__for__) ? duration(self.bake.__for__) : duration('0s'))",
            holds=_fits_deadline,
        ),
    )

    steps: Annotated[tuple[Step, ...], Field(max_length=MAX_STEPS)] = (
        Step(weight=10, for_="2m"),
        Step(weight=50, for_="5m"),
    )
    """The steps, in order. An empty list goes straight to the bake. Default: the platform's, or 10 % for 2m and
    50 % for 5m."""
    bake: Bake = Bake()
    """What follows the last step."""
    progress_deadline: Duration = "2h"
    """After so long without an end, the bake's included, the rollout pauses for a person; what people take to decide
    does not count. Default: the platform's, or 2h."""
    ready_deadline: Duration = "10m"
    """A canary's pods that are not ready after so long have failed. Default: the platform's, or 10m."""
    on_low_traffic: Literal["hold", "advance"] = "hold"
    """What a step does when its time is over and there is too little traffic to judge. Default: the platform's, or
    hold."""
    paused: bool = False
    """Freezes the rollout where it is. Default: false."""
    retry: Annotated[int, Field(ge=0)] = 0
    """Raise it by one to try the failed revision once more. Default: 0."""
    allow: Allow = Allow()
    """What is refused unless it is allowed here."""


BUILTIN_ROLLOUT: Final = Rollout()
"""What a rollout is where neither the user nor the platform says otherwise."""
