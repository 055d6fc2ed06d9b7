"""All checks of one bundle, in the order in which each makes the next one safe."""

from pathlib import Path

from pilotage.bundle import golden, reference
from pilotage.bundle.digest import digest_of_bytes, manifest_of
from pilotage.bundle.errors import BundleError
from pilotage.bundle.format import MANIFEST, MODEL, BundleDocument, load
from pilotage.checks.golden import replay
from pilotage.checks.graph import check_graph
from pilotage.checks.report import Finding, Report
from pilotage.runtime.door import Door
from pilotage.runtime.errors import RunError
from pilotage.runtime.memory import is_memory_failure, limit_memory
from pilotage.runtime.session import Session
from pilotage.runtime.watchlist import classes


def probe(directory: Path, *, rtol: float, atol: float, memory: int | None) -> Report:
    """Check the bundle in `directory` and run its model; the first failure ends it, since the rest rests on it.

    `memory` bytes, if given, limit this process from then on: call it in one that ends afterwards.
    """
    findings: list[Finding] = []
    document: BundleDocument | None = None
    try:
        findings.append(_digest(directory))
        document = load(directory)
        check_graph(directory)
        pairs = golden.read(directory)
        known = reference.read(directory)
        findings.append(Finding("structure", "pass", message="four files, one whole ONNX graph"))
        if memory is not None:
            limit_memory(memory)
        session = Session.load(directory / MODEL, document.contract)
        size = (directory / MODEL).stat().st_size
        findings.append(Finding("load", "pass", f"{size} bytes", message="ONNX Runtime loads the model"))
        findings.append(Finding("contract", "pass", message="inputs and outputs are as bundle.json says"))
        findings.append(replay(session, Door(document.contract), pairs, rtol, atol))
        if memory is not None:
            findings.append(Finding("memory", "pass", limit=f"{memory} bytes", message="the golden requests fit"))
    except (BundleError, RunError, MemoryError) as error:
        findings.append(Finding.failed(_explain(error, memory)))
        return Report("probe", "refused", tuple(findings), document)
    return Report("probe", "passed", tuple(findings), document, classes(document.contract, known))


def _digest(directory: Path) -> Finding:
    """Holds the files to the manifest beside them; without one, the digest is only computed."""
    found = manifest_of(directory)
    digest = digest_of_bytes(found)
    kept = directory / MANIFEST
    if kept.exists():
        promised = kept.read_bytes()
        if promised != found:
            raise BundleError(
                "digest",
                "the files are not those that manifest.json names: a byte differs; fetch or build the bundle again",
                figure=digest,
                limit=digest_of_bytes(promised),
            )
    return Finding("digest", "pass", digest)


def _explain(error: Exception, memory: int | None) -> BundleError:
    if is_memory_failure(error):
        return BundleError(
            "memory",
            "the model wants more memory than it may have; raise the gate's memory, or make the model smaller",
            figure="more than the limit",
            limit="what this machine has" if memory is None else f"{memory} bytes",
        )
    if isinstance(error, BundleError):
        return error
    return BundleError("golden", f"the model fails on a golden request: {error}")
