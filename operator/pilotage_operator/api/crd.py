"""Writes the CustomResourceDefinitions from the models: `python -m pilotage_operator.api.crd FOLDER... [--check]`."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from pilotage_operator.api import names
from pilotage_operator.api.deploymentstatus import ModelDeploymentStatus
from pilotage_operator.api.modeldeployment import ModelDeploymentSpec
from pilotage_operator.api.modelversion import ModelVersionSpec, ModelVersionStatus
from pilotage_operator.api.schema import CEL_KEY

Json = dict[str, Any]

_HEADER: Final = "# Generated from operator/pilotage_operator/api by `make crds`. Do not edit.\n"

_NAME_RULE: Final = {
    "rule": "size(self.metadata.name) <= 52 && !format.dns1035Label().validate(self.metadata.name).hasValue()",
    "message": "choose a name of at most 52 characters: lower-case letters, digits and -, beginning with a letter "
    "(its children's names are made of it)",
}
# The order is that of the file.
_KEPT: Final = (
    *("type", "format", "enum", "required", "pattern", "minimum", "maximum", "default"),
    *("minLength", "maxLength", "minItems", "maxItems", "maxProperties"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", CEL_KEY),
)
_EMPTY: Final[tuple[object, ...]] = (None, [], {})


def flatten(node: Json, definitions: Json) -> Json:
    """A JSON schema of pydantic's as Kubernetes' structural schema: no references, no unions, no null."""
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[1]]
        return flatten({**target, **{key: value for key, value in node.items() if key != "$ref"}}, definitions)
    if "anyOf" in node:
        return _flatten_union(node, definitions)
    flat: Json = {"description": " ".join(node["description"].split())} if "description" in node else {}
    # An empty default would only add lines to what the user wrote, and differences to what Argo CD compares.
    flat |= {key: node[key] for key in _KEPT if key in node and not (key == "default" and node[key] in _EMPTY)}
    if "const" in node:
        flat["enum"] = [node["const"]]
    if "properties" in node:
        flat["properties"] = {name: flatten(child, definitions) for name, child in node["properties"].items()}
    elif isinstance(node.get("additionalProperties"), dict):
        flat["additionalProperties"] = flatten(node["additionalProperties"], definitions)
    elif node.get("type") == "object":
        flat["x-kubernetes-preserve-unknown-fields"] = True
    if "items" in node:
        flat["items"] = flatten(node["items"], definitions)
    return flat


def _flatten_union(node: Json, definitions: Json) -> Json:
    outside = {key: value for key, value in node.items() if key != "anyOf"}
    branches = [branch for branch in node["anyOf"] if branch.get("type") != "null"]
    if {branch.get("type") for branch in branches} == {"integer", "string"}:
        return {**flatten(outside, definitions), "x-kubernetes-int-or-string": True}
    (branch,) = branches
    return flatten({**branch, **outside}, definitions)


def _schema(model: type[BaseModel]) -> Json:
    json_schema = model.model_json_schema(by_alias=True, mode="validation")
    return flatten(json_schema, json_schema.get("$defs", {}))


def _column(name: str, path: str, *, kind: str = "string", wide: bool = False) -> Json:
    return {"name": name, "type": kind, "jsonPath": path, **({"priority": 1} if wide else {})}


_AGE: Final = _column("AGE", ".metadata.creationTimestamp", kind="date")


def _definition(
    *, kind: str, plural: str, short: str, describes: str, spec: Json, status: Json, columns: list[Json]
) -> Json:
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": describes,
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": spec,
                    "status": status,
                },
                CEL_KEY: [_NAME_RULE],
            }
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": [names.CATEGORY],
            },
            "versions": [version],
        },
    }


def model_version() -> Json:
    """The CustomResourceDefinition of ModelVersion."""
    return _definition(
        kind=names.MODEL_VERSION_KIND,
        plural=names.MODEL_VERSION_PLURAL,
        short="mv",
        describes="What may be served: one version of a model, immutable and checked once.",
        spec=_schema(ModelVersionSpec),
        status=_schema(ModelVersionStatus),
        columns=[
            _column("MODEL", ".spec.model"),
            _column("VERSION", ".spec.version"),
            _column("PHASE", ".status.phase"),
            _column("MESSAGE", ".status.message"),
            _AGE,
            _column("DIGEST", ".spec.source.digest", wide=True),
            _column("URI", ".spec.source.uri", wide=True),
        ],
    )


def model_deployment() -> Json:
    """The CustomResourceDefinition of ModelDeployment."""
    return _definition(
        kind=names.MODEL_DEPLOYMENT_KIND,
        plural=names.MODEL_DEPLOYMENT_PLURAL,
        short="mdeploy",
        describes="Where and how a model is served, and how its next version gets there.",
        spec=_schema(ModelDeploymentSpec),
        status=_schema(ModelDeploymentStatus),
        columns=[
            _column("PHASE", ".status.phase"),
            _column("STABLE", ".status.stable.modelVersion"),
            _column("CANARY", ".status.canary.modelVersion"),
            _column("WEIGHT", ".status.weights"),
            _column("STEP", ".status.canary.step", kind="integer"),
            _column("REASON", ".status.reason"),
            _column("URL", ".status.url"),
            _AGE,
            _column("READY", ".status.stable.ready", kind="integer", wide=True),
            _column("DIGEST", ".status.stable.digest", wide=True),
            _column("CHANGED-BY", ".status.history[-1:].by", wide=True),
        ],
    )


def files() -> dict[str, str]:
    """Each file's name and content."""
    return {
        f"{plural}.yaml": _HEADER + yaml.safe_dump(definition, sort_keys=False, width=120, allow_unicode=True)
        for plural, definition in (
            (names.MODEL_VERSION_PLURAL, model_version()),
            (names.MODEL_DEPLOYMENT_PLURAL, model_deployment()),
        )
    }


def main(arguments: list[str] | None = None) -> int:
    """Writes the files into every folder; with --check only compares, and returns 1 where they differ."""
    parser = argparse.ArgumentParser(prog="python -m pilotage_operator.api.crd", description=main.__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    wanted = {folder / name: content for folder in options.folders for name, content in files().items()}
    stale = [path for path, content in wanted.items() if not path.is_file() or path.read_text() != content]
    if options.check:
        for path in stale:
            print(f"{path} does not match the models: run `make crds` and commit it", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
