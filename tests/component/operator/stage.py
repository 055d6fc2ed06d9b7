"""One ModelDeployment in a namespace where no pod can start: the test writes what the cluster's controllers would.

What a user does goes through kubectl. Pods are made by hand without resources, which the namespace's quota lets pass;
those of a ReplicaSet ask for some and are not admitted, so that the tests run on a whole cluster as on an API server
alone.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import yaml

from tests.component.operator.process import eventually, kubectl

Json = dict[str, Any]
GROUP = "pilotage.dev"
CHECK_NOTHING = {"interval": "1s", "checks": []}
AT_ONCE = {"steps": [{"weight": 25}, {"weight": 50}], "bake": {"for": "1s"}}
ROW_OF_2 = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 2]}], "outputs": [], "hash": "0f" * 32}
ROW_OF_3 = {"inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 3]}], "outputs": [], "hash": "1f" * 32}


class Stage:
    """`name` is the ModelDeployment's; `log` is what its operator has said so far."""

    def __init__(self, namespace: str, name: str, log: Callable[[], str] = str) -> None:
        self.namespace = namespace
        self.name = name
        self.log = log
        self.spec: Json = {"replicas": 2, "rollout": AT_ONCE, "analysis": CHECK_NOTHING}
        self._lives: dict[str, int] = {}

    # what a user does

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        return kubectl("-n", self.namespace, *args, stdin=stdin)

    def apply(self, *bodies: Json) -> None:
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(bodies))

    def deploy(self, version: str, **spec: Any) -> None:
        """`version` is that of the model: 1 for the ModelVersion `<name>-v1`. The spec given stays for later."""
        self.spec |= spec
        body = {"modelVersion": f"{self.name}-v{version}", **self.spec}
        head = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "ModelDeployment", **self._head(self.name)}
        self.apply({**head, "spec": body})

    def register(self, version: str) -> None:
        """A ModelVersion that nobody has checked."""
        digest = f"sha256:{sha256(f'{self.name} {version}'.encode()).hexdigest()}"
        source = {"uri": "oci://registry:5000/models/fraud", "digest": digest}
        head = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "ModelVersion", **self._head(f"{self.name}-v{version}")}
        self.apply({**head, "spec": {"model": "fraud", "version": version, "source": source}})

    def act(self, action: str, word: str) -> None:
        """A person's annotation."""
        wanted = [f"{GROUP}/{action}={word}", f"{GROUP}/{action}-by=maria"]
        self.kubectl("annotate", "mdeploy", self.name, "--overwrite", *wanted)

    # what the cluster's controllers do

    def ready_version(self, version: str, contract: Json = ROW_OF_2) -> None:
        """A ModelVersion that passed its checks."""
        self.register(version)
        self._checked(version, {"phase": "Ready", "contract": contract})

    def rejected_version(self, version: str, message: str) -> None:
        self.register(version)
        self._checked(version, {"phase": "Rejected", "message": message})

    def _checked(self, version: str, status: Json) -> None:
        name = f"{self.name}-v{version}"

        def write() -> bool:
            generation = self.get("mv", name)["metadata"]["generation"]
            self._write_status("mv", name, {**status, "observedGeneration": generation})
            return bool(self.get("mv", name)["status"]["phase"] == status["phase"])

        eventually(f"{name} is {status['phase']}", write)

    def pods(self, revision: str, count: int) -> None:
        """So many ready pods of a revision; then the endpoints of the root Service as its selector asks."""
        for pod in self.items("pods", f"{GROUP}/deployment={self.name},{GROUP}/revision={revision}"):
            self.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force", "--wait=false")
        life = self._lives[revision] = self._lives.get(revision, 0) + 1
        for number in range(count):
            name = f"{self.name}-{revision}-{life}-{number}"
            labels = {f"{GROUP}/deployment": self.name, f"{GROUP}/revision": revision}
            spec = {"schedulerName": "nobody", "containers": [{"name": "server", "image": "none"}]}
            head = {"apiVersion": "v1", "kind": "Pod", **self._head(name)}
            head["metadata"]["labels"] = labels
            self.apply({**head, "spec": spec})
            conditions = [{"type": "Ready", "status": "True"}]
            self._write_status("pod", name, {"phase": "Running", "conditions": conditions})
        self.endpoints()

    def endpoints(self) -> None:
        """The EndpointSlice of the root Service, as its controller would write it."""
        service = self.find("service", self.name)
        if service is None:
            return
        selector = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
        pods = [p for p in self.items("pods", selector) if "deletionTimestamp" not in p["metadata"]]
        head = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", **self._head(f"{self.name}-by-hand")}
        head["metadata"]["labels"] = {
            "kubernetes.io/service-name": self.name,
            "endpointslice.kubernetes.io/managed-by": "tests",
            f"{GROUP}/deployment": self.name,
        }
        endpoints = [
            {
                "addresses": [f"10.99.0.{number + 1}"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": self.namespace},
            }
            for number, pod in enumerate(pods)
        ]
        self.apply({**head, "addressType": "IPv4", "endpoints": endpoints, "ports": []})

    def _write_status(self, kind: str, name: str, status: Json) -> None:
        patch = json.dumps({"status": status})
        self.kubectl("patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)

    # what there is

    def get(self, kind: str, name: str = "") -> Json:
        return dict(json.loads(self.kubectl("get", kind, name or self.name, "-o", "json")))

    def find(self, kind: str, name: str) -> Json | None:
        text = self.kubectl("get", kind, name, "--ignore-not-found", "-o", "json")
        return dict(json.loads(text)) if text.strip() else None

    def said(self, reason: str) -> str:
        """The messages of the Events with a reason."""
        about = f"involvedObject.name={self.name},reason={reason}"
        return self.kubectl("get", "events", "--field-selector", about, "-o", "jsonpath={.items[*].message}")

    def items(self, kind: str, selector: str = "") -> list[Json]:
        selector = selector or f"{GROUP}/deployment={self.name}"
        return list(json.loads(self.kubectl("get", kind, "-l", selector, "-o", "json"))["items"])

    def status(self) -> Json:
        return dict(self.get("mdeploy").get("status") or {})

    def until(self, what: str, **wanted: Any) -> Json:
        """The first status, of the generation that stands, with these fields; `phase`, `reason`, `weights`, ..."""

        def look() -> Json | None:
            body = self.get("mdeploy")
            status = dict(body.get("status") or {})
            current = status.get("observedGeneration") == body["metadata"]["generation"]
            return status if current and wanted.items() <= status.items() else None

        return eventually(what, look, self.describe)

    def until_live(self, what: str, kind: str, name: str, holds: Callable[[Json], bool]) -> Json:
        """A child once something holds of it."""

        def look() -> Json | None:
            body = self.find(kind, name)
            return body if body is not None and holds(body) else None

        return eventually(what, look, self.describe)

    def until_selected(self, *revision: str) -> None:
        """Waits until the root Service selects one revision, or without a name all; then its endpoints follow."""
        wanted = {f"{GROUP}/deployment": self.name} | {f"{GROUP}/revision": r for r in revision}
        self.until_live(
            f"the Service selects {revision or 'all'}",
            "service",
            self.name,
            lambda body: body["spec"]["selector"] == wanted,
        )
        self.endpoints()

    def revision(self, side: str) -> str:
        return str(self.status()[side]["revision"])

    def install(self, version: str = "1") -> str:
        """A first version, ready and serving all; its revision."""
        self.ready_version(version)
        self.deploy(version)
        self.until("the first pods start", phase="Initializing", reason="StartingPods")
        revision = self.revision("stable")
        self.until_live("the root Service is there", "service", self.name, lambda _: True)
        self.pods(revision, 2)
        self.until("healthy", phase="Healthy", reason="AllReady")
        return revision

    def served_by(self, revision: str) -> bool:
        """Whether one revision has all: the Service selects it, and no other has a Deployment."""
        alone = [body["metadata"]["name"] for body in self.items("deploy")] == [f"{self.name}-{revision}"]
        return alone and self.get("service")["spec"]["selector"].get(f"{GROUP}/revision") == revision

    def describe(self) -> str:
        status = yaml.safe_dump(self.get("mdeploy").get("status"))
        mine = [line for line in self.log().splitlines() if self.name in line or "Traceback" in line]
        return "\n".join([status, *mine[-20:]])

    def _head(self, name: str) -> Json:
        return {"metadata": {"name": name}}
