"""A namespace with an operator of its own: what a test is given, does, and looks at."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml

from tests.e2e.api import read
from tests.e2e.calls import Calls
from tests.e2e.manifests import GATEWAY, PROMETHEUS, REGISTRY, Published, model_deployment, model_version
from tests.load import Load

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0  # seconds; nothing is asserted about time, this only ends a test that would never end

T = TypeVar("T")


def kubectl(*args: str, stdin: str | None = None, check: bool = True) -> str:
    done = subprocess.run(["kubectl", *args], input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def eventually(
    what: str, look: Callable[[], T | None], describe: Callable[[], str] = str, seconds: float = PATIENCE
) -> T:
    """The first answer that is not None or False; the test fails if there is none in a long time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(0.5)
    raise AssertionError(f"never happened: {what}\n{describe()}")


def time_passes(load: Load, answers: int) -> None:
    """By the clock of the load: until so many more are answered, which takes a few intervals."""
    before = load.tally
    eventually("a few intervals pass", lambda: load.tally.since(before).answered > answers)


@dataclass
class World:
    """The namespace has its own operator, so that tests side by side may kill theirs."""

    namespace: str
    bodies: Path
    published: dict[str, Published]
    gateway: bool = False
    prometheus: str = PROMETHEUS
    tenant_queries: bool = False
    name: str = "tumour"
    spec: dict[str, Any] = field(default_factory=dict)

    # given

    def install(self, *, replicas: int = 1) -> None:
        """The chart, for this namespace alone."""
        values = {
            "images": {"operator": "localhost/pilotage/operator:dev", "serving": "localhost/pilotage/serving:dev"},
            "crds": {"enabled": False},
            "replicas": replicas,
            "prometheus": {"url": self.prometheus, "tenantQueries": self.tenant_queries},
            "registries": {"plainHTTP": [REGISTRY]},
            "watchNamespaces": [self.namespace],
            "connectionSeconds": 5,
            "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        }
        command = ["helm", "upgrade", "--install", "pilotage", str(ROOT / "charts/pilotage"), "-n", self.namespace]
        done = subprocess.run(
            [*command, "-f", "-"], input=yaml.safe_dump(values), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def serving(self, which: str, **spec: Any) -> None:
        """A deployment that serves one version, all of it ready."""
        self.release(which, **spec)
        self.until_phase("Healthy")

    def load(self, rate: float = 60.0, bodies: Path | None = None) -> Load:
        host = f"{self.namespace}.example.com" if self.gateway else ""
        address = GATEWAY if self.gateway else f"http://{self.name}.{self.namespace}.svc.cluster.local"
        return Load(f"{address}/v2/models/{self.name}/infer", bodies or self.bodies, rate=rate, host=host)

    def calls(self) -> Calls:
        """By gRPC, through the gateway."""
        return Calls(urlsplit(GATEWAY).hostname or "", f"{self.namespace}.example.com", self.name, self.bodies)

    # when

    def apply(self, *bodies: dict[str, Any]) -> None:
        kubectl("apply", "-n", self.namespace, "-f", "-", stdin=yaml.safe_dump_all(bodies))

    def register(self, which: str, **gate: Any) -> str:
        """The ModelVersion alone; its name."""
        body = model_version(self.name, which, self.published[which], **gate)
        self.apply(body)
        return str(body["metadata"]["name"])

    def release(self, which: str, **spec: Any) -> None:
        """A version, and the deployment that asks for it; `spec` stays for later releases."""
        self.spec |= spec
        self.deploy(self.register(which))

    def deploy(self, model_version: str, **spec: Any) -> None:
        self.spec |= spec
        host = f"{self.namespace}.example.com" if self.gateway else ""
        self.apply(model_deployment(self.name, model_version, self.spec, host))

    def act(self, action: str, by: str = "maria") -> None:
        """A person's annotation for the rollout as it stands now."""
        status = self.status()
        about = status.get("canary") or status.get("failed") or status["stable"]
        word = f"{action}-{time.monotonic_ns()}/{about['revision']}/{about['attempt']}"
        annotations = [f"pilotage.dev/{action}={word}", f"pilotage.dev/{action}-by={by}"]
        who = ["--as", by, "--as-group", "system:masters"]
        kubectl("annotate", "-n", self.namespace, "mdeploy", self.name, "--overwrite", *annotations, *who)

    def quota(self, pods: int) -> None:
        """So many pods may be there; those that are stay."""
        kubectl("delete", "quota", "-n", self.namespace, "pods", "--ignore-not-found")
        kubectl("create", "quota", "-n", self.namespace, "pods", f"--hard=pods={pods}")
        # A ReplicaSet that was refused pods asks ever more rarely, unless something happens to it.
        kubectl("annotate", "rs", "-n", self.namespace, "--all", "--overwrite", f"tests/pods={pods}")

    def delete_pods(self, revision: str) -> None:
        selector = f"pilotage.dev/revision={revision}"
        kubectl("delete", "pods", "-n", self.namespace, "-l", selector, "--grace-period=1", "--wait=false")

    def kill_operator(self) -> None:
        """SIGKILL, as the kernel would; the kubelet starts another."""
        selector = "app.kubernetes.io/name=pilotage"
        kubectl("delete", "pod", "-n", self.namespace, "-l", selector, "--grace-period=0", "--force", "--wait=false")

    # then

    def get(self, kind: str, name: str = "") -> dict[str, Any]:
        return read(kind, self.namespace, name or self.name)

    def items(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        return list(read(kind, self.namespace, selector=selector)["items"])

    def status(self) -> dict[str, Any]:
        return dict(self.get("mdeploy").get("status") or {})

    def until(self, what: str, holds: Callable[[dict[str, Any]], Any], seconds: float = PATIENCE) -> dict[str, Any]:
        """The first status, of the generation that stands, for which something holds."""

        def look() -> dict[str, Any] | None:
            body = self.get("mdeploy")
            status = dict(body.get("status") or {})
            current = status.get("observedGeneration") == body["metadata"]["generation"]
            return status if current and holds(status) else None

        return eventually(what, look, self.describe, seconds)

    def until_phase(self, phase: str, stable: str = "") -> dict[str, Any]:
        """Waits for a phase, and for who is stable in it."""

        def holds(status: dict[str, Any]) -> bool:
            version = (status.get("stable") or {}).get("modelVersion", "")
            return status.get("phase") == phase and stable in ("", version.removeprefix(f"{self.name}-"))

        return self.until(f"{phase} {stable}", holds)

    def check(self, name: str) -> dict[str, Any]:
        """What `status.checks` says of one, {} while it says nothing."""
        return next((dict(c) for c in self.status().get("checks") or () if c["name"] == name), {})

    def until_weight(self, least: int) -> dict[str, Any]:
        return self.until(f"canary at {least} %", lambda s: (s.get("canary") or {}).get("weight", 0) >= least)

    def until_version(self, name: str, phase: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            status = self.get("mv", name).get("status") or {}
            return dict(status) if status.get("phase") == phase else None

        return eventually(
            f"ModelVersion {name} {phase}", look, lambda: kubectl("get", "mv", "-n", self.namespace, "-o", "yaml")
        )

    def reasons(self) -> list[str]:
        """Of the Events about the deployment."""
        return [e["reason"] for e in self.items("events") if e["involvedObject"]["name"] == self.name]

    def describe(self) -> str:
        """All that helps to see why something never happened."""
        log = kubectl("logs", "-n", self.namespace, "-l", "app.kubernetes.io/name=pilotage", "--tail=40", check=False)
        status = yaml.safe_dump(self.get("mdeploy").get("status"))
        return f"{status}\n{kubectl('get', 'pods,jobs', '-n', self.namespace, check=False)}\n{log}"
