"""Data of megabytes: read as exactly as small data, refused as well, and never twenty times its size in memory."""

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.bundle.format import Contract, Tensor
from pilotage.transport import tensordata
from pilotage.transport.errors import ProtocolError
from pilotage.transport.pieces import cut
from pilotage.transport.v2 import Codec

ROWS = 80_000
SENT = 100_000
MATRIX = Tensor("input", "FP32", (-1, 4))
CUBE = Tensor("input", "INT32", (-1, 2, 2))
TEXTS = Tensor("input", "BYTES", (-1, 2))
OUTPUTS = (Tensor("label", "INT64", (-1,)),)


def codec(tensor: Tensor) -> Codec:
    return Codec(Contract((tensor,), OUTPUTS))


def body(tensor: Tensor, shape: list[int], data: str, more: str = "") -> bytes:
    head = json.dumps({"name": tensor.name, "datatype": tensor.datatype, "shape": shape})[:-1]
    return f'{{"inputs":[{head},"data":{data}}}]{more}}}'.encode()


def refusal(tensor: Tensor, content: bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        codec(tensor).decode(content, None)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(
    ("tensor", "wanted"),
    [
        (MATRIX, np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)),
        (CUBE, np.arange(ROWS * 4, dtype=np.int32).reshape(ROWS, 2, 2)),
        (TEXTS, np.array([[f"a,{i}]", "["] for i in range(ROWS)], dtype=object)),
    ],
    ids=["a matrix", "a cube", "texts with commas and brackets"],
)
@pytest.mark.parametrize("separators", [(",", ":"), (" ,\n ", ":")], ids=["dense", "with spaces"])
def test_much_is_read_like_little(tensor: Tensor, wanted: Any, separators: tuple[str, str]) -> None:
    for data in (wanted.tolist(), wanted.ravel().tolist()):
        content = body(tensor, list(wanted.shape), json.dumps(data, separators=separators))
        assert len(content) > tensordata.LARGE
        found = codec(tensor).decode(content, None).inputs["input"]
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype


ONES = "[1.5,2.5,3.5,4.5]"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(f"[{','.join([ONES] * (SENT - 1))}]", "has 399996 elements; shape [100000, 4]", id="a row less"),
        pytest.param(f"[{','.join([ONES] * (SENT + 1))}]", "has 400004 elements; shape [100000, 4]", id="a row more"),
        pytest.param(f"[{','.join([ONES] * 90_000)},[1,2,3]]", "row 90000: 3 elements at depth 2", id="a short row"),
        pytest.param(f"[{','.join([ONES] * 90_000)},7]", "row 90000: no list at depth 2", id="a number for a row"),
        pytest.param(
            f"[{','.join([ONES] * 90_000)},[1,2,true,4]]", "row 90000, column 2: True is not a number", id="a boolean"
        ),
        pytest.param(
            f"[{','.join([ONES] * 90_000)},[1,2,3,1e39]]", "row 90000, column 3: 1e+39 is out of FP32's", id="too large"
        ),
        pytest.param(f"[{'1.5,' * 399_999}true]", "row 99999, column 3: True is not", id="a boolean at the very end"),
        pytest.param(f"[{'1.5,' * 399_999}[2]]", "row 99999, column 3: a list is not", id="a list at the very end"),
        pytest.param(f"[{'[1],' * 400_000}[2]]", "row 0: 1 elements at depth 2", id="rows of another width"),
        pytest.param(f"[{'[[1]],' * 400_000}[[2]]]", "row 0: 1 elements at depth 2", id="nested deeper"),
        pytest.param(f"[{'1,' * 600_000}2]", "has 600001 elements", id="more elements"),
        pytest.param(f'{{"a":[{"1," * 600_000}2]}}', "not a list", id="an object"),
        pytest.param(f'"{"1," * 600_000}2"', "not a list", id="a text"),
        pytest.param(f"[{'1,' * 600_000}]", "not a V2 inference request", id="a comma too many"),
    ],
)
def test_much_is_refused_like_little(data: str, says: str) -> None:
    assert says in refusal(MATRIX, body(MATRIX, [SENT, 4], data))


def test_a_shape_beyond_what_the_body_can_hold_is_refused_before_there_is_memory_for_it() -> None:
    said = refusal(MATRIX, body(MATRIX, [2**31 - 1, 4], f"[{','.join([ONES] * 90_000)}]"))
    assert "bytes of data; shape [2147483647, 4] takes more" in said


SIZE = 5 << 18
LABEL = '{"name":"label"},'


@pytest.mark.parametrize(
    ("tensor", "shape", "data", "more"),
    [
        pytest.param(MATRIX, [SIZE // 8, 4], f"[{'1,' * (SIZE // 2 - 1)}1]", "", id="the shortest numbers"),
        pytest.param(
            MATRIX, [SIZE // 10, 4], f"[{'[1,1,1,1],' * (SIZE // 10 - 1)}[1,1,1,1]]", "", id="rows of the shortest"
        ),
        pytest.param(MATRIX, [SIZE // 12, 4], f"[{'[],' * (SIZE // 3)}[]]", "", id="empty lists"),
        pytest.param(CUBE, [SIZE // 12, 2, 2], f"[{'[],' * (SIZE // 3)}[]]", "", id="empty lists for a cube"),
        pytest.param(TEXTS, [SIZE // 12, 2], f"[{'[],' * (SIZE // 3)}[]]", "", id="empty lists for texts"),
        pytest.param(MATRIX, [SIZE // 12, 4], f"[{'{},' * (SIZE // 3)}{{}}]", "", id="empty objects"),
        pytest.param(TEXTS, [SIZE // 12, 2], f"[{'{},' * (SIZE // 3)}{{}}]", "", id="empty objects for texts"),
        pytest.param(MATRIX, [1, 4], ONES, f',"parameters":{{"x":[{"[]," * (SIZE // 3)}[]]}}', id="a parameter"),
        pytest.param(MATRIX, [1, 4], ONES, f',"x":[{"[]," * (SIZE // 3)}[]]', id="an unknown field"),
        pytest.param(MATRIX, [1] * (SIZE // 2), ONES, "", id="a million dimensions"),
        pytest.param(MATRIX, [1, 4], ONES, f',"outputs":[{"{}," * (SIZE // 3)}{{}}]', id="outputs without a name"),
        pytest.param(
            MATRIX, [1, 4], ONES, f',"outputs":[{LABEL * (SIZE // len(LABEL))}{{"name":"label"}}]', id="the same output"
        ),
    ],
)
def test_a_body_takes_a_few_times_its_size_and_no_more(tensor: Tensor, shape: list[int], data: str, more: str) -> None:
    content = body(tensor, shape, data, more)
    reader = codec(tensor)
    tracemalloc.start()
    try:
        reader.decode(content, None)
    except ProtocolError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * len(content)


@given(
    rows=st.lists(st.lists(st.integers(0, 999), min_size=1, max_size=3), min_size=1, max_size=8),
    nested=st.booleans(),
    size=st.integers(1, 40),
    comma=st.sampled_from([",", " ,", ", ", "\n,\t"]),
    edge=st.sampled_from(["", " ", "\n "]),
)
def test_what_is_cut_is_all_there(rows: list[list[int]], nested: bool, size: int, comma: str, edge: str) -> None:
    whole: list[Any] = rows if nested else [value for row in rows for value in row]
    data = f"{edge}[{edge}{json.dumps(whole, separators=(comma, ':'))[1:-1]}{edge}]{edge}".encode()
    pieces = [json.loads(piece) for piece in cut(data, nested=nested, size=size)]
    assert [value for piece in pieces for value in piece] == whole
    assert all(pieces)
