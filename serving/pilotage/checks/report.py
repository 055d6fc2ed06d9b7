"""The one page that a step leaves behind: JSON of at most 4096 bytes, a container's termination message."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import BundleDocument, Tensor

MAX_BYTES = 4096  # what a kubelet keeps of a termination message
PATH_VARIABLE = "PILOTAGE_REPORT"
_DEFAULT_PATH = Path("/dev/termination-log")
_MOST_FINDINGS = 16
_CLASSES, _TENSORS, _HASH = 2, 1, 0  # how much of the contract is listed
# Longest text, and how much of the contract: the first that fits is taken, so sentences shrink before facts go.
_WAYS_TO_FIT = (
    *((600, _CLASSES), (200, _CLASSES), (80, _CLASSES)),
    *((200, _TENSORS), (80, _TENSORS)),
    *((200, _HASH), (80, _HASH), (0, _HASH)),
)


@dataclass(frozen=True)
class Finding:
    """One check: what was measured, what was allowed, and a sentence."""

    check: str
    verdict: Literal["pass", "fail"]
    figure: str = ""
    limit: str = ""
    message: str = ""

    @classmethod
    def failed(cls, error: BundleError) -> "Finding":
        return cls(error.check, "fail", error.figure, error.limit, error.message)


@dataclass(frozen=True)
class Report:
    """What a step found. `document` is set once the bundle's own could be read; `classes` are those of each output of
    labels, as metrics name them."""

    step: Literal["fetch", "probe"]
    outcome: Literal["passed", "refused", "unavailable"]
    findings: tuple[Finding, ...]
    document: BundleDocument | None = None
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 passed, 1 refused for good, 75 (EX_TEMPFAIL) try again."""
        return {"passed": 0, "refused": 1, "unavailable": 75}[self.outcome]


def render(report: Report) -> bytes:
    """The report as JSON that always fits and always parses.

    Where the contract's classes or tensors do not fit beside the sentences, they are left out and the hash stands for
    them.
    """
    for longest, listed in _WAYS_TO_FIT:
        document = _document(report, longest, listed)
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        if len(content) <= MAX_BYTES:
            return content
    raise AssertionError("a report without texts and tensors always fits")


def write(report: Report) -> None:
    """Write to the path in PILOTAGE_REPORT, else to the container's termination log; outside a container nowhere."""
    named = os.environ.get(PATH_VARIABLE)
    path = Path(named) if named else _DEFAULT_PATH
    if named or path.exists():
        path.write_bytes(render(report))


def _document(report: Report, longest: int, listed: int) -> dict[str, Any]:
    document: dict[str, Any] = {
        "step": report.step,
        "outcome": report.outcome,
        "report": [
            {
                "check": finding.check,
                "verdict": finding.verdict,
                "figure": _cut(finding.figure, min(longest, 100)),
                "limit": _cut(finding.limit, min(longest, 100)),
                "message": _cut(finding.message, longest),
            }
            for finding in report.findings[:_MOST_FINDINGS]
        ],
    }
    if report.document is not None:
        contract = report.document.contract
        document["model"], document["version"] = report.document.name, report.document.version
        document["contract"] = {
            "inputs": [tensor.signature() for tensor in contract.inputs] if listed else [],
            "outputs": [_output(report, tensor, listed) for tensor in contract.outputs] if listed else [],
            "hash": contract.hash(),
        }
    return document


def _output(report: Report, tensor: Tensor, listed: int) -> dict[str, Any]:
    classes = report.classes.get(tensor.name, ()) if listed == _CLASSES else ()
    return {**tensor.signature(), **({"classes": list(classes)} if classes else {})}


def _cut(text: str, longest: int) -> str:
    """At most `longest` characters, the last one an ellipsis where something was cut.

    >>> _cut("a long sentence", 7)
    'a long…'
    """
    return text if len(text) <= longest else text[: max(0, longest - 1)] + "…"[:longest]
