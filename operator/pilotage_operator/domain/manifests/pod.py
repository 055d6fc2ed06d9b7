"""The pod that serves a revision, and the parts it shares with the pod that checks a version.

Both pods have the same shape. An init container, `fetch`, has the registry's credentials and runs no model; the
container after it runs the model and has neither credentials nor a service-account token. They meet in an emptyDir,
which the second one can only read. Both satisfy Pod Security `restricted`.
"""

from typing import Any

from pilotage_operator.api import names
from pilotage_operator.api.modeldeployment import Server
from pilotage_operator.api.modelversion import Source

HTTP_PORT = 8080
GRPC_PORT = 9000
BUNDLE_MOUNT = "/bundle"
BUNDLE_DIR = "/bundle/model"
CREDENTIALS_DIR = "/credentials"
# `fetch` refuses a bundle above 2 GiB by itself, with a sentence; the volume's limit lies above it, since the kubelet
# evicts a pod without one.
BUNDLE_VOLUME_LIMIT = "2200Mi"
USER = 65532
# The server listens on for its lame-duck time and then ends what is in flight (20 s by default); the rest is reserve.
TERMINATION_GRACE_SECONDS = 45
DEFAULT_RESOURCES: dict[str, Any] = {"requests": {"cpu": "100m", "memory": "128Mi"}}
FETCH_RESOURCES: dict[str, Any] = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "256Mi"},
}
CONTAINER_SECURITY: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def registry_of(uri: str) -> str:
    """The `host[:port]` of an `oci://` address: what `registries.plainHTTP` lists and credentials are bound to.

    >>> registry_of("oci://registry:5000/models/fraud")
    'registry:5000'
    """
    return uri.removeprefix("oci://").split("/", 1)[0]


def fetch_container(*, image: str, source: Source, plain_http: bool) -> dict[str, Any]:
    """The init container that downloads the bundle and verifies every byte of it against the digest."""
    args = ["fetch", "--uri", source.uri, "--digest", source.digest, "--into", BUNDLE_DIR]
    mounts: list[dict[str, Any]] = [{"name": "bundle", "mountPath": BUNDLE_MOUNT}]
    if plain_http:
        args.append("--plain-http")
    if source.credentials is not None:
        args += ["--credentials", CREDENTIALS_DIR]
        mounts.append({"name": "credentials", "mountPath": CREDENTIALS_DIR, "readOnly": True})
    return {
        "name": "fetch",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": args,
        "resources": FETCH_RESOURCES,
        "volumeMounts": mounts,
        "securityContext": CONTAINER_SECURITY,
    }


def model_container(*, name: str, image: str, args: list[str], resources: dict[str, Any]) -> dict[str, Any]:
    """A container that runs the model: it reads the bundle and can write nothing but its termination message."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": args,
        "resources": resources,
        "volumeMounts": [{"name": "bundle", "mountPath": BUNDLE_MOUNT, "readOnly": True}],
        "securityContext": CONTAINER_SECURITY,
    }


def pod_base(source: Source) -> dict[str, Any]:
    """Volumes and security of both pods. The Secret goes from the API server to the kubelet; the operator never
    reads it."""
    volumes: list[dict[str, Any]] = [{"name": "bundle", "emptyDir": {"sizeLimit": BUNDLE_VOLUME_LIMIT}}]
    if source.credentials is not None:
        volumes.append({"name": "credentials", "secret": {"secretName": source.credentials.secret_ref.name}})
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": volumes,
    }


def serving_template(
    *,
    deployment: str,
    revision: str,
    model: str,
    version: str,
    source: Source,
    image: str,
    server: Server,
    connection_seconds: int,
    plain_http: bool,
) -> dict[str, Any]:
    """The pod template of one revision: `metadata` and `spec`, whole, as an apps/v1 Deployment takes it.

    `model` and `version` are the ModelVersion's own words (`fraud`, `3`); `connection_seconds` is how long a kept
    connection lives before the server asks the client to open another.
    """
    labels = {
        names.DEPLOYMENT_LABEL: deployment,
        names.REVISION_LABEL: revision,
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
    }
    args = ["serve", BUNDLE_DIR, "--digest", source.digest, "--port", str(HTTP_PORT), "--grpc-port", str(GRPC_PORT)]
    args += ["--connection-seconds", str(connection_seconds)]
    container = model_container(
        name="server", image=image, args=args, resources=_resources(server) or DEFAULT_RESOURCES
    )
    container |= {
        "env": [
            {"name": "PILOTAGE_DEPLOYMENT", "value": deployment},
            {"name": "PILOTAGE_VERSION", "value": version},
            {"name": "PILOTAGE_REVISION", "value": revision},
        ],
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
        ],
    } | _probes()
    return {
        "metadata": {
            "labels": labels,
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(HTTP_PORT),
                "prometheus.io/path": "/metrics",
                f"{names.GROUP}/model": model,
                f"{names.GROUP}/version": version,
            },
        },
        "spec": pod_base(source)
        | {
            "initContainers": [fetch_container(image=image, source=source, plain_http=plain_http)],
            "containers": [container],
            "terminationGracePeriodSeconds": TERMINATION_GRACE_SECONDS,
        }
        | _scheduling(server, labels),
    }


def _probes() -> dict[str, Any]:
    """Ready every second until the first yes, so that a rollout does not wait for a probe; after that, slower than a
    busy server needs. A pod that is being deleted leaves its Services at once, without these probes."""

    def probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
        return {
            "httpGet": {"path": path, "port": "http"},
            "periodSeconds": period,
            "timeoutSeconds": timeout,
            "failureThreshold": failures,
        }

    return {
        "startupProbe": probe("/v2/health/ready", period=1, timeout=1, failures=600),
        "readinessProbe": probe("/v2/health/ready", period=5, timeout=3, failures=3),
        "livenessProbe": probe("/v2/health/live", period=10, timeout=5, failures=6),
    }


def _resources(server: Server) -> dict[str, Any]:
    """What the user asked for, whole; nothing is added to it."""
    return {part: amounts for part, amounts in server.resources.dump().items() if amounts}


def _scheduling(server: Server, labels: dict[str, str]) -> dict[str, Any]:
    """The user's scheduling fields as they stand; by default a revision's pods prefer different nodes."""
    spread_by_host = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    fields = {
        "serviceAccountName": server.service_account_name,
        "nodeSelector": server.node_selector,
        "tolerations": list(server.tolerations),
        "affinity": server.affinity,
        "topologySpreadConstraints": list(server.topology_spread_constraints) or [spread_by_host],
        "priorityClassName": server.priority_class_name,
        "runtimeClassName": server.runtime_class_name,
    }
    return {name: value for name, value in fields.items() if value}
