"""Specs that are accepted and specs that are refused, each with the sentence that the user reads.

The unit tests ask the models, the component tests ask a real API server: both must say the same.
"""

from dataclasses import dataclass, field
from typing import Any

Spec = dict[str, Any]

DIGEST = "sha256:" + "0123456789abcdef" * 4


def version(**changes: Any) -> Spec:
    """A ModelVersion's spec."""
    return {"model": "fraud", "version": "3", "source": source()} | changes


def source(**changes: Any) -> Spec:
    """A ModelVersion's source."""
    return {"uri": "oci://registry.example.com:5000/models/fraud", "digest": DIGEST} | changes


def deployment(**changes: Any) -> Spec:
    """A ModelDeployment's spec."""
    return {"modelVersion": "fraud-v3"} | changes


def steps(*given: Spec, **changes: Any) -> Spec:
    """A ModelDeployment's spec with these steps."""
    return deployment(rollout={"steps": list(given)} | changes)


def check(given: Spec) -> Spec:
    """A ModelDeployment's spec with this one check."""
    return deployment(analysis={"checks": [given]})


@dataclass(frozen=True)
class Case:
    """A spec and, where it is refused, what the message must hold: `where` and `says`."""

    name: str
    spec: Spec = field(hash=False)
    where: str = ""
    says: str = ""

    @property
    def kind(self) -> str:
        return "ModelVersion" if "source" in self.spec else "ModelDeployment"

    def __str__(self) -> str:
        return self.name


DURATION = "write a duration in hours, minutes, seconds and milliseconds"
ASCEND = "the steps' weights must ascend: give each step more than the one before it"
EITHER = "a step has one of weight, shadow and approval"
SHADOW = "shadow steps come before the first weight"
FINISH = "a rollout needs at least one way to finish: write a step, or a bake with a time"
LATE = "progressDeadline is shorter than the steps and the bake together: raise it, or shorten them"
ONE_KIND = "a check has exactly one kind: write one of errorRate, latency, predictionShare"
TOLERANCE = "a tolerance must be 0 or more"
AMOUNT = "write an amount as Kubernetes does"
MEMORY = "write an amount of memory in whole bytes, or with a unit: 512Mi, 2Gi"
URI = "write the bundle's place as oci://host[:port]/repository, without a tag"
HEX = "write the bundle's digest as `pilotage push` prints it: sha256: and 64 hex digits"
AT_LEAST_ONE = "should be greater than or equal to 1"

ACCEPTED = (
    Case("a model version of four lines", version()),
    Case(
        "a model version whose registry has neither port nor dots", version(source=source(uri="oci://registry/fraud"))
    ),
    Case("credentials", version(source=source(credentials={"secretRef": {"name": "registry-pull"}}))),
    Case("a gate with limits", version(gate={"golden": {"rtol": 0, "atol": 0.001}, "memory": "1Gi"})),
    Case("a deployment of one line", deployment()),
    Case("approval between two weights", steps({"weight": 5, "for": "5m"}, {"approval": True}, {"weight": 50})),
    Case("a shadow before the weights", steps({"shadow": True, "for": "10m"}, {"approval": True}, {"weight": 5})),
    Case("a step of all the traffic", steps({"weight": 100, "for": "1h30m"})),
    Case("no steps but a bake", steps(bake={"for": "10m"})),
    Case("a bake without a holdback", deployment(rollout={"bake": {"for": "0s", "holdback": 0}})),
    Case("only a pause", deployment(rollout={"paused": True})),
    Case("a retry and what is allowed", deployment(rollout={"retry": 1, "allow": {"contractChange": True}})),
    Case(
        "a deadline as long as the steps and the bake",
        steps(
            {"weight": 5, "for": "20m"},
            {"approval": True},
            {"weight": 50, "for": "30m"},
            bake={"for": "10m"},
            progressDeadline="1h",
        ),
    ),
    Case("a check with its defaults", check({"errorRate": {}})),
    Case("a latency check that only observes", check({"latency": {"quantile": 0.5}, "onFail": "observe"})),
    Case("a share of one class", check({"predictionShare": {"maxRatio": 2, "class": "fraud", "output": "label"}})),
    Case("a drift that pauses", check({"predictionDrift": {"maxPSI": 0.1}, "onFail": "pause"})),
    Case("invalid inputs", check({"inputQuality": {"maxIncrease": 0.05}})),
    Case("a query with both limits", check({"query": {"name": "revenue", "promql": "sum(x)", "min": 1, "max": 9}})),
    Case("no checks but the pods' health", deployment(analysis={"interval": "1s", "checks": []})),
    Case(
        "traffic through a gateway",
        deployment(
            traffic={
                "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
                "hostnames": ["fraud.example.com"],
                "path": "/fraud",
                "timeouts": {"request": "500ms"},
            }
        ),
    ),
    Case(
        "a server with all its fields",
        deployment(
            replicas=1000,
            server={
                "resources": {"requests": {"cpu": 1, "memory": "256Mi"}, "limits": {"cpu": "1.5", "memory": "1Gi"}},
                "runtime": "0.2.0",
                "serviceAccountName": "models",
                "nodeSelector": {"disk": "fast"},
                "tolerations": [{"key": "models", "operator": "Exists", "effect": "NoSchedule"}],
                "affinity": {"nodeAffinity": {"anything": [{"the": "pod takes"}]}},
                "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}],
                "priorityClassName": "high",
                "runtimeClassName": "gvisor",
            },
        ),
    ),
)

REFUSED = (
    Case("a model version without a digest", version(source={"uri": "oci://r/fraud"}), "spec.source", "digest"),
    Case("a uri of another scheme", version(source=source(uri="s3://models/fraud")), "spec.source.uri", URI),
    Case("a uri with a tag", version(source=source(uri="oci://r/fraud:3")), "spec.source.uri", URI),
    Case("a uri without a repository", version(source=source(uri="oci://registry")), "spec.source.uri", URI),
    Case("a digest that is a tag", version(source=source(digest="latest")), "spec.source.digest", HEX),
    Case("a digest cut short", version(source=source(digest="sha256:0123")), "spec.source.digest", HEX),
    Case("a negative tolerance", version(gate={"golden": {"rtol": -1}}), "spec.gate.golden.rtol", TOLERANCE),
    Case("an amount of memory that is none", version(gate={"memory": "lots"}), "spec.gate.memory", MEMORY),
    Case("no model version", {"replicas": 3}, "spec", "modelVersion"),
    Case("no replicas", deployment(replicas=0), "spec.replicas", AT_LEAST_ONE),
    Case("replicas in words", deployment(replicas="three"), "spec.replicas", "integer"),
    Case("a runtime that is an image", deployment(server={"runtime": "mine/image:1"}), "spec.server.runtime", "match"),
    Case("cpu that is none", deployment(server={"resources": {"limits": {"cpu": "fast"}}}), "limits", AMOUNT),
    Case("memory below nothing", deployment(server={"resources": {"limits": {"memory": -1}}}), "limits", AMOUNT),
    Case("traffic without a gateway", deployment(traffic={"parentRefs": []}), "spec.traffic.parentRefs", "at least 1"),
    Case(
        "a path that begins nowhere",
        deployment(traffic={"parentRefs": [{"name": "public"}], "path": "fraud"}),
        "spec.traffic.path",
        "path must begin with /",
    ),
    Case("a step of nothing", steps({"weight": 0}), "weight", AT_LEAST_ONE),
    Case("a step of more than all", steps({"weight": 101}), "weight", "should be less than or equal to 100"),
    Case("a step that is empty", steps({}), "spec.rollout.steps", EITHER),
    Case("a step that is two", steps({"weight": 5, "approval": True}), "spec.rollout.steps", EITHER),
    Case("a shadow after a weight", steps({"weight": 5}, {"shadow": True, "for": "5m"}), "spec.rollout", SHADOW),
    Case("a shadow with a weight", steps({"weight": 5, "shadow": True}), "spec.rollout.steps", EITHER),
    Case("an approval that is denied", steps({"approval": False}), "approval", "rue"),
    Case(
        "an approval that takes its time", steps({"approval": True, "for": "5m"}), "steps", "an approval takes as long"
    ),
    Case("a step that goes back", steps({"weight": 50}, {"approval": True}, {"weight": 25}), "spec.rollout", ASCEND),
    Case("a step that stands still", steps({"weight": 50}, {"weight": 50}), "spec.rollout", ASCEND),
    Case("a time without a unit", steps({"weight": 5, "for": "300"}), "for", DURATION),
    Case("a time in days", deployment(rollout={"progressDeadline": "1d"}), "spec.rollout.progressDeadline", DURATION),
    Case("a time in no order", deployment(rollout={"bake": {"for": "5s1m"}}), "spec.rollout.bake.for", DURATION),
    Case("a deadline of no length", steps({"weight": 5}, progressDeadline="soon"), "progressDeadline", DURATION),
    Case("a step of no length", steps({"weight": 5, "for": "a while"}, progressDeadline="1h"), "for", DURATION),
    Case("a bake of no length", steps(bake={"for": "soon"}), "spec.rollout.bake.for", DURATION),
    Case("no steps and no bake", steps(), "spec.rollout", FINISH),
    Case("no steps and a bake of no time", steps(bake={"for": "0s"}), "spec.rollout", FINISH),
    Case("no steps and a bake of the platform's", steps(bake={"holdback": 5}), "spec.rollout", FINISH),
    Case("a holdback above half", deployment(rollout={"bake": {"holdback": 51}}), "holdback", "or equal to 50"),
    Case(
        "a deadline shorter than the steps",
        steps({"weight": 5, "for": "40m"}, {"weight": 50, "for": "40m"}, progressDeadline="1h"),
        "spec.rollout",
        LATE,
    ),
    Case(
        "a deadline shorter than the steps and the bake",
        steps({"weight": 5, "for": "40m"}, bake={"for": "30m"}, progressDeadline="1h"),
        "spec.rollout",
        LATE,
    ),
    Case("low traffic that guesses", deployment(rollout={"onLowTraffic": "guess"}), "onLowTraffic", "advance"),
    Case("an interval of no length", deployment(analysis={"interval": "often"}), "interval", DURATION),
    Case("an interval below a second", deployment(analysis={"interval": "500ms"}), "interval", "at least 1s"),
    Case("a check that is empty", check({"onFail": "pause"}), "spec.analysis.checks", ONE_KIND),
    Case("a check that is two", check({"errorRate": {}, "latency": {}}), "spec.analysis.checks", ONE_KIND),
    Case(
        "no increase at all", check({"errorRate": {"maxIncrease": 0}}), "maxIncrease", "maxIncrease: 0 can never pass"
    ),
    Case("an increase in percent", check({"errorRate": {"maxIncrease": 5}}), "maxIncrease", "above 0 and at most 1"),
    Case("the quantile of all", check({"latency": {"quantile": 1}}), "quantile", "quantile must lie between 0 and 1"),
    Case("a ratio below one", check({"latency": {"maxRatio": 0.9}}), "maxRatio", "maxRatio must be 1 or more"),
    Case("an increase below nothing", check({"inputQuality": {"maxIncrease": -0.1}}), "maxIncrease", "above 0"),
    Case("no invalid input more", check({"inputQuality": {"maxIncrease": 0}}), "maxIncrease", "can never pass"),
    Case("a share that may not differ", check({"predictionShare": {"maxRatio": 1}}), "maxRatio", "must be above 1"),
    Case("a difference of all", check({"predictionShare": {"minDifference": 1}}), "minDifference", "below 1"),
    Case("no drift at all", check({"predictionDrift": {"maxPSI": 0}}), "maxPSI", "maxPSI must be above 0"),
    Case("a query without a limit", check({"query": {"name": "a", "promql": "x"}}), "query", "a query needs a limit"),
    Case(
        "a query whose limits leave nothing",
        check({"query": {"name": "a", "promql": "x", "min": 3, "max": 3}}),
        "query",
        "with min below max",
    ),
    Case("a query with a name to print", check({"query": {"name": "A b", "promql": "x", "min": 1}}), "name", "match"),
    Case("a failure that does nothing", check({"errorRate": {}, "onFail": "ignore"}), "onFail", "observe"),
)
