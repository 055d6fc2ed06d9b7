"""gzip: what was packed comes out, and nothing is unpacked beyond the limit."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.transport.encoding import deflate, inflate
from pilotage.transport.errors import ProtocolError

LIMIT = 300_000


@pytest.mark.parametrize("content", [b"", b"a", b"ab" * 150_000], ids=["nothing", "a byte", "as much as is allowed"])
def test_what_was_packed_comes_out(content: bytes) -> None:
    assert inflate(deflate(content), LIMIT) == content
    assert inflate(gzip.compress(content), LIMIT) == content
    assert gzip.decompress(deflate(content)) == content


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        pytest.param(gzip.compress(b"a" * (LIMIT + 1)), 413, "more than 300000 bytes", id="a byte over the limit"),
        pytest.param(b"", 400, "ends too early", id="nothing"),
        pytest.param(b"{}", 400, "is not gzip", id="JSON"),
        pytest.param(gzip.compress(b"abc")[:-1], 400, "ends too early", id="a byte missing"),
        pytest.param(gzip.compress(b"abc")[:5], 400, "ends too early", id="half a header"),
        pytest.param(gzip.compress(b"abc") + b"x", 400, "after its end", id="a byte too many"),
        pytest.param(gzip.compress(b"abc") * 2, 400, "send one gzip member", id="two members"),
        pytest.param(gzip.compress(b"abc")[:-5] + b"xxxxx", 400, "is not gzip", id="a wrong checksum"),
        pytest.param(zlib.compress(b"abc"), 400, "is not gzip", id="zlib, which some call deflate"),
    ],
)
def test_what_is_not_right_is_refused(body: bytes, status: int, says: str) -> None:
    with pytest.raises(ProtocolError, match=says) as caught:
        inflate(body, LIMIT)
    assert caught.value.status == status


def test_a_bomb_takes_no_more_memory_than_a_body_may() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError) as caught:
            inflate(bomb, LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.status == 413
    assert peak < 3 * LIMIT + len(bomb)  # the limit, what is left of the bomb, and room to grow


@given(st.binary(max_size=200) | st.binary(max_size=200).map(gzip.compress))
def test_whatever_the_bytes_only_the_typed_error_is_raised(body: bytes) -> None:
    status = 200
    try:
        assert len(inflate(body, 100)) <= 100
    except ProtocolError as error:
        status = error.status
    assert status in (200, 400, 413)
