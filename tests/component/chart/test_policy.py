"""The chart's admission policy, shown to a real API server by users with few rights."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest
import yaml

from pilotage_operator.api import names
from tests.component.api.cluster import ApiServer
from tests.component.chart.test_chart import apply, rendered, run
from tests.unit.api.specs import deployment

WORD = "one/0123456789/1"
EDITOR = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "editor"},
    "rules": [{"apiGroups": [names.GROUP], "resources": ["modeldeployments"], "verbs": ["get", "create", "patch"]}],
}
APPROVER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "approver"},
    "rules": [{"apiGroups": [names.GROUP], "resources": ["modeldeployments"], "verbs": ["approve"]}],
}


def binding(role: str, *users: str) -> dict[str, object]:
    subjects = [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"} for user in users]
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": role}}
    return {**head, "roleRef": ref, "subjects": subjects}


class Team:
    """A namespace in which ann and ben may edit deployments, and eve may approve as well."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        rights = [EDITOR, APPROVER, binding("editor", "ann", "ben", "eve"), binding("approver", "eve")]
        done = run("kubectl", "-n", namespace, "apply", "-f", "-", stdin=yaml.safe_dump_all(rights))
        assert done.returncode == 0, done.stderr

    def apply(self, user: str, annotations: dict[str, str]) -> subprocess.CompletedProcess[str]:
        head = {"apiVersion": names.API_VERSION, "kind": names.MODEL_DEPLOYMENT_KIND}
        body = {**head, "metadata": {"name": "fraud", "annotations": annotations}, "spec": deployment()}
        return run("kubectl", "-n", self.namespace, "--as", user, "create", "-f", "-", stdin=yaml.safe_dump(body))

    def annotate(self, user: str, *words: str) -> subprocess.CompletedProcess[str]:
        named = [f"{names.GROUP}/{word}" for word in words]
        annotate = ("annotate", "mdeploy", "fraud", "--overwrite", *named)
        return run("kubectl", "-n", self.namespace, "--as", user, *annotate)

    def patch(self, user: str, text: str) -> subprocess.CompletedProcess[str]:
        return run(
            "kubectl", "-n", self.namespace, "--as", user, "patch", "mdeploy", "fraud", "--type=merge", "-p", text
        )


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """The policy is bound to it, and in force."""
    server = ApiServer()
    server.install_definitions()
    server.open_namespace()
    policy = [b for b in rendered(server.namespace, watchNamespaces=[server.namespace]) if "Admission" in b["kind"]]
    assert [body["kind"] for body in policy] == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    apply(policy)
    team = Team(server.namespace)
    assert team.apply("ann", {}).returncode == 0
    for attempt in range(60):  # each time another word, since one that stands already is asked for by nobody
        if team.annotate("ann", f"pause=ready/0123456789/{attempt}", "pause-by=nobody").returncode:
            break
        time.sleep(1)
    else:
        raise AssertionError("the policy never came into force")
    yield server.namespace
    kinds = "validatingadmissionpolicy,validatingadmissionpolicybinding"
    run("kubectl", "delete", kinds, "-l", "app.kubernetes.io/name=pilotage", "--field-selector",
        f"metadata.name={policy[0]['metadata']['name']}")  # fmt: skip
    server.close_namespace()


@pytest.fixture
def team(namespace: str) -> Team:
    """One deployment, without annotations."""
    team = Team(namespace)
    run("kubectl", "-n", namespace, "delete", "mdeploy", "fraud", "--ignore-not-found")
    assert team.apply("ann", {}).returncode == 0
    return team


@pytest.mark.parametrize("action", [a for a in names.ACTIONS if a not in names.APPROVERS_ACTIONS])
def test_whoever_may_edit_may_ask_in_their_own_name(team: Team, action: str) -> None:
    done = team.annotate("ann", f"{action}={WORD}", f"{action}-by=ann")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("action", names.ACTIONS)
def test_nobody_asks_in_another_name_or_in_none(team: Team, action: str) -> None:
    for words in ((f"{action}-by=ben",), ()):
        done = team.annotate("eve", f"{action}={WORD}", *words)
        assert done.returncode != 0
        assert f"write pilotage.dev/{action}-by=eve in the same request" in done.stderr


def test_nobody_puts_another_name_to_what_was_asked_for(team: Team) -> None:
    assert team.annotate("ann", f"pause={WORD}", "pause-by=ann").returncode == 0
    assert team.annotate("ben", "pause-by=ann", "team=fraud").returncode == 0, "nothing about it changes"
    for words in (("pause-by=eve",), ("pause-by-",)):
        assert team.annotate("ben", *words).returncode != 0
    assert team.annotate("ben", "pause-", "pause-by-").returncode == 0, "what is taken away asks for nothing"


@pytest.mark.parametrize("action", names.APPROVERS_ACTIONS)
def test_approvals_need_the_verb_approve(team: Team, action: str) -> None:
    done = team.annotate("ann", f"{action}={WORD}", f"{action}-by=ann")
    assert done.returncode != 0
    assert 'ann may not approve: approve and promote need the verb "approve"' in done.stderr
    assert team.annotate("eve", f"{action}={WORD}", f"{action}-by=eve").returncode == 0


def test_other_edits_are_not_its_business(team: Team) -> None:
    assert team.annotate("eve", f"approve={WORD}", "approve-by=eve").returncode == 0
    assert team.patch("ann", '{"spec": {"replicas": 3}}').returncode == 0
    assert team.annotate("ann", "reviewed=yes").returncode == 0


def test_a_backup_may_be_restored_by_whoever_may_create(team: Team) -> None:
    run("kubectl", "-n", team.namespace, "delete", "mdeploy", "fraud")
    asked = {f"{names.GROUP}/approve": WORD, f"{names.GROUP}/approve-by": "eve"}
    done = team.apply("ann", asked)
    assert done.returncode == 0, done.stderr
