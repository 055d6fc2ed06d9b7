"""A revision's Deployment and Service, the root Service, and the route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilotage_operator.api import names
from pilotage_operator.api.modeldeployment import Autoscaling, Traffic
from pilotage_operator.domain.manifests.pod import GRPC_PORT, HTTP_PORT
from pilotage_operator.domain.manifests.revision import Revision, child_metadata

SERVICE_PORT = 80
GRPC_SERVICE_PORT = GRPC_PORT
GRPC_PREFIX = "/inference.GRPCInferenceService/"
# Below a revision's Deployment the operator changes only `replicas`; the rest is for a Deployment that is recreated.
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def deployment(owner: dict[str, Any], revision: Revision, replicas: int) -> dict[str, Any]:
    """The pods of one revision. Its template is the snapshot's, so that it never changes."""
    name = owner["metadata"]["name"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child_metadata(owner, names.child_name(name, revision.name), revision.name),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": {names.DEPLOYMENT_LABEL: name, names.REVISION_LABEL: revision.name}},
            "strategy": ROLLING,
            "template": revision.template,
        },
    }


def autoscaler(owner: dict[str, Any], revision: str, scaling: Autoscaling, least: int) -> dict[str, Any]:
    """The HorizontalPodAutoscaler of one revision, which never goes below `least`."""
    name = names.child_name(owner["metadata"]["name"], revision)
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": scaling.cpu}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": child_metadata(owner, name, revision),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": max(scaling.max, least),
            "metrics": [{"type": "Resource", "resource": cpu}],
        },
    }


def service(owner: dict[str, Any], name: str, selected: str, revision: str = "") -> dict[str, Any]:
    """A Service named `name` on the pods of revision `selected`, or of all revisions where that is empty.

    `revision` is given for the Service of one revision, and absent for the root Service.
    """
    selector = {names.DEPLOYMENT_LABEL: owner["metadata"]["name"]}
    if selected:
        selector[names.REVISION_LABEL] = selected
    ports = [
        _port("http", SERVICE_PORT, HTTP_PORT, "http"),
        # Without the word h2c a gateway would speak HTTP/1.1 to it.
        _port("grpc", GRPC_SERVICE_PORT, GRPC_PORT, "kubernetes.io/h2c"),
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(owner, name, revision),
        "spec": {"type": "ClusterIP", "selector": selector, "ports": ports},
    }


def http_route(owner: dict[str, Any], traffic: Traffic, weights: Mapping[str, int], mirror: str = "") -> dict[str, Any]:
    """The route of the deployment with each revision's share of the traffic, in percent.

    `mirror` is the revision that gets a copy of every request; its answers are thrown away.

    gRPC is a rule of it, since a GRPCRoute on the same hostname would conflict; the shares are the same. It has no
    prefixes: a route below one shares its host with other models, and gRPC there would be the oldest one's.
    """
    name = owner["metadata"]["name"]
    rules = [_rule(name, traffic, weights, traffic.path, SERVICE_PORT)]
    if traffic.path == "/":
        rules.append(_rule(name, traffic, weights, GRPC_PREFIX, GRPC_SERVICE_PORT))
    else:  # the pods answer below /v2, whatever the prefix
        rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
        rules[0]["filters"] = [{"type": "URLRewrite", "urlRewrite": rewrite}]
    if mirror:
        for rule, port in zip(rules, (SERVICE_PORT, GRPC_SERVICE_PORT), strict=False):
            copy = {"group": "", "kind": "Service", "name": names.child_name(name, mirror), "port": port}
            rule["filters"].append({"type": "RequestMirror", "requestMirror": {"backendRef": copy}})
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": child_metadata(owner, name),
        "spec": {
            "parentRefs": [_parent(ref.dump()) for ref in traffic.parent_refs],
            "hostnames": list(traffic.hostnames),
            "rules": rules,
        },
    }


def _port(name: str, port: int, target: int, protocol: str) -> dict[str, Any]:
    return {"name": name, "port": port, "protocol": "TCP", "targetPort": target, "appProtocol": protocol}


def _rule(name: str, traffic: Traffic, weights: Mapping[str, int], prefix: str, port: int) -> dict[str, Any]:
    """What comes below `prefix` goes to `port` of the revisions, by their weights."""
    backends = [
        {"group": "", "kind": "Service", "name": names.child_name(name, revision), "port": port, "weight": weight}
        for revision, weight in sorted(weights.items())
    ]
    rule: dict[str, Any] = {
        "matches": [{"path": {"type": "PathPrefix", "value": prefix}}],
        "backendRefs": backends,
        "filters": [],  # written also when there are none: else nobody would see that one is too many
    }
    if traffic.timeouts.request is not None:
        rule["timeouts"] = {"request": traffic.timeouts.request}
    return rule


def _parent(ref: dict[str, Any]) -> dict[str, Any]:
    return {"group": "gateway.networking.k8s.io", "kind": "Gateway", **ref}


def backend_weights(route: dict[str, Any], name: str) -> dict[str, int]:
    """Percent by revision, as a route of ours has them in its first rule and so in all of them; backends that are not
    ours have their own name for a key."""
    rules = route.get("spec", {}).get("rules") or [{}]
    prefix = f"{name}-"
    return {
        ref.get("name", "").removeprefix(prefix): int(ref.get("weight", 1)) for ref in rules[0].get("backendRefs") or []
    }


def backend_mirror(route: dict[str, Any], name: str) -> str:
    """The revision that gets a copy of every request by a route of ours; "" for none."""
    rules = route.get("spec", {}).get("rules") or [{}]
    copies = [f["requestMirror"]["backendRef"]["name"] for f in rules[0].get("filters") or [] if "requestMirror" in f]
    return str(copies[0]).removeprefix(f"{name}-") if copies else ""
