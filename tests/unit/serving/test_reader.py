"""Bytes to requests: however they are cut, and only what can be read in one way."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.transport.http import NO_HEAD, Request
from pilotage.transport.limits import Limits
from pilotage.transport.reader import Heads, RequestReader

LIMITS = Limits(max_body=1000, connection_seconds=60, max_connections=10)
POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"POST /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;k=v\r\nab\r\n1\r\nc\r\n0\r\nT: t\r\n\r\n"
GET = b"GET /z?q=1 HTTP/1.1\r\nHost: a\r\n\r\n"
# What Java's HttpClient sends by default: an offer to go on in HTTP/2.
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
JAVA = POST.replace(b"Content-Length", OFFER + b"Content-Length")
JAVA_GET = GET.replace(b"Host", OFFER + b"Host")


def read(*parts: bytes) -> list[Request]:
    reader = RequestReader(LIMITS, Heads())
    requests = []
    for part in parts:
        if not reader.refused:
            requests += reader.feed(part, 1.0)
    return requests


def status(*parts: bytes) -> int:
    refusal = read(*parts)[-1].refusal
    assert refusal is not None
    return refusal.status


@given(cuts=st.sets(st.integers(1, len(POST + JAVA + CHUNKED + GET + JAVA_GET + POST) - 1)))
def test_however_the_bytes_are_cut_the_requests_are_the_same(cuts: set[int]) -> None:
    content = POST + JAVA + CHUNKED + GET + JAVA_GET + POST
    edges = [0, *sorted(cuts), len(content)]
    requests = read(*(content[start:end] for start, end in pairwise(edges)))
    assert [(r.head.method, r.head.path, r.body) for r in requests] == [
        ("POST", "/x", b"abc"),
        ("POST", "/x", b"abc"),
        ("POST", "/y", b"abc"),
        ("GET", "/z", b""),
        ("GET", "/z", b""),
        ("POST", "/x", b"abc"),
    ]
    assert all(request.head.keep_alive and request.refusal is None for request in requests)


@given(content=st.binary(max_size=200), cut=st.integers(0, 200))
def test_no_bytes_raise_anything(content: bytes, cut: int) -> None:
    read(content[:cut], content[cut:])
    read(POST[:cut] + content)


@pytest.mark.parametrize(
    ("content", "keep_alive", "http_1_0"),
    [
        (GET, True, False),
        (GET.replace(b"Host", b"Connection: close\r\nHost"), False, False),
        (b"GET / HTTP/1.0\r\n\r\n", False, True),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True, True),
    ],
)
def test_a_connection_is_kept_as_its_client_asks(content: bytes, keep_alive: bool, http_1_0: bool) -> None:
    (request,) = read(content)
    assert (request.head.keep_alive, request.head.http_1_0, request.refusal) == (keep_alive, http_1_0, None)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00", 400, id="TLS on the plain port"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2 without being asked"),
        pytest.param(b"GET /\r\n\r\n", 505, id="HTTP/0.9"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(GET.replace(b"Host", b"Host: b\r\nHost"), 400, id="two Hosts"),
        pytest.param(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, id="CONNECT"),
        pytest.param(POST.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"), 400, id="two ways to end a body"),
        pytest.param(POST.replace(b"Host", b"Content-Length: 4\r\nHost"), 400, id="two lengths"),
        pytest.param(POST.replace(b": 3", b": 3x"), 400, id="a length that is no number"),
        pytest.param(POST.replace(b": 3", b": -3"), 400, id="a negative length"),
        pytest.param(POST.replace(b": 3", b": 99999999999999999999999"), 400, id="a length beyond 64 bits"),
        pytest.param(POST.replace(b"Host:", b"Host :"), 400, id="a space before the colon"),
        pytest.param(POST.replace(b"Host: a", b"Host: a\r\n folded"), 400, id="a folded header"),
        pytest.param(POST.replace(b"Host: a", b"Host: a\nX: y"), 400, id="a bare line feed"),
        pytest.param(CHUNKED.replace(b"chunked", b"chunked, gzip"), 400, id="chunked, but not at last"),
        pytest.param(CHUNKED.replace(b"chunked", b"gzip, chunked"), 501, id="a transfer coding that nobody reads"),
        pytest.param(CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0"), 501, id="chunked in HTTP/1.0"),
        pytest.param(CHUNKED.replace(b"2;k=v", b"zz"), 400, id="a chunk size that is no number"),
        pytest.param(POST.replace(b"Host", b"Content-Encoding: br\r\nHost"), 415, id="a body packed in another way"),
        pytest.param(
            POST.replace(b"Host", b"Inference-Header-Content-Length: -1\r\nHost"), 400, id="a head of no length"
        ),
        pytest.param(POST.replace(b"Host", b"Expect: tea\r\nHost"), 417, id="an expectation that nobody meets"),
        pytest.param(POST.replace(b": 3", b": 1001"), 413, id="a body said to be too large, before it comes"),
        pytest.param(CHUNKED.replace(b"2;k=v\r\nab", b"3e9\r\n" + b"a" * 1001), 413, id="a body found too large"),
        pytest.param(GET.replace(b"/z", b"/" + b"z" * 70_000), 431, id="an endless target"),
        pytest.param(GET.replace(b"Host", b"X: y\r\n" * 40_000 + b"Host"), 431, id="endless headers"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_refused_and_ends_the_connection(content: bytes, wanted: int) -> None:
    assert status(content) == wanted


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", id="one endless header"),
        pytest.param(b"GET /", id="one endless target"),
        pytest.param(CHUNKED.removesuffix(b"t\r\n\r\n"), id="one endless trailer"),
        pytest.param(CHUNKED[: CHUNKED.index(b"=v")], id="one endless chunk extension"),
    ],
)
def test_what_is_no_body_is_bounded_while_it_comes(start: bytes) -> None:
    assert status(start, *[b"x" * 1000] * 200) == 431


def test_a_refused_request_is_the_last() -> None:
    requests = read(GET + POST.replace(b": 3", b": 1001") + GET)
    assert [request.refusal is None for request in requests] == [True, False]
    assert requests[1].head.path == "/x"


def test_a_client_that_waits_to_be_told_to_go_on_is_known() -> None:
    reader = RequestReader(LIMITS, Heads())
    head, _, content = POST.replace(b"Host", b"Expect: 100-continue\r\nHost").partition(b"abc")
    assert head
    assert not content
    assert reader.feed(head, 1.0) == []
    assert reader.wants_continue
    (request,) = reader.feed(b"abc", 2.0)
    assert not reader.wants_continue
    assert (request.body, request.arrived) == (b"abc", 2.0)


def test_a_proxys_absolute_target_is_a_path() -> None:
    (request,) = read(b"GET HTTP://fraud.example.com/v2/models?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert request.head.path == "/v2/models"


def read_with(heads: Heads, *parts: bytes) -> RequestReader:
    reader = RequestReader(LIMITS, heads)
    for part in parts:
        reader.feed(part, 1.0)
    return reader


@pytest.mark.parametrize("content", [POST, GET, POST.replace(b"Host", b"Connection: close\r\nHost")])
def test_a_head_that_was_read_before_is_known_by_any_connection(content: bytes) -> None:
    heads = Heads()
    assert heads.find(content) is NO_HEAD
    (request,) = RequestReader(LIMITS, heads).feed(content, 1.0)
    again = content[:-3] + b"xyz" if content.startswith(b"POST") else content
    assert heads.find(again) is request.head
    assert (request.head.text + request.body, request.head.whole) == (content, len(content))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(POST + GET, id="one request and the next"),
        pytest.param(POST[:-1], id="one that is not whole"),
        pytest.param(POST + b"x", id="one byte too many"),
        pytest.param(POST.replace(b": 3", b": 4"), id="another length"),
    ],
)
def test_what_is_not_just_one_request_with_a_known_head_is_parsed(content: bytes) -> None:
    heads = Heads()
    read_with(heads, POST, GET)
    assert heads.find(content) is NO_HEAD


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(CHUNKED, id="chunks"),
        pytest.param(JAVA, id="an offer to upgrade"),
        pytest.param(POST.replace(b"Host", b"Expect: 100-continue\r\nHost"), id="one that waits to be told to go on"),
        pytest.param(POST.replace(b"POST", b"P(ST"), id="no HTTP"),
        pytest.param(POST.replace(b": 3", b": 3\r\nContent-Length: 4"), id="two lengths"),
        pytest.param(POST.replace(b"Host", b"X: " + b"x" * 4000 + b"\r\nHost"), id="a long one"),
    ],
)
def test_a_head_that_needs_a_closer_look_is_not_kept(content: bytes) -> None:
    heads = Heads()
    read_with(heads, content)
    assert heads.find(content) is NO_HEAD


def test_between_requests_a_connection_keeps_no_body() -> None:
    reader = read_with(Heads(), CHUNKED, POST)
    assert (len(reader._body), len(reader._requests)) == (0, 0)


def test_heads_that_are_all_different_are_forgotten_in_time() -> None:
    heads = Heads()
    for number in range(2000):
        read_with(heads, GET.replace(b"q=1", b"q=%d" % number))
    assert len(heads._known) <= 512
