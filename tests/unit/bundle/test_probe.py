import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from pilotage.bundle.build import Bundle
from pilotage.bundle.digest import write_manifest
from pilotage.bundle.format import DOCUMENT, GOLDEN, MANIFEST, MODEL, REFERENCE
from pilotage.checks.probe import probe
from pilotage.checks.report import Finding, Report
from tests.unit.bundle.bundles import adding_graph


def probed(folder: Path, *, rtol: float = 1e-4, atol: float = 1e-5) -> Report:
    return probe(folder, rtol=rtol, atol=atol, memory=None)


def test_a_good_bundle_passes_every_check(built: Bundle) -> None:
    report = probed(built.path)
    assert report.outcome == "passed"
    assert [finding.check for finding in report.findings] == ["digest", "structure", "load", "contract", "golden"]
    assert report.findings[0].figure == built.digest
    assert report.document is not None
    assert report.document.name == "fraud"
    assert {name: set(classes) for name, classes in report.classes.items()} == {"label": {"0", "1"}}


def promise_otherwise(folder: Path, output: int, answer: float) -> None:
    lines = (folder / GOLDEN).read_text().splitlines()
    first = json.loads(lines[0])
    first["response"]["outputs"][output]["data"][0] = answer
    (folder / GOLDEN).write_text("\n".join([json.dumps(first), *lines[1:]]))


def declare_otherwise(folder: Path) -> None:
    document = json.loads((folder / DOCUMENT).read_text())
    document["contract"]["inputs"][0]["shape"] = [-1, 6]
    (folder / DOCUMENT).write_text(json.dumps(document))


def refuse_what_was_promised(folder: Path) -> None:
    document = json.loads((folder / DOCUMENT).read_text())
    document["contract"]["inputs"][0]["features"][0].update(max=0, min=0, onViolation="refuse")
    (folder / DOCUMENT).write_text(json.dumps(document))


def link_weights_from_outside(folder: Path, name: str) -> None:
    """The model's weights are in `name`, a hard link to a file elsewhere: ONNX Runtime would follow it."""
    secret = folder.parent / "secret"
    secret.write_bytes(b"\0" * 8)
    (folder / name).unlink(missing_ok=True)
    (folder / name).hardlink_to(secret)
    model = adding_graph(10)
    tensor = model.graph.initializer[0]
    tensor.ClearField("int64_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=name)
    (folder / MODEL).write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("spoil", "check", "sentence"),
    [
        pytest.param(lambda f: (f / GOLDEN).write_text(""), "structure", "golden.jsonl is empty", id="no answers"),
        pytest.param(lambda f: (f / GOLDEN).write_text("{}\n"), "structure", "golden.jsonl line 1", id="a bad line"),
        pytest.param(
            lambda f: (f / MODEL).write_bytes((f / MODEL).read_bytes()[:200]), "structure", "cut off", id="half a model"
        ),
        pytest.param(lambda f: promise_otherwise(f, 1, 0.5), "golden", "the answer differs by", id="another figure"),
        pytest.param(lambda f: promise_otherwise(f, 0, 7), "golden", "promised is 7", id="another label"),
        pytest.param(
            lambda f: link_weights_from_outside(f, REFERENCE),
            "structure",
            "keeps tensors in another file",
            id="weights that are a hard link, under the name of a file that belongs there",
        ),
        pytest.param(lambda f: (f / REFERENCE).write_text("{}"), "structure", "reference.json is not", id="no bins"),
        pytest.param(
            refuse_what_was_promised,
            "golden",
            "golden request 1 is not within the contract: input 'input', row 0, feature 'x0'",
            id="a contract that refuses its own promises",
        ),
        pytest.param(declare_otherwise, "contract", "is not as bundle.json says", id="another contract"),
        pytest.param(
            lambda f: (f / MODEL).write_bytes(adding_graph(10).SerializeToString()),
            "golden",
            "golden request 1, output",
            id="another model of the same contract",
        ),
    ],
)
def test_a_bundle_that_does_not_hold_is_refused(
    folder: Path, spoil: Callable[[Path], object], check: str, sentence: str
) -> None:
    spoil(folder)
    write_manifest(folder)
    report = probed(folder)
    last = report.findings[-1]
    assert (report.outcome, last.check, last.verdict) == ("refused", check, "fail")
    assert sentence in last.message


def test_weights_that_are_a_hard_link_in_a_file_of_their_own_are_refused(folder: Path) -> None:
    link_weights_from_outside(folder, "weights.bin")
    last = probed(folder).findings[-1]
    assert (last.check, last.verdict) == ("structure", "fail")
    assert "weights.bin does not belong into a bundle" in last.message


def test_files_changed_after_they_were_named_are_refused(folder: Path) -> None:
    (folder / DOCUMENT).write_text((folder / DOCUMENT).read_text() + " ")
    assert probed(folder).findings[0].check == "digest"
    assert probed(folder).outcome == "refused"


def test_without_the_manifest_the_digest_is_computed(folder: Path, built: Bundle) -> None:
    (folder / MANIFEST).unlink()
    assert probed(folder).findings[0] == Finding("digest", "pass", built.digest)


def test_the_tolerances_decide_what_agrees(folder: Path) -> None:
    promised = json.loads((folder / GOLDEN).read_text().splitlines()[0])["response"]["outputs"][1]["data"][0]
    promise_otherwise(folder, 1, promised + 0.01)
    write_manifest(folder)
    assert probed(folder).outcome == "refused"
    passed = probed(folder, atol=0.02)
    assert passed.outcome == "passed"
    assert float(passed.findings[-1].figure) == pytest.approx(0.01, rel=1e-3)
