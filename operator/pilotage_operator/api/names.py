"""The names that the operator, its users and its tests agree on."""

from typing import Final

GROUP: Final = "pilotage.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

MODEL_VERSION_KIND: Final = "ModelVersion"
MODEL_VERSION_PLURAL: Final = "modelversions"
MODEL_DEPLOYMENT_KIND: Final = "ModelDeployment"
MODEL_DEPLOYMENT_PLURAL: Final = "modeldeployments"
CATEGORY: Final = "pilotage"
"""`kubectl get pilotage` shows both."""

DEPLOYMENT_LABEL: Final = f"{GROUP}/deployment"
"""On every child and pod of a ModelDeployment: its name."""
REVISION_LABEL: Final = f"{GROUP}/revision"
"""On every child and pod of one revision: its hash, 10 hex digits."""
MODEL_VERSION_LABEL: Final = f"{GROUP}/model-version"
"""On the Jobs that check a ModelVersion: its name."""
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "pilotage"

FIELD_MANAGER: Final = "pilotage"
"""The one field manager of every server-side apply."""

ACTIONS: Final = ("promote", "skip", "approve", "abort", "rollback", "retry", "pause", "resume")
"""What a person can ask for, each by an annotation on the ModelDeployment."""
APPROVERS_ACTIONS: Final = ("approve", "promote")
"""Those that need the RBAC verb `approve`: promoting passes over the approvals of the steps that are left."""


def action_annotation(action: str) -> str:
    """The annotation that asks for an action; its value is `<id>/<revision>/<attempt>`.

    Revision and attempt are those of `status.canary`, else of `status.failed`, else of `status.stable`. A rollback may
    name the revision that is gone back to: `<id>/<revision>/<attempt>/<to>`.
    """
    return f"{GROUP}/{action}"


def action_by_annotation(action: str) -> str:
    """The annotation that names the person who asks."""
    return f"{GROUP}/{action}-by"


def child_name(deployment: str, revision: str) -> str:
    """The name of a revision's children: `fraud-1a2b3c4d5e`. At most 63 characters, since a name has at most 52."""
    return f"{deployment}-{revision}"
