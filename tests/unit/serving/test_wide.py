"""What simdjson reads, and what it leaves to the other decoder."""

import json
from typing import Any

import numpy as np
import pytest

from pilotage.bundle.format import Contract, Tensor
from pilotage.transport import wide

WIDTH = 200
ROW = [0.5 * i for i in range(WIDTH - 1)] + [2**53 + 1]
OUTPUTS = (Tensor("label", "INT64", (-1,)),)


def reader(*inputs: Tensor) -> wide.WideReader | None:
    return wide.reader(Contract(inputs or (Tensor("input", "FP32", (-1, WIDTH)),), OUTPUTS))


def body(data: Any, rows: Any = 1, width: Any = WIDTH, more: str = "", **changes: Any) -> bytes:
    tensor = {"name": "input", "datatype": "FP32", "shape": [rows, width], "data": data, **changes}
    return f'{{"inputs":[{json.dumps(tensor)}]{more}}}'.encode()


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param(body(ROW), [ROW], id="flat"),
        pytest.param(body([ROW]), [ROW], id="a row"),
        pytest.param(body(ROW * 2, 2), [ROW] * 2, id="two rows, flat"),
        pytest.param(body([ROW] * 2, 2), [ROW] * 2, id="two rows"),
        pytest.param(body([7] * WIDTH), [[7] * WIDTH], id="whole numbers"),
        pytest.param(body([1e37] * WIDTH), [[1e37] * WIDTH], id="very large numbers"),
    ],
)
def test_rows_of_numbers_are_read(content: bytes, rows: list[list[float]]) -> None:
    given = reader()
    assert given is not None
    for _ in range(2):  # one parser reads all requests, one after the other
        found = given.read(content)
        assert found is not None
        assert found[0] == ""
        assert found[1].dtype == np.float32
        np.testing.assert_array_equal(found[1], np.array(rows, np.float32))


def test_an_id_is_read() -> None:
    given = reader()
    assert given is not None
    found = given.read(body(ROW, more=',"id":"é"'))
    assert found is not None
    assert found[0] == "é"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(body(ROW)[:-1], id="JSON that is cut"),
        pytest.param(body(ROW) + b"x", id="JSON with more behind"),
        pytest.param(body([None, *ROW[1:]]), id="a gap"),
        pytest.param(body([True, *ROW[1:]]), id="a boolean"),
        pytest.param(body(["1", *ROW[1:]]), id="a text"),
        pytest.param(body([[1.0], *ROW[1:]]), id="a list for a number"),
        pytest.param(body([[[1.0], *ROW[1:]]]), id="a list for a number of a row"),
        pytest.param(body([ROW, ROW[1:]], 2), id="a short row"),
        pytest.param(body([ROW, [*ROW[1:], [1.0]]], 2), id="a row that ends with a list"),
        pytest.param(body([1e39, *ROW[1:]]), id="a number beyond FP32"),
        pytest.param(body([3.4e38] * WIDTH), id="numbers that are nearly beyond FP32"),
        pytest.param(body([2**64, *ROW[1:]]), id="a whole number beyond 64 bits"),
        pytest.param(body(ROW, 2), id="too few numbers"),
        pytest.param(body(ROW, True), id="a boolean for a size"),
        pytest.param(body(ROW, 1, float(WIDTH)), id="a size with a point"),
        pytest.param(body(ROW, name="output"), id="another name"),
        pytest.param(body(ROW, datatype="FP64"), id="another datatype"),
        pytest.param(body(ROW, parameters={}), id="parameters of the input"),
        pytest.param(body(ROW, more=',"parameters":{}'), id="parameters"),
        pytest.param(body(ROW, more=',"outputs":[]'), id="outputs"),
        pytest.param(body(ROW, more=',"id":1'), id="an id that is a number"),
        pytest.param(body(ROW, more=',"inputs":1'), id="inputs twice"),
        pytest.param(body(ROW, more=',"x":' + "[" * 2000 + "]" * 2000), id="deep nesting"),
        pytest.param(body([*ROW, *ROW] * 3000, 6000), id="more than a megabyte"),
    ],
)
def test_all_else_is_left_alone(content: bytes) -> None:
    given = reader()
    assert given is not None
    assert given.read(content) is None
    assert given.read(body(ROW)) is not None  # and it goes on reading


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param((Tensor("input", "FP32", (-1, 30)),), id="few features"),
        pytest.param((Tensor("input", "FP32", (-1, -1)),), id="any number of features"),
        pytest.param((Tensor("input", "INT64", (-1, WIDTH)),), id="whole numbers"),
        pytest.param((Tensor("input", "FP32", (-1, WIDTH, 2)),), id="a cube"),
        pytest.param((Tensor("a", "FP32", (-1, WIDTH)), Tensor("b", "FP32", (-1, WIDTH))), id="two inputs"),
    ],
)
def test_other_contracts_have_no_such_reader(inputs: tuple[Tensor, ...]) -> None:
    assert reader(*inputs) is None
