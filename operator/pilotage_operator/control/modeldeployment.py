"""One pass over a ModelDeployment: read, observe, decide, write the status, then the children, then tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from pilotage_operator.api.analysis import queries_refused
from pilotage_operator.api.deploymentstatus import ModelDeploymentStatus, Phase
from pilotage_operator.api.modeldeployment import ModelDeploymentSpec, readable
from pilotage_operator.api.schema import sentence
from pilotage_operator.clients.kube import MODEL_DEPLOYMENT, MODEL_VERSION, Conflict, Kube
from pilotage_operator.control.apply import carry_out
from pilotage_operator.control.children import Children, observe
from pilotage_operator.control.config import Config
from pilotage_operator.control.measure import Measure
from pilotage_operator.control.mirror import cannot_mirror
from pilotage_operator.control.preview import refusal
from pilotage_operator.domain.manifests.revision import Revision
from pilotage_operator.domain.rollout.asked import commands
from pilotage_operator.domain.rollout.decide import decide
from pilotage_operator.domain.rollout.decision import SOON, Decision, Situation
from pilotage_operator.domain.rollout.memory import recall
from pilotage_operator.domain.rollout.projection import Plan, project
from pilotage_operator.domain.rollout.report import report, unreadable
from pilotage_operator.domain.rollout.seen import Metrics, Seen, Target
from pilotage_operator.domain.rollout.state import Reason, State
from pilotage_operator.domain.rollout.target import (
    Platform,
    checks_refused,
    contract_refused,
    gone_back,
    holds,
    resolve,
    shadow_refused,
)
from pilotage_operator.domain.rollout.traffic import full

NOT_MEASURED = Metrics(available=False, message="nothing is measured while no canary has traffic")


class ModelDeployments:
    """Reconciles ModelDeployments.

    `clock` gives seconds since the epoch; `asks` is told which version a deployment asks for: namespace, name, version.
    """

    def __init__(
        self,
        kube: Kube,
        measure: Measure,
        config: Config,
        clock: Callable[[], float],
        asks: Callable[[str, str, str], None],
    ) -> None:
        self._kube = kube
        self._measure = measure
        self._config = config
        self._clock = clock
        self._asks = asks
        self._platform = Platform(config.serving_image, config.connection_seconds, tuple(config.registries.plain_http))

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Seconds until the next pass, or None: an event will wake us."""
        body = await self._kube.get(MODEL_DEPLOYMENT, namespace, name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            self._measure.forget(namespace, name)
            return None
        before = ModelDeploymentStatus.parse(body.get("status"))
        try:
            spec, wrong = readable(body["spec"], self._config.defaults)
        except ValidationError as error:
            return await self._refuse(body, before, sentence(error))
        if not wrong and not self._config.prometheus.tenant_queries:
            wrong = queries_refused(spec.analysis, self._config.defaults.analysis)
        self._asks(namespace, name, spec.model_version)
        children = await observe(self._kube, body)
        version = await self._kube.get(MODEL_VERSION, namespace, spec.model_version)
        no_shadow = shadow_refused(spec, await cannot_mirror(self._kube, namespace, spec))
        state, now = recall(before), self._clock()
        target, made = resolve(name, spec, version, children.revisions, self._platform)
        if wrong:
            target, made = Target("", spec.model_version, Reason.BAD_SPEC, wrong), None
        elif state.returned is not None and holds(state.returned, spec):
            target, made = gone_back(state.returned, children.revisions), None
        elif unfit := checks_refused(spec, version):
            target, made = Target("", spec.model_version, Reason.BAD_SPEC, unfit), None
        revisions = {**children.revisions, **({made.name: made} if made else {})}
        refused = "" if wrong else await self._refused(body, before, spec, made, children)
        seen = Seen(
            target=_usable(target, spec, state, revisions, children, refused, no_shadow),
            workloads=children.workloads,
            root=children.root,
            route=children.route,
            commands=commands(body["metadata"].get("annotations") or {}),
            revisions=children.revisions,
        )
        seen = replace(seen, metrics=await self._metrics(namespace, name, spec, state, seen, now))
        situation = Situation(spec, state, seen, now, self._config.connection_seconds)
        decision = decide(situation)
        status = report(before, situation, decision, revisions, body["metadata"]["generation"], _url(body, spec))
        plan = project(situation, decision.state, body, _needed(revisions, decision.state, made))
        return await self._act(body, before, status, decision, plan, children)

    async def _refused(
        self,
        body: dict[str, Any],
        before: ModelDeploymentStatus,
        spec: ModelDeploymentSpec,
        made: Revision | None,
        children: Children,
    ) -> str:
        """A route is asked about when the spec has changed, and for as long as it is refused."""
        changed = before.observed_generation != body["metadata"]["generation"] or before.reason == Reason.BAD_SPEC
        return await refusal(self._kube, body, spec, made, route=changed and children.gateway_api)

    async def _metrics(
        self, namespace: str, name: str, spec: ModelDeploymentSpec, state: State, seen: Seen, now: float
    ) -> Metrics:
        if state.stable is None or state.canary is None or not spec.analysis.checks:
            self._measure.forget(namespace, name)
            return NOT_MEASURED
        pods = full(spec, state, seen)
        return await self._measure.metrics(namespace, name, spec, state.stable, state.canary, pods, now)

    async def _act(
        self,
        body: dict[str, Any],
        before: ModelDeploymentStatus,
        status: ModelDeploymentStatus,
        decision: Decision,
        plan: Plan,
        children: Children,
    ) -> float | None:
        """The status first, guarded; where somebody was faster nothing acts, and the next pass looks anew."""
        moved = status != before
        if moved:
            try:
                await self._kube.write_status(MODEL_DEPLOYMENT, {**body, "status": status.dump()})
            except Conflict:
                return SOON
        if decision.state.phase is not Phase.INVALID or decision.state.reason is not Reason.NAME_TAKEN:
            written = await carry_out(self._kube, body, plan, children)
            if written and not moved:  # nothing was decided, so that somebody else had a hand in it
                message = f"{', '.join(written)}: not as it should be, and put right"
                await self._kube.emit(body, type="Warning", reason="PutRight", message=message[:1000])
        for happening in decision.happenings:
            kind = "Warning" if happening.warning else "Normal"
            await self._kube.emit(body, type=kind, reason=happening.reason, message=happening.message)
        waits = [wait for wait in (decision.again, plan.later) if wait is not None]
        return min(waits, default=None)

    async def _refuse(self, body: dict[str, Any], before: ModelDeploymentStatus, why: str) -> float | None:
        """A spec that does not even say where traffic goes: the status says so, and what runs is not touched."""
        status = unreadable(before, why, body["metadata"]["generation"], self._clock())
        if status == before:
            return None
        try:
            await self._kube.write_status(MODEL_DEPLOYMENT, {**body, "status": status.dump()})
        except Conflict:
            return SOON
        await self._kube.emit(body, type="Warning", reason=Reason.BAD_SPEC, message=status.message)
        return None


def _usable(
    target: Target,
    spec: ModelDeploymentSpec,
    state: State,
    revisions: dict[str, Revision],
    children: Children,
    refused: str,
    no_shadow: str,
) -> Target:
    """The target, unless something about its surroundings keeps it from being served."""
    if children.taken:
        message = (
            f"{children.taken} belongs to somebody else; rename or delete it, or name the ModelDeployment otherwise"
        )
        return replace(target, reason=Reason.NAME_TAKEN, message=message)
    if spec.traffic is not None and not children.gateway_api:
        message = "spec.traffic needs the Gateway API, and this cluster has no HTTPRoute; install a gateway"
        return replace(target, reason=Reason.GATEWAY_MISSING, message=message)
    if no_shadow:
        return replace(target, reason=Reason.SHADOW_UNAVAILABLE, message=no_shadow)
    if refused:
        return replace(target, reason=Reason.BAD_SPEC, message=f"the API server refuses it: {refused}")
    if target.reason is not None or state.returned is not None:  # a rollback was asked about its contract beforehand
        return target
    stable = state.stable if state.stable and state.stable.since is not None else None
    refused = contract_refused(spec, revisions.get(stable.revision) if stable else None, revisions[target.revision])
    return replace(target, reason=Reason.CONTRACT_CHANGED, message=refused) if refused else target


def _needed(revisions: dict[str, Revision], state: State, made: Revision | None) -> dict[str, Revision]:
    """All known snapshots, and a new one only once the state stands on it."""
    used = {r.revision for r in (state.stable, state.canary) if r is not None}
    return {name: r for name, r in revisions.items() if made is None or name != made.name or name in used}


def _url(body: dict[str, Any], spec: ModelDeploymentSpec) -> str:
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    if spec.traffic is not None and spec.traffic.hostnames:
        return f"http://{spec.traffic.hostnames[0]}{spec.traffic.path.rstrip('/')}/v2/models/{name}"
    return f"http://{name}.{namespace}.svc/v2/models/{name}"
