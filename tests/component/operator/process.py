"""The operator as a process of its own, with the rights and the configuration that the chart gives it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0  # seconds; nothing is asserted about time, this only ends a wait that would never end
RELEASE = "pilotage"

T = TypeVar("T")


def run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


def kubectl(*args: str, stdin: str | None = None) -> str:
    return run("kubectl", *args, stdin=stdin)


def eventually(what: str, look: Callable[[], T | None], describe: Callable[[], str] = str) -> T:
    """The first answer that is not None or False; fails with what `describe` says if there is none in a long time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(0.2)
    raise AssertionError(f"never happened: {what}\n{describe()}")


def rendered(namespace: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The chart's objects."""
    template = ["helm", "template", RELEASE, str(ROOT / "charts/pilotage"), "-n", namespace, "-f", "-"]
    return [body for body in yaml.safe_load_all(run(*template, stdin=yaml.safe_dump(values))) if body]


class Operator:
    """Runs as the chart's ServiceAccount, in one namespace; `log` is what it has said so far."""

    def __init__(self, namespace: str, folder: Path, values: dict[str, Any]) -> None:
        self.namespace = namespace
        self._folder = folder
        self._log = folder / "operator.log"
        self._process: subprocess.Popen[bytes] | None = None
        chart = rendered(namespace, {"watchNamespaces": [namespace], "crds": {"enabled": False}, **values})
        rights = [body for body in chart if body["kind"] in ("ServiceAccount", "Role", "RoleBinding")]
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(rights))
        (config,) = (body["data"]["config.yaml"] for body in chart if body["kind"] == "ConfigMap")
        self._config = folder / "config.yaml"
        self._config.write_text(yaml.safe_dump({**yaml.safe_load(config), "healthPort": 0}))
        self._kubeconfig = folder / "kubeconfig"
        self._kubeconfig.write_text(yaml.safe_dump(self._as_service_account()))
        self._kubeconfig.chmod(0o600)

    def _as_service_account(self) -> dict[str, Any]:
        """The test's own kubeconfig with nobody in it but the operator."""
        known = yaml.safe_load(kubectl("config", "view", "--raw", "--minify", "--flatten"))
        token = kubectl("create", "token", RELEASE, "-n", self.namespace, "--duration", "2h").strip()
        known["users"] = [{"name": user["name"], "user": {"token": token}} for user in known["users"]]
        return dict(known)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        """Until it holds the Lease."""
        own = {"KUBECONFIG": str(self._kubeconfig), "PILOTAGE_CONFIG": str(self._config)}
        said = len(self.log) if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pilotage_operator"],
                env={**os.environ, **own, "POD_NAMESPACE": self.namespace},
                stdout=log,
                stderr=log,
            )
        eventually("the operator leads", lambda: "the lease is held" in self.log[said:], lambda: self.log)

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)
