"""The API server as the tests ask it: manifests in, verdicts out, nothing softened on the way."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import client, config

from pilotage_operator.api import names

ROOT: Final = Path(__file__).parents[3]
PLURALS: Final = {
    names.MODEL_VERSION_KIND: names.MODEL_VERSION_PLURAL,
    names.MODEL_DEPLOYMENT_KIND: names.MODEL_DEPLOYMENT_PLURAL,
}
DEFINITIONS_PATH: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACES_PATH: Final = "/api/v1/namespaces"
AS_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"
Json = dict[str, Any]


def manifest(kind: str, name: str, spec: Json) -> Json:
    """A whole object."""
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


@dataclass(frozen=True)
class Answer:
    """What the API server said: the object, or an error."""

    code: int
    body: Json

    @property
    def message(self) -> str:
        """The error's message; empty where there is none."""
        return str(self.body.get("message", "")) if self.code >= 400 else ""


class ApiServer:
    """The API server that KUBECONFIG names, and a namespace of it; raises KeyError where it names none."""

    def __init__(self) -> None:
        config.load_kube_config(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
        self._client = client.ApiClient()
        self.namespace = ""

    def install_definitions(self) -> None:
        """Installs the committed definitions and waits until they are served."""
        for path in sorted((ROOT / "crds").glob("*.yaml")):
            body = yaml.safe_load(path.read_text())
            place = f"{DEFINITIONS_PATH}/{body['metadata']['name']}"
            query = {"fieldManager": "pilotage-tests", "force": "true"}
            installed = self._send("PATCH", place, body, query, content="application/apply-patch+yaml")
            assert installed.code in (200, 201), installed.message
            self._wait_until(f"established {path.stem}", partial(self._is_established, place))
        self._wait_until("published both kinds", self._is_published)

    def open_namespace(self) -> None:
        """Works in a new namespace from now on."""
        created = self._send("POST", NAMESPACES_PATH, {"metadata": {"generateName": "api-"}})
        self.namespace = created.body["metadata"]["name"]

    def close_namespace(self) -> None:
        """Deletes the namespace and all in it."""
        self._send("DELETE", f"{NAMESPACES_PATH}/{self.namespace}")

    def create(self, body: Json, *, strict: bool = True, store: bool = False) -> Answer:
        """Creates an object; by default only up to the point where it would be stored."""
        query = {"fieldValidation": "Strict" if strict else "Ignore"} | ({} if store else {"dryRun": "All"})
        return self._send("POST", self._path(body["kind"]), body, query)

    def replace(self, body: Json) -> Answer:
        """Replaces an object."""
        return self._send("PUT", f"{self._path(body['kind'])}/{body['metadata']['name']}", body)

    def write_status(self, body: Json) -> Answer:
        """Replaces an object's status."""
        return self._send("PUT", f"{self._path(body['kind'])}/{body['metadata']['name']}/status", body)

    def table(self, kind: str) -> Json:
        """What `kubectl get` prints, before it is laid out."""
        return self._send("GET", self._path(kind), accept=AS_TABLE).body

    def _path(self, kind: str) -> str:
        return f"/apis/{names.API_VERSION}/namespaces/{self.namespace}/{PLURALS[kind]}"

    def _wait_until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"after 60 s the API server has not {what}")
            time.sleep(0.1)

    def _is_established(self, place: str) -> bool:
        conditions = self._send("GET", place).body["status"].get("conditions") or []  # null at first
        return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)

    def _is_published(self) -> bool:
        """Whether discovery and the schemas for `kubectl explain` hold both kinds: they follow a moment later."""
        resources = self._send("GET", f"/apis/{names.API_VERSION}").body.get("resources", [])
        schemas = (
            self._send("GET", f"/openapi/v3/apis/{names.API_VERSION}").body.get("components", {}).get("schemas", {})
        )
        explained = {schema.rsplit(".", 1)[1] for schema in schemas}
        return PLURALS.keys() <= {resource["kind"] for resource in resources} & explained

    def _send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: dict[str, str] | None = None,
        *,
        accept: str = "application/json",
        content: str = "application/json",
    ) -> Answer:
        call = self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": accept, "Content-Type": content},
            body=body,
            auth_settings=["BearerToken"],
        )
        response = self._client.call_api(*call, _request_timeout=30)
        text = response.read()  # type: ignore[no-untyped-call]
        is_json = "json" in response.headers.get("Content-Type", "")  # a path that is not served is answered in words
        return Answer(code=response.status, body=json.loads(text) if is_json else {"message": text.decode()})
