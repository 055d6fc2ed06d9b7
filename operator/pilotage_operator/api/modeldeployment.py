"""ModelDeployment: where and how a model is served, and how its next version gets there."""

import re
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError

from pilotage_operator.api.analysis import BUILTIN_ANALYSIS, Analysis
from pilotage_operator.api.durations import Duration
from pilotage_operator.api.rollout import BUILTIN_ROLLOUT, Rollout
from pilotage_operator.api.schema import Rule, Schema, overlay, sentence

_QUANTITY: Final = r"[0-9]+(\.[0-9]+)?([numkMGTPE]|[KMGTPE]i|[eE][0-9]+)?"

# Objects of Kubernetes' own that are passed on as they are; the API server judges them in the pod.
KubernetesObject = dict[str, Any]

Name = Annotated[str, Field(min_length=1, max_length=253)]
Quantity = Annotated[
    int | str,
    Field(union_mode="left_to_right"),
    Rule(
        says="write an amount as Kubernetes does: cpu 2 or 250m, memory 512Mi or 2Gi",
        cel="type(self) == string ? isQuantity(self) : self >= 0",
        holds=lambda amount: re.fullmatch(_QUANTITY, str(amount)) is not None,
    ),
]


class Resources(Schema):
    """What a serving pod asks for and may use."""

    requests: Annotated[dict[str, Quantity], Field(default_factory=dict, max_length=8)]
    """What is set aside for it: {cpu: 250m, memory: 256Mi}. Half a cpu is 500m or "0.5", in quotes."""
    limits: Annotated[dict[str, Quantity], Field(default_factory=dict, max_length=8)]
    """What it may use at most."""


class Server(Schema):
    """The serving pods. A change here is a new revision, and gets a canary of its own."""

    resources: Annotated[Resources, Field(default_factory=Resources)]
    """What a serving pod asks for and may use."""
    runtime: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] | None = None
    """Tag of the platform's serving image. Absent: the image that the platform served with when the revision was made;
    it is then kept, so that an upgrade of the operator restarts no pod."""
    service_account_name: Name | None = None
    """ServiceAccount of the pods. Its token is not mounted."""
    node_selector: Annotated[dict[str, str], Field(default_factory=dict, max_length=32)]
    """Labels that a node must have."""
    tolerations: Annotated[tuple[KubernetesObject, ...], Field(max_length=32)] = ()
    """Taints that the pods tolerate, as in a pod."""
    affinity: Annotated[KubernetesObject, Field(default_factory=dict)]
    """Where the pods would rather be, as in a pod."""
    topology_spread_constraints: Annotated[tuple[KubernetesObject, ...], Field(max_length=16)] = ()
    """How the pods are spread, as in a pod."""
    priority_class_name: Name | None = None
    """PriorityClass of the pods."""
    runtime_class_name: Name | None = None
    """RuntimeClass of the pods."""


class ParentRef(Schema):
    """A Gateway that the traffic comes through."""

    name: Name
    """Name of the Gateway."""
    namespace: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Its namespace. Absent: that of the ModelDeployment."""
    section_name: Name | None = None
    """One listener of it. Absent: every listener that admits the route."""


class Timeouts(Schema):
    """How long the gateway waits."""

    request: Duration | None = None
    """For one whole request. Absent: the gateway's own default."""


class Traffic(Schema):
    """How requests arrive through a gateway (Gateway API). The route is made and owned by the operator."""

    parent_refs: Annotated[tuple[ParentRef, ...], Field(min_length=1, max_length=8)]
    """The Gateways."""
    hostnames: Annotated[tuple[Name, ...], Field(max_length=16)] = ()
    """The host names that the route answers for. Absent: those of the Gateway."""
    path: Annotated[
        str,
        Field(max_length=1024),
        Rule(
            says="path must begin with /",
            cel="self.startsWith('/')",
            holds=lambda path: path.startswith("/"),
        ),
    ] = "/"
    """The prefix of the paths that the route answers for."""
    timeouts: Annotated[Timeouts, Field(default_factory=Timeouts)]
    """How long the gateway waits."""


class Autoscaling(Schema):
    """Pods by load, between two bounds. Each revision has a HorizontalPodAutoscaler of its own."""

    rules = (
        Rule(
            says="autoscaling.min is above autoscaling.max: write the lesser number as min",
            cel="self.min <= self.max",
            holds=lambda scaling: scaling.min <= scaling.max,
        ),
    )

    min: Annotated[int, Field(ge=1, le=1000)] = 1
    """The least pods that serve."""
    max: Annotated[int, Field(ge=1, le=1000)]
    """The most pods that serve, of one version."""
    cpu: Annotated[int, Field(ge=1, le=1000)] = 70
    """How much of the cpu that they ask for (server.resources) the pods shall use, in percent."""


def _cpu_is_asked_for(spec: "ModelDeploymentSpec") -> bool:
    given = spec.server.resources
    if spec.autoscaling is None or not (given.requests or given.limits):
        return True
    return "cpu" in given.requests or "cpu" in given.limits


class Defaults(Schema):
    """What the platform team chose for every deployment that does not say otherwise."""

    rollout: Rollout = BUILTIN_ROLLOUT
    analysis: Analysis = BUILTIN_ANALYSIS
    traffic: Traffic | None = None


class ModelDeploymentSpec(Schema):
    """What shall be served, where, and how a new version gets there."""

    rules = (
        Rule(
            says="autoscaling goes by the cpu that the pods ask for: write server.resources.requests.cpu as well",
            cel="!has(self.autoscaling) || !has(self.server) || !has(self.server.resources) || "
            "(has(self.server.resources.requests) && 'cpu' in self.server.resources.requests) || "
            "(has(self.server.resources.limits) && 'cpu' in self.server.resources.limits) || "
            "((!has(self.server.resources.requests) || size(self.server.resources.requests) == 0) && "
            "(!has(self.server.resources.limits) || size(self.server.resources.limits) == 0))",
            holds=_cpu_is_asked_for,
        ),
    )

    model_version: Name
    """Name of the ModelVersion to serve: the one field that a release changes."""
    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many pods serve. With autoscaling it is not used."""
    autoscaling: Autoscaling | None = None
    """Pods by load instead of a fixed number."""
    server: Annotated[Server, Field(default_factory=Server)]
    """The serving pods."""
    traffic: Traffic | None = None
    """How requests arrive through a gateway. Absent: the platform's default; if there is none, through the Service of
    the deployment's name, and a canary's share is its share of the pods."""
    rollout: Annotated[Rollout, Field(default_factory=Rollout)]
    """How a new version gets its traffic. What is absent is the platform's default, field by field."""
    analysis: Annotated[Analysis, Field(default_factory=Analysis)]
    """How the canary is judged. What is absent is the platform's default, field by field."""

    def resolved(self, defaults: Defaults) -> Self:
        """The spec with the platform's defaults where it says nothing: what the operator goes by.

        Raises ValidationError where the two do not agree, for instance steps longer than the platform's deadline.
        """
        return self.model_copy(
            update={
                "rollout": overlay(self.rollout, defaults.rollout),
                "analysis": overlay(self.analysis, defaults.analysis),
                "traffic": self.traffic or defaults.traffic,
            }
        )


_LEADS_TRAFFIC: Final = ("modelVersion", "replicas", "autoscaling", "traffic")


def readable(given: dict[str, Any], defaults: Defaults) -> tuple[ModelDeploymentSpec, str]:
    """The spec with the platform's defaults, and what is wrong with it; "" for nothing.

    Of a spec that is refused only what leads traffic is kept, so that what runs can be looked after. Raises
    ValidationError where that cannot be read either.
    """
    try:
        return ModelDeploymentSpec.model_validate(given).resolved(defaults), ""
    except ValidationError as error:
        kept = {field: given[field] for field in _LEADS_TRAFFIC if field in given}
        return ModelDeploymentSpec.model_validate(kept).resolved(defaults), sentence(error)
