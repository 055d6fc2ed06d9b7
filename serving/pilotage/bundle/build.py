"""`pilotage.bundle(...)`: a fitted estimator and its data become a folder that a server can trust.

The same inputs give the same bytes, hence the same digest, on any day: no dates, no host names, no addresses.
"""

import hashlib
import json
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np

from pilotage.bundle import golden
from pilotage.bundle.convert import INPUT, Converted, check_parity, convert, run
from pilotage.bundle.declared import Declared, describe, within
from pilotage.bundle.digest import write_manifest
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import (
    DOCUMENT,
    FILES,
    FORMAT,
    GOLDEN,
    MANIFEST,
    MODEL,
    REFERENCE,
    Contract,
    parse,
    parse_contract,
)
from pilotage.bundle.metrics import measure
from pilotage.bundle.reference import reference, round_figure

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Bundle:
    """A finished bundle: the folder it is in, and the digest that names it everywhere."""

    path: Path
    digest: str

    def push(self, uri: str, plain_http: bool = False) -> str:
        """Push to `oci://host/repository` and return `oci://host/repository@sha256:…`.

        Raises BundleError when the bundle or the address is wrong, Unavailable when the registry is away.
        """
        from pilotage.bundle.push import push

        return push(self.path, uri, plain_http=plain_http)


def build(
    estimator: Any,
    X_train: Any,
    X_test: Any,
    y_test: Any,
    *,
    name: str,
    version: str,
    into: Path,
    metrics: Mapping[str, float] | None,
    provenance: Mapping[str, Any] | None,
    contract: Declared | None = None,
) -> Bundle:
    """See `pilotage.bundle`."""
    features = feature_names(estimator, X_train)
    train, test = _rows("X_train", X_train, len(features)), _rows("X_test", X_test, len(features))
    truth = np.asarray(y_test)
    if len(truth) != len(test):
        raise BundleError("build", f"X_test has {len(test)} rows and y_test {len(truth)}; they must go together")
    described = describe(features, train, contract or {})
    converted = convert(estimator, len(features))
    rows = {"name": INPUT, "datatype": "FP32", "shape": [-1, len(features)], "features": described}
    declared = {"inputs": [rows], "outputs": [tensor.signature() for tensor in converted.outputs]}
    requests = _golden_requests(parse_contract(declared), train, test)
    check_parity(estimator, converted, np.concatenate([test, *requests]))
    measured = measure(run(converted.model, test), truth, estimator, converted.classifier)
    document = {
        "format": FORMAT,
        "name": name,
        "version": str(version),
        "contract": declared,
        "provenance": {**_provenance(estimator, train, test, truth), **(provenance or {})},
        "metrics": _figures({**measured, **(metrics or {})}),
    }
    parse(document)  # what we write, we can read: a bad name is refused here
    categories = {entry["name"]: entry["categories"] for entry in described if "categories" in entry}
    distribution = reference(features, train, converted.outputs, run(converted.model, train), categories)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"  # the scratch folder itself is closed to other users
        folder.mkdir()
        (folder / MODEL).write_bytes(converted.model)
        _write_json(folder / DOCUMENT, document)
        _write_json(folder / REFERENCE, distribution)
        _write_golden(folder / GOLDEN, converted, requests)
        digest = write_manifest(folder)
        _move(folder, into)
    return Bundle(into, digest)


def feature_names(estimator: Any, X_train: Any) -> list[str]:
    """Names of the columns: the frame's, else those that the estimator remembers, else x0, x1, …"""
    if hasattr(X_train, "columns"):
        return [str(column) for column in X_train.columns]
    remembered = getattr(estimator, "feature_names_in_", None)
    if remembered is not None:
        return [str(column) for column in remembered]
    return [f"x{index}" for index in range(np.asarray(X_train).shape[1])]


def _rows(what: str, given: Any, columns: int) -> Array:
    try:
        rows = np.ascontiguousarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BundleError("build", f"{what} holds values that are no numbers ({error}); encode them first") from error
    if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != columns:
        raise BundleError("build", f"{what} has shape {rows.shape}; wanted is (rows, {columns}) with at least one row")
    if (np.abs(rows) > np.finfo(np.float32).max).any():
        raise BundleError("build", f"{what} holds values beyond float32, or infinite ones; a missing value is NaN")
    return rows


def _golden_requests(contract: Contract, train: Array, test: Array) -> list[Array]:
    """Rows that the server will take."""
    features = contract.inputs[0].features
    train, test = train[within(features, train)], test[within(features, test)]
    if not len(train) or not len(test):
        raise BundleError("build", "the contract refuses every row of X_train or of X_test; declare what they hold")
    return golden.choose_rows(train, test)


def _figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    try:
        return {name: round_figure(float(value)) for name, value in metrics.items()}
    except (TypeError, ValueError) as error:
        raise BundleError("build", f"metrics must be numbers by name ({error})") from error


def _provenance(estimator: Any, train: Array, test: Array, truth: Array) -> dict[str, Any]:
    """Where the model came from, as far as it is the same on every run."""
    libraries = {name: installed(name) for name in ("numpy", "scikit-learn", "skl2onnx", "onnx", "onnxruntime")}
    parameters = {
        key: value if isinstance(value, bool | int | float | str | None) else type(value).__name__
        for key, value in sorted(estimator.get_params(deep=True).items())
    }
    return {
        "libraries": {"python": platform.python_version(), **libraries},
        "data": {"digest": _data_digest(train, test, truth), "train": len(train), "test": len(test)},
        "estimator": type(estimator).__name__,
        "parameters": {key: str(value) if value != value else value for key, value in parameters.items()},
    }


def _data_digest(*arrays: Array) -> str:
    checksum = hashlib.sha256()
    for array in arrays:
        # Objects (text labels) have no bytes of their own, only addresses.
        plain = array.astype(str) if array.dtype.kind == "O" else array
        checksum.update(f"{plain.dtype.str}{plain.shape}".encode())
        checksum.update(np.ascontiguousarray(plain).tobytes())
    return f"sha256:{checksum.hexdigest()}"


def _write_golden(path: Path, converted: Converted, requests: list[Array]) -> None:
    pairs = [golden.Golden({INPUT: rows.astype(np.float32)}, run(converted.model, rows)) for rows in requests]
    for pair in pairs:
        for name, array in pair.outputs.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise BundleError("golden", f"{name} is not finite for a row of the data; a server would answer 500")
    datatypes = {INPUT: "FP32"} | {tensor.name: tensor.datatype for tensor in converted.outputs}
    golden.write(path, pairs, datatypes)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    try:
        text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BundleError("build", f"{path.name} cannot hold what was given ({error}); give plain JSON") from error
    path.write_text(text + "\n", encoding="utf-8")


def _move(folder: Path, into: Path) -> None:
    """Replace the bundle in `into`, but never a folder with anything else in it."""
    if into.exists():
        foreign = sorted({entry.name for entry in into.iterdir()} - {*FILES, MANIFEST})
        if foreign:
            raise BundleError("build", f"{into} holds {foreign[0]}, which is no part of a bundle; choose a new folder")
        shutil.rmtree(into)
    into.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(str(folder), str(into))
