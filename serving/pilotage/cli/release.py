"""`release`: the YAML that brings a pushed bundle to production; everything a person wrote in it stays."""

import argparse
import json
import re
from pathlib import Path

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import check_identity
from pilotage.bundle.manifest import parse_digest
from pilotage.bundle.oci import Repository

_VERSION = """\
apiVersion: pilotage.dev/v1alpha1
kind: ModelVersion
metadata:
  name: {resource}
spec:
  model: {name}
  version: {version}
  source:
    uri: {uri}
    digest: {digest}
"""
_DEPLOYMENT = """\
apiVersion: pilotage.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: {deployment}
spec:
  modelVersion: {resource}
"""
_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z][\w.-]*):(?P<rest>.*)")
# `modelVersion: VALUE`, its quotes and the comment behind it apart.
_MODEL_VERSION = re.compile(r"(\s+modelVersion:[ \t]*)(\"[^\"]*\"|'[^']*'|[^\s#]*)(.*)", re.DOTALL)


def release_command(chosen: argparse.Namespace) -> int:
    deployment = chosen.deployment or chosen.name
    for path in release(chosen.into, chosen.name, chosen.version, chosen.uri, chosen.digest, deployment):
        print(path)
    return 0


def release(into: Path, name: str, version: str, uri: str, digest: str, deployment: str) -> tuple[Path, Path]:
    """Write the ModelVersion, and point the ModelDeployment at it; both files' paths.

    Raises BundleError when an argument is malformed, when the version was released with another digest before, or
    when the deployment's file is not one ModelDeployment of that name.
    """
    check_identity(name, version)
    check_identity(deployment, version)
    Repository.parse(uri)
    resource = _resource_name(name, version)
    manifest = _VERSION.format(
        resource=resource, name=name, version=json.dumps(version), uri=uri, digest=parse_digest(digest)
    )
    if deployment == resource:
        raise BundleError("release", f"{deployment} would name both files; give another --deployment")
    into.mkdir(parents=True, exist_ok=True)
    version_path, deployment_path = into / f"{resource}.yaml", into / f"{deployment}.yaml"
    if version_path.exists() and digest not in version_path.read_text(encoding="utf-8"):
        raise BundleError(
            "release", f"{version_path} is another bundle already, and a version never changes; choose a new version"
        )
    if deployment_path.exists():
        edited = point_at(deployment_path.read_text(encoding="utf-8"), deployment, resource, deployment_path)
    else:
        edited = _DEPLOYMENT.format(deployment=deployment, resource=resource)
    if not version_path.exists():  # a gate that somebody has set stays
        version_path.write_text(manifest, encoding="utf-8")
    deployment_path.write_text(edited, encoding="utf-8")
    return version_path, deployment_path


def point_at(text: str, deployment: str, resource: str, path: Path) -> str:
    """The deployment's YAML with another value of spec.modelVersion, all else to the byte as it was.

    Reads block style with one document, as `kubectl` and people write it. Raises BundleError for anything else.
    """
    lines = text.splitlines(keepends=True)
    places = _places(lines)
    kind = places.get(("kind",))
    name = places.get(("metadata", "name"))
    target = places.get(("spec", "modelVersion"))
    if any(line.startswith("---") for line in lines[1:]) or kind is None or name is None or target is None:
        raise BundleError(
            "release", f"{path} is not one ModelDeployment with spec.modelVersion in block style; edit it by hand"
        )
    if (_scalar(lines[kind]), _scalar(lines[name])) != ("ModelDeployment", deployment):
        raise BundleError("release", f"{path} is not the ModelDeployment {deployment}; give its name with --deployment")
    match = _MODEL_VERSION.fullmatch(lines[target])
    assert match is not None
    space = "" if match[1].endswith((" ", "\t")) else " "
    lines[target] = f"{match[1]}{space}{resource}{match[3]}"
    return "".join(lines)


def _places(lines: list[str]) -> dict[tuple[str, ...], int]:
    """The line of each key at the top, and of each key directly below one."""
    places: dict[tuple[str, ...], int] = {}
    parent, depth = "", 0
    for index, line in enumerate(lines):
        match = _KEY.match(line)
        if match is None:
            continue
        indent = len(match["indent"])
        if indent == 0:
            parent, depth = match["key"], 0
            places[(parent,)] = index
        elif parent and depth in (0, indent):
            depth = indent
            places[(parent, match["key"])] = index
    return places


def _scalar(line: str) -> str:
    return line.split(":", 1)[1].split(" #")[0].strip().strip("\"'")


def _resource_name(name: str, version: str) -> str:
    """`fraud` and `3` are fraud-v3; what a Kubernetes name may not hold becomes a dash.

    >>> _resource_name("fraud", "2026.11_b")
    'fraud-v2026-11-b'
    """
    resource = f"{name}-v{re.sub('[^a-z0-9]+', '-', version.lower()).strip('-')}"
    if len(resource) > 52:
        raise BundleError("release", f"{resource} is longer than the 52 that a resource's name may have; shorten it")
    return resource
