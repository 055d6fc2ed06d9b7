"""What a bundle is: its files, and `bundle.json` read into frozen dataclasses.

Nothing here imports numpy, onnx or a network library: the fetching container and the server start with this module.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pilotage.bundle.structure import mapping, number, text, wrong

T = TypeVar("T")

FORMAT = 1
MODEL = "model.onnx"
DOCUMENT = "bundle.json"
REFERENCE = "reference.json"
GOLDEN = "golden.jsonl"
FILES = (DOCUMENT, GOLDEN, MODEL, REFERENCE)  # sorted by name, as in the manifest
MANIFEST = "manifest.json"  # beside the files, not one of them

# The words of the Open Inference Protocol (V2) for element types.
_INTEGERS = ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64")
DATATYPES = ("BOOL", *_INTEGERS, "FP16", "FP32", "FP64", "BYTES")
MAX_DOCUMENT_BYTES = 4 << 20
MAX_CATEGORIES = 1000
MAX_CATEGORY_LETTERS = 200

# Both stand in URLs and metric labels; the name also in names of Kubernetes objects (RFC 1035).
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62})")


@dataclass(frozen=True)
class Feature:
    """One column of an input: its name, the values it has, and what becomes of a request with others.

    `low` and `high` (`min` and `max` in the file; None: no limit) and `missing` describe the training data, or are
    declared. So are `categories`, the only values there are; empty: any. A value beyond them is drift and counted;
    with `refuse` (`"onViolation": "refuse"` in the file) it is an error of the caller. `redact` keeps the values out
    of logs.
    """

    name: str
    low: float | None
    high: float | None
    missing: bool
    categories: tuple[str | float, ...] = ()
    refuse: bool = False
    redact: bool = False

    def noticed(self) -> str | dict[str, Any]:
        """What a caller can tell of it: the name, and the values if others are refused."""
        if not self.refuse:
            return self.name
        values = {"min": self.low, "max": self.high, "missing": self.missing, "categories": list(self.categories)}
        return {"name": self.name, **values}


@dataclass(frozen=True)
class Tensor:
    """An input or output: V2 datatype, and shape with -1 for a free dimension."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    features: tuple[Feature, ...] = ()

    def signature(self) -> dict[str, Any]:
        """Name, datatype and shape as JSON, as status and reports show them."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True)
class Contract:
    """What callers may rely on: the inputs a model takes and the outputs it gives."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def hash(self) -> str:
        """64 hex digits that change when a caller would notice: names, datatypes, shapes, the columns' order.

        Ranges and gaps that are only counted are left out, or every retraining would be a new contract.
        """
        noticed = {
            "inputs": [{**t.signature(), "features": [f.noticed() for f in t.features]} for t in self.inputs],
            "outputs": [t.signature() for t in self.outputs],
        }
        return hashlib.sha256(json.dumps(noticed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class BundleDocument:
    """`bundle.json`."""

    name: str
    version: str
    contract: Contract
    provenance: Mapping[str, Any]
    metrics: Mapping[str, float]


def load(directory: Path) -> BundleDocument:
    """Read the document of the bundle in `directory`.

    Raises BundleError("structure", …) when a file is missing, is a link, is not expected, or says what it must not.
    """
    check_files(directory)
    path = directory / DOCUMENT
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise wrong(f"{DOCUMENT} is larger than {MAX_DOCUMENT_BYTES} bytes; build the bundle again")
    try:
        raw = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise wrong(f"{DOCUMENT} is not JSON ({error}); build the bundle again") from error
    return parse(raw)


def check_files(directory: Path) -> None:
    """Refuse any folder that is not exactly the four regular files, with or without `manifest.json` beside them."""
    if not directory.is_dir():
        raise wrong(f"{directory} is not a folder; give the folder that pilotage.bundle(...) wrote")
    entries = {entry.name: entry for entry in directory.iterdir()}
    for name in FILES:
        if name not in entries:
            raise wrong(f"{name} is missing in {directory}; a bundle is {', '.join(FILES)}")
    for name, entry in sorted(entries.items()):
        if name not in FILES and name != MANIFEST:
            raise wrong(f"{name} does not belong into a bundle; remove it from {directory}")
        if entry.is_symlink() or not entry.is_file():
            raise wrong(f"{name} is a link or a folder; a bundle has regular files only")


def parse(raw: object) -> BundleDocument:
    """The document from decoded JSON. Raises BundleError("structure", …) naming the place that is wrong."""
    document = mapping(raw, DOCUMENT)
    if document.get("format") != FORMAT:
        raise wrong(f"format is {document.get('format')!r}, this Pilotage reads {FORMAT}; build the bundle again")
    name, version = _name(document.get("name"), "name"), _name(document.get("version"), "version")
    check_identity(name, version)
    return BundleDocument(
        name=name,
        version=version,
        contract=parse_contract(document.get("contract")),
        provenance=mapping(document.get("provenance", {}), "provenance"),
        metrics={
            name: number(value, f"metrics.{name}")
            for name, value in mapping(document.get("metrics", {}), "metrics").items()
        },
    )


def parse_contract(raw: object) -> Contract:
    """The contract from decoded JSON; raises as `parse` does."""
    contract = mapping(raw, "contract")
    return Contract(
        inputs=_sequence(contract.get("inputs"), "contract.inputs", _tensor),
        outputs=_sequence(contract.get("outputs"), "contract.outputs", _tensor),
    )


def check_identity(name: str, version: str) -> None:
    """Raise BundleError("structure", …) unless both can stand in a URL, a label and (the name) a resource's name."""
    if not _NAME.fullmatch(name):
        raise wrong(f"name {name!r} must be at most 52 of a-z, 0-9 and -, beginning with a letter; choose another")
    if not _VERSION.fullmatch(version):
        raise wrong(f"version {version!r} must be at most 63 of letters, digits, '.', '_' and '-'; choose another")


def _tensor(raw: object, where: str) -> Tensor:
    tensor = mapping(raw, where)
    datatype = _name(tensor.get("datatype"), f"{where}.datatype")
    if datatype not in DATATYPES:
        raise wrong(f"{where}.datatype {datatype} is none of the protocol's: {', '.join(DATATYPES)}")
    features: tuple[Feature, ...] = ()
    if tensor.get("features"):
        features = _sequence(tensor["features"], f"{where}.features", _feature)
        if len({feature.name for feature in features}) < len(features):
            raise wrong(f"{where}.features names a feature twice")
        for index, feature in enumerate(features):
            _check_fits(feature, datatype, f"{where}.features[{index}]")
    return Tensor(
        name=_name(tensor.get("name"), f"{where}.name"),
        datatype=datatype,
        shape=_sequence(tensor.get("shape"), f"{where}.shape", _dimension),
        features=features,
    )


def _feature(raw: object, where: str) -> Feature:
    feature = mapping(raw, where)
    low, high, policy = feature.get("min"), feature.get("max"), feature.get("onViolation", "count")
    categories = feature.get("categories")
    if policy not in ("count", "refuse"):
        raise wrong(f'{where}.onViolation must be "count" or "refuse"')
    return Feature(
        name=_name(feature.get("name"), f"{where}.name"),
        low=None if low is None else number(low, f"{where}.min"),
        high=None if high is None else number(high, f"{where}.max"),
        missing=_flag(feature.get("missing"), f"{where}.missing"),
        categories=() if categories is None else _categories(categories, f"{where}.categories"),
        refuse=policy == "refuse",
        redact=_flag(feature.get("redact", False), f"{where}.redact"),
    )


def _categories(raw: object, where: str) -> tuple[str | float, ...]:
    categories = _sequence(raw, where, _category)
    if len(categories) > MAX_CATEGORIES:
        raise wrong(f"{where} has {len(categories)} entries, at most {MAX_CATEGORIES} are allowed; leave it out")
    if len(set(categories)) < len(categories):
        raise wrong(f"{where} names an entry twice")
    return categories


def _category(raw: object, where: str) -> str | float:
    if not isinstance(raw, str):
        return number(raw, where)
    if len(raw) > MAX_CATEGORY_LETTERS:
        raise wrong(f"{where} must be a text of at most {MAX_CATEGORY_LETTERS} letters")
    return raw


def _check_fits(feature: Feature, datatype: str, where: str) -> None:
    """A text has no range, a number is no text, and some value must be left that is not refused."""
    if any(isinstance(entry, str) != (datatype == "BYTES") for entry in feature.categories):
        raise wrong(f"{where}.categories must be {'texts' if datatype == 'BYTES' else 'numbers'}: it is {datatype}")
    if not feature.refuse:
        return
    if datatype == "BYTES" and (feature.low is not None or feature.high is not None):
        raise wrong(f"{where} is {datatype} and has no min or max to refuse by; give categories")
    if feature.low is not None and feature.high is not None and feature.low > feature.high:
        raise wrong(f"{where}.min is above its max: every value would be refused")


def _dimension(raw: object, where: str) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < -1:
        raise wrong(f"{where} must be a whole number, or -1 for any")
    return raw


def _sequence(raw: object, where: str, item: Callable[[object, str], T]) -> tuple[T, ...]:
    if not isinstance(raw, list) or not raw:
        raise wrong(f"{where} must be a list with at least one entry")
    return tuple(item(entry, f"{where}[{index}]") for index, entry in enumerate(raw))


def _flag(raw: object, where: str) -> bool:
    if not isinstance(raw, bool):
        raise wrong(f"{where} must be true or false")
    return raw


def _name(raw: object, where: str) -> str:
    name = text(raw, where)
    if not name:
        raise wrong(f"{where} must be a text that is not empty")
    return name
