"""Header blocks: the RFC's own examples, what no encoder may send, and whatever the bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.transport.http2 import hpack, huffman
from pilotage.transport.http2.errors import Broken, Code
from pilotage.transport.http2.hpack import Decoder, Field

HTTP = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")]
HTTPS = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/index.html"), (b":authority", b"www.example.com")]
REQUESTS = [HTTP, [*HTTP, (b"cache-control", b"no-cache")], [*HTTPS, (b"custom-key", b"custom-value")]]


@pytest.mark.parametrize(
    "blocks",
    [
        (
            "828684410f7777772e6578616d706c652e636f6d",
            "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ),
        (
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ),
    ],
    ids=["plain: RFC 7541, C.3", "Huffman: RFC 7541, C.4"],
)
def test_the_requests_of_the_rfc_mean_what_it_says(blocks: tuple[str, ...]) -> None:
    decoder = Decoder(1000)
    assert [decoder.decode(bytes.fromhex(block)) for block in blocks] == REQUESTS


def test_the_oldest_fields_make_room_for_new_ones() -> None:
    """RFC 7541, C.5: a table of 256 bytes."""
    decoder = Decoder(1000)
    decoder.decode(
        bytes.fromhex(
            "3fe101"  # the table's size
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54"
            "6e1768747470733a2f2f7777772e6578616d706c652e636f6d"
        )
    )
    assert decoder.decode(bytes.fromhex("4803333037c1c0bf"))[0] == (b":status", b"307")
    date = "611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54"
    cookie = b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1".hex()
    third = decoder.decode(bytes.fromhex(f"88c1{date}c05a04677a69707738{cookie}"))
    assert third[1] == (b"cache-control", b"private")
    assert third[3] == (b"location", b"https://www.example.com")
    with pytest.raises(Broken):
        decoder.decode(b"\xc1")  # three fields are left, and this would be the fourth


def test_an_entry_larger_than_the_table_empties_it() -> None:
    decoder = Decoder(10_000)
    decoder.decode(hex_literal(b"a", b"b"))
    assert decoder.decode(b"\xbe") == [(b"a", b"b")]
    decoder.decode(hex_literal(b"large", b"x" * 5000))
    with pytest.raises(Broken):
        decoder.decode(b"\xbe")


@pytest.mark.parametrize(
    ("why", "block", "code"),
    [
        ("no index is 0", "80", Code.COMPRESSION_ERROR),
        ("an index that no table has", "be", Code.COMPRESSION_ERROR),
        ("an index far beyond", "ffffffff07", Code.COMPRESSION_ERROR),
        ("a number without end", "ffffffffffffffffff", Code.COMPRESSION_ERROR),
        ("it ends inside a number", "ff", Code.COMPRESSION_ERROR),
        ("it ends inside a name", "400a6375", Code.COMPRESSION_ERROR),
        ("it ends before the value", "4001610a", Code.COMPRESSION_ERROR),
        ("a table larger than allowed", "3fe21f", Code.COMPRESSION_ERROR),
        ("the table's size after a field", "8220", Code.COMPRESSION_ERROR),
        ("Huffman's end of string", "0084ffffffff00", Code.COMPRESSION_ERROR),
        ("padding of a whole byte", "00821fff00", Code.COMPRESSION_ERROR),
        ("padding of zeros", "00811800", Code.COMPRESSION_ERROR),
        ("a value with the end of a line", "00016103610a62", Code.PROTOCOL_ERROR),
        ("a value with NUL", "0001610100", Code.PROTOCOL_ERROR),
    ],
)
def test_what_no_encoder_may_send_ends_the_connection(why: str, block: str, code: Code) -> None:
    with pytest.raises(Broken) as caught:
        Decoder(1000).decode(bytes.fromhex(block))
    assert caught.value.code is code, why


def test_a_small_block_that_unpacks_to_much_is_refused() -> None:
    decoder = Decoder(16_384)
    decoder.decode(hex_literal(b"a", b"x" * 4000))
    with pytest.raises(Broken, match="more than 16384 bytes") as caught:
        decoder.decode(b"\xbe" * 100)
    assert caught.value.code is Code.ENHANCE_YOUR_CALM


FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b":status", b":path", b"content-type", b"grpc-status", b"grpc-message"]),
        st.binary(max_size=300).map(lambda value: bytes(b for b in value if b not in b"\0\r\n")),
    )
)


@given(FIELDS)
def test_what_is_written_is_read_back(fields: list[Field]) -> None:
    assert Decoder(1 << 20).decode(hpack.encode(fields)) == fields


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_fuzz_whatever_the_blocks_the_table_stays_within_its_bounds(blocks: list[bytes]) -> None:
    decoder = Decoder(4096)
    for block in blocks:
        try:
            found = decoder.decode(block)
        except Broken:
            break
        assert sum(len(name) + len(value) + 32 for name, value in found) <= 4096
        assert decoder._bytes == sum(len(name) + len(value) + 32 for name, value in decoder._table) <= 4096


@given(st.binary(max_size=40))
def test_fuzz_a_huffman_code_is_read_or_refused(coded: bytes) -> None:
    try:
        text = huffman.decode(coded)
    except Broken:
        return
    assert len(text) * 5 <= len(coded) * 8  # no symbol is shorter than five bits
    assert len(text) * 30 > len(coded) * 8 - 8


def hex_literal(name: bytes, value: bytes) -> bytes:
    """A field to be remembered."""
    return b"\x40" + hpack._number(len(name), 0x7F) + name + hpack._number(len(value), 0x7F) + value
