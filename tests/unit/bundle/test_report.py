import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import BundleDocument, Contract, Tensor
from pilotage.checks.report import MAX_BYTES, PATH_VARIABLE, Finding, Report, render, write

texts = st.text(st.characters(), max_size=3000)
findings = st.builds(
    Finding,
    check=st.sampled_from(["digest", "structure", "load", "golden"]),
    verdict=st.sampled_from(["pass", "fail"]),
    figure=texts,
    limit=texts,
    message=texts,
)
tensors = st.builds(
    Tensor,
    name=texts,
    datatype=st.just("FP32"),
    shape=st.lists(st.integers(-1, 10**9), max_size=8).map(tuple),
)
contracts = st.builds(
    Contract, inputs=st.lists(tensors, max_size=20).map(tuple), outputs=st.lists(tensors, max_size=20).map(tuple)
)
documents = st.builds(
    BundleDocument,
    name=st.just("f" * 52),
    version=st.just("9" * 63),
    contract=contracts,
    provenance=st.just({}),
    metrics=st.just({}),
)
reports = st.builds(
    Report,
    step=st.sampled_from(["fetch", "probe"]),
    outcome=st.sampled_from(["passed", "refused", "unavailable"]),
    findings=st.lists(findings, max_size=20).map(tuple),
    document=st.none() | documents,
    classes=st.dictionaries(texts, st.lists(texts, max_size=100), max_size=3),
)


@given(report=reports)
def test_a_report_always_fits_and_parses(report: Report) -> None:
    content = render(report)
    assert len(content) <= MAX_BYTES
    read = json.loads(content)
    assert (read["step"], read["outcome"]) == (report.step, report.outcome)
    assert [entry["verdict"] for entry in read["report"]] == [finding.verdict for finding in report.findings[:16]]
    if report.document is not None:
        assert read["contract"]["hash"] == report.document.contract.hash()


def test_classes_are_left_out_before_tensors() -> None:
    label = Tensor("label", "INT64", (-1,))
    document = BundleDocument("fraud", "3", Contract((label,), (label,)), {}, {})
    many = {"label": ["x" * 100 + str(n) for n in range(100)]}
    read = json.loads(render(Report("probe", "passed", (), document, many)))
    assert read["contract"]["outputs"] == [label.signature()]


def test_a_short_report_is_told_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = Tensor("input", "FP32", (-1, 30))
    document = BundleDocument("fraud", "3", Contract((tensor,), (tensor, Tensor("label", "INT64", (-1,)))), {}, {})
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "report"))
    found = (Finding("golden", "fail", "0.2", "1e-05", "differs"),)
    write(Report("probe", "refused", found, document, {"label": ("0", "1")}))
    assert json.loads((tmp_path / "report").read_text()) == {
        "step": "probe",
        "outcome": "refused",
        "report": [{"check": "golden", "verdict": "fail", "figure": "0.2", "limit": "1e-05", "message": "differs"}],
        "model": "fraud",
        "version": "3",
        "contract": {
            "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 30]}],
            "outputs": [
                {"name": "input", "datatype": "FP32", "shape": [-1, 30]},
                {"name": "label", "datatype": "INT64", "shape": [-1], "classes": ["0", "1"]},
            ],
            "hash": document.contract.hash(),
        },
    }
