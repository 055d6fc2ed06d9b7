"""The access log: who was answered, bounded by the second, and whatever a caller sends stays within its line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import Contract, Tensor
from pilotage.transport.log.access import AccessLog
from tests.unit.serving.logged import CONTRACT, IDENTITY, PATIENT, asked

OPEN = Contract((Tensor("input", "FP32", (-1, 3)),), CONTRACT.outputs)


class Written:
    """Keeps lines, as long as it is not full."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.full = False

    def __call__(self, line: bytes) -> bool:
        if not self.full:
            self.lines.append(line)
        return not self.full

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def access(written: Written, contract: Contract = CONTRACT, per_second: int = 2, errors: int = 3) -> AccessLog:
    return AccessLog(
        IDENTITY,
        contract,
        written,
        per_second=per_second,
        errors_per_second=errors,
        now=lambda: 1_700_000_000.25,
    )


def test_a_line_says_who_answered_what_and_how_long_it_took() -> None:
    written = Written()
    access(written).answered(200, 0.0123456, "rest", asked(16))
    assert written.documents == [
        {
            "time": "2023-11-14T22:13:20.250+00:00",
            "level": "info",
            "logger": "access",
            "code": 200,
            "duration_ms": 12.346,
            "transport": "rest",
            "model": "fraud-prod",
            "version": "fraud-v3",
            "revision": "1a2b3c4d5e",
            "id": "r-1",
            "rows": 16,
        }
    ]


def test_a_request_that_could_not_be_read_has_no_id_no_rows_and_no_wait() -> None:
    written = Written()
    access(written).answered(400, 0.1, "rest", error="the body is empty")
    assert not {"id", "rows"} & written.documents[0].keys()


def test_a_model_without_a_free_first_dimension_takes_one_row() -> None:
    written = Written()
    contract = Contract((Tensor("input", "FP32", (16, 3)),), CONTRACT.outputs)
    access(written, contract).answered(200, 0.1, "rest", asked(16))
    assert written.documents[0]["rows"] == 1


@pytest.mark.parametrize(("code", "level"), [(200, "info"), (400, "warning"), (429, "warning"), (500, "error")])
def test_an_answer_has_the_level_of_its_code(code: int, level: str) -> None:
    written = Written()
    access(written).answered(code, 0.1, "grpc", error="" if code == 200 else "a sentence")
    assert written.documents[0]["level"] == level
    assert written.documents[0].get("error", "") == ("" if code == 200 else "a sentence")


def test_a_second_has_so_many_good_lines_and_so_many_of_errors_and_says_what_it_left_out() -> None:
    written = Written()
    log = access(written)
    for second in range(3):
        for _ in range(1000):
            log.answered(200, 0.1, "rest")
            log.answered(503, 0.1, "rest")
        log.tick()
        lines = written.documents[6 * second :]
        assert [line.get("code") for line in lines] == [200, 503, 200, 503, 503, None]
        assert (lines[-1]["good"], lines[-1]["errors"]) == (998, 997)


def test_a_quiet_second_saves_nothing_up_and_says_nothing() -> None:
    written = Written()
    log = access(written)
    for _ in range(5):
        log.tick()
    assert written.lines == []
    for _ in range(5):
        log.answered(200, 0.1, "rest")
    assert len(written.lines) == 2


def test_with_no_lines_allowed_only_the_number_is_told() -> None:
    written = Written()
    log = access(written, per_second=0, errors=0)
    log.answered(200, 0.1, "rest")
    log.answered(500, 0.1, "rest")
    log.tick()
    assert [(line["good"], line["errors"]) for line in written.documents] == [(1, 1)]


def test_lines_that_nobody_takes_are_told_as_left_out_once_somebody_does() -> None:
    written = Written()
    log = access(written)
    written.full = True
    for code in (200, 200, 200, 500):
        log.answered(code, 0.1, "rest")
    log.tick()
    written.full = False
    log.tick()
    assert [(line["good"], line["errors"]) for line in written.documents] == [(3, 1)]


@PATIENT
@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_no_id_and_no_error_breaks_its_line(request_id: str, error: str) -> None:
    written = Written()
    access(written).answered(400, 0.1, "rest", request=asked(request_id=request_id), error=error)
    (line,) = written.lines
    assert line.endswith(b"}\n")
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    said = json.loads(line)["id"]
    assert said == "".join("?" if "\ud800" <= letter <= "\udfff" else letter for letter in request_id[:128])


def test_a_long_id_and_a_long_error_are_cut() -> None:
    written = Written()
    access(written).answered(400, 0.1, "rest", request=asked(request_id="\U0001f600" * 10_000), error="\x00" * 10_000)
    assert len(written.lines[0]) < 5000


@pytest.mark.parametrize(
    ("contract", "error", "logged"),
    [
        pytest.param(CONTRACT, "input 'input', row 0, feature 'income': 123 is not a text",
                     "input 'input', row 0, feature 'income': redacted", id="a value of an input that hides something"),
        pytest.param(CONTRACT, "input 'input' has no data", "input 'input' has no data", id="no value"),
        pytest.param(CONTRACT, "overloaded: come again", "overloaded: come again", id="no input is named"),
        pytest.param(OPEN, "input 'input', row 0: 'x' is not a number",
                     "input 'input', row 0: 'x' is not a number", id="nothing to hide"),
    ],
)  # fmt: skip
def test_an_error_tells_no_value_that_the_contract_redacts(contract: Contract, error: str, logged: str) -> None:
    written = Written()
    access(written, contract).answered(400, 0.1, "rest", error=error)
    assert written.documents[0]["error"] == logged
