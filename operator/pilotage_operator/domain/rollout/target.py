"""What `spec.modelVersion` comes to: a revision that can be served, or why it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.api.modelversion import ModelVersionSpec, ModelVersionStatus
from pilotage_operator.domain.analysis.applicable import unknown_to_model
from pilotage_operator.domain.manifests.pod import registry_of, serving_template
from pilotage_operator.domain.manifests.revision import Revision, revision_name
from pilotage_operator.domain.rollout.seen import Target
from pilotage_operator.domain.rollout.state import Reason, Returned


@dataclass(frozen=True)
class Platform:
    """What the operator adds to a revision when it is first made."""

    serving_image: str
    connection_seconds: int
    plain_http: tuple[str, ...] = ()

    def image(self, runtime: str | None) -> str:
        """The serving image, with the tag that `server.runtime` asks for.

        >>> Platform("registry:5000/serving:1.0", 60).image("1.1")
        'registry:5000/serving:1.1'
        """
        if runtime is None:
            return self.serving_image
        name = self.serving_image.split("@")[0]
        head, _, last = name.rpartition("/")
        return f"{head}/{last.split(':')[0]}:{runtime}".lstrip("/")


def resolve(
    deployment: str,
    spec: ModelDeploymentSpec,
    version: dict[str, Any] | None,
    revisions: Mapping[str, Revision],
    platform: Platform,
) -> tuple[Target, Revision | None]:
    """The target, and its revision: a known one, or a new one that has yet to be written.

    A ModelVersion that was deleted, or is checked again, is served on from its snapshot.
    """
    name = spec.model_version
    if version is None:
        known = _snapshot(spec, revisions)
        if known is None:
            message = f"ModelVersion {name} does not exist; create it, or correct spec.modelVersion"
            return _not_yet(name, message), None
        return _usable(known), known
    wanted, status = ModelVersionSpec.model_validate(version["spec"]), ModelVersionStatus.parse(version.get("status"))
    hashed = revision_name(wanted.source.digest, spec.server)
    if status.phase == "Rejected":
        return Target("", name, Reason.VERSION_REJECTED, f"{name} is rejected: {status.message}"), None
    if hashed in revisions:
        return _usable(revisions[hashed]), revisions[hashed]
    if status.phase != "Ready" or status.contract is None:
        return _not_yet(name, f"{name} is still being checked: {status.message or 'its check has not begun'}"), None
    template = serving_template(
        deployment=deployment,
        revision=hashed,
        model=wanted.model,
        version=wanted.version,
        source=wanted.source,
        image=platform.image(spec.server.runtime),
        server=spec.server,
        connection_seconds=platform.connection_seconds,
        plain_http=registry_of(wanted.source.uri) in platform.plain_http,
    )
    order = max((r.order for r in revisions.values()), default=0) + 1
    made = Revision(hashed, order, name, wanted.version, wanted.source.digest, status.contract.hash, template)
    return _usable(made), made


def holds(returned: Returned, spec: ModelDeploymentSpec) -> bool:
    """Whether a person's word to go back still stands in for the spec."""
    return returned.asked == spec.model_version and spec.rollout.retry <= returned.retry


def gone_back(returned: Returned, revisions: Mapping[str, Revision]) -> Target:
    """The target while a person's word to go back holds: that revision, as long as its pods or its snapshot live."""
    known = revisions.get(returned.revision)
    return _usable(known) if known is not None else Target(returned.revision, returned.version)


def shadow_refused(spec: ModelDeploymentSpec, cannot_mirror: str) -> str:
    """Why the steps' shadow cannot be had; "" where it can. `cannot_mirror` names a GatewayClass that says so."""
    if not any(step.shadow for step in spec.rollout.steps):
        return ""
    if spec.traffic is None:
        return "a shadow step needs a gateway that copies requests; set spec.traffic, or take the step out"
    if cannot_mirror:
        return f"GatewayClass {cannot_mirror} does not copy requests (RequestMirror); take the shadow step out"
    return ""


def checks_refused(spec: ModelDeploymentSpec, version: dict[str, Any] | None) -> str:
    """What the checks ask for that the version does not have; "" where nothing, or where it cannot be told."""
    found = ModelVersionStatus.parse((version or {}).get("status")).contract
    return unknown_to_model(spec.analysis.checks, found.outputs, spec.model_version) if found else ""


def contract_refused(spec: ModelDeploymentSpec, stable: Revision | None, target: Revision) -> str:
    """Why the target may not follow stable: its callers would have to change. "" when it may."""
    if stable is None or stable.contract == target.contract or spec.rollout.allow.contract_change:
        return ""
    return (
        f"{target.model_version} has other inputs or outputs than {stable.model_version}, which serves; "
        "set spec.rollout.allow.contractChange to release it all the same"
    )


def _usable(revision: Revision) -> Target:
    return Target(revision.name, revision.model_version, attempts=revision.attempts, failed=revision.failed)


def _not_yet(name: str, message: str) -> Target:
    return Target("", name, Reason.WAITING_FOR_VERSION, message)


def _snapshot(spec: ModelDeploymentSpec, revisions: Mapping[str, Revision]) -> Revision | None:
    """The newest snapshot of the version that is asked for, as the server fields now are."""
    fit = [
        r
        for r in revisions.values()
        if r.model_version == spec.model_version and revision_name(r.digest, spec.server) == r.name
    ]
    return max(fit, key=lambda r: r.order, default=None)
