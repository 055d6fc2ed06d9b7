"""HTTP/2 as its RFC has it, against a transport that only remembers."""

from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.transport.http2 import frames, hpack
from pilotage.transport.http2.connection import Connection, Shared
from pilotage.transport.http2.errors import Code
from pilotage.transport.http2.frames import ACK, END_HEADERS, END_STREAM, PREFACE, Kind, Setting, frame
from pilotage.transport.http2.outbox import MAX_WINDOW
from pilotage.transport.http2.streams import MAX_STREAMS
from pilotage.transport.limits import Limits
from tests.unit.serving.wire import END, POST, FakeTransport, Listener, Wire, request

LIMITS = Limits(max_body=1000, connection_seconds=60, max_connections=100)
BLOCK = hpack.encode(POST)
OPEN = frame(Kind.HEADERS, END_HEADERS, 1, BLOCK)  # a request whose body is to come
WHOLE = request(1)
ANSWER = [Kind.HEADERS, Kind.DATA, Kind.HEADERS]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def shared(listener: Listener) -> Shared:
    return Shared(listener.accept, LIMITS)


def test_a_request_is_answered(shared: Shared) -> None:
    wire = Wire(shared)
    wire.ask(1, b"body")
    headers, data, trailers = wire.read()
    assert (wire.fields(headers), data.payload, wire.fields(trailers)) == (
        {b":status": b"200"},
        b"hello",
        {b"end": b"1"},
    )
    assert (headers.flags, data.flags, trailers.flags) == (END_HEADERS, 0, END_HEADERS | END_STREAM)


@pytest.mark.parametrize("size", [1, 7, 30])
def test_pieces_of_any_size_are_the_same_to_it(shared: Shared, listener: Listener, size: int) -> None:
    wire = Wire(shared, greet=False)
    sent = PREFACE + frames.settings({}) + request(1, b"one") + request(3, b"two")
    for start in range(0, len(sent), size):
        wire.send(sent[start : start + size])
    assert listener.heard == ["1 finished one", "3 finished two"]


def test_headers_may_come_in_several_frames_padded_and_with_a_priority(shared: Shared, listener: Listener) -> None:
    wire = Wire(shared)
    priority = b"\0\0\0\0\x10"
    flags = END_STREAM | frames.PADDED | frames.HAS_PRIORITY
    wire.send(frame(Kind.HEADERS, flags, 1, b"\x03" + priority + BLOCK[:5] + b"\0" * 3))
    wire.send(frame(Kind.CONTINUATION, 0, 1, BLOCK[5:9]) + frame(Kind.CONTINUATION, END_HEADERS, 1, BLOCK[9:]))
    assert listener.heard == ["1 finished"]


def test_a_request_may_end_with_trailers(shared: Shared, listener: Listener) -> None:
    wire = Wire(shared)
    wire.send(OPEN + frame(Kind.DATA, 0, 1, b"body"))
    wire.send(frame(Kind.HEADERS, END_HEADERS | END_STREAM, 1, hpack.encode([(b"sum", b"4")])))
    assert listener.heard == ["1 finished body"]


CONNECTION_FAULTS = {
    "another protocol": (b"GET / HTTP/1.1\r\n\r\n", Code.PROTOCOL_ERROR),
    "no settings first": (PREFACE + frame(Kind.PING, 0, 0, bytes(8)), Code.PROTOCOL_ERROR),
    "a frame that is too large": (b"\xff\xff\xff" + bytes(6), Code.FRAME_SIZE_ERROR),
    "a frame inside of headers": (frame(Kind.HEADERS, 0, 1, BLOCK) + frame(Kind.PING, 0, 0), Code.PROTOCOL_ERROR),
    "a continuation of nothing": (frame(Kind.CONTINUATION, END_HEADERS, 1), Code.PROTOCOL_ERROR),
    "headers of the server's side": (request(2), Code.PROTOCOL_ERROR),
    "headers of no stream": (request(0), Code.PROTOCOL_ERROR),
    "headers of a smaller number": (request(5) + request(3), Code.PROTOCOL_ERROR),
    "headers of a stream that has ended": (request(1) + request(1), Code.STREAM_CLOSED),
    "headers that are no HPACK": (frame(Kind.HEADERS, END_HEADERS, 1, b"\x80"), Code.COMPRESSION_ERROR),
    "headers without end": (frame(Kind.HEADERS, 0, 1, bytes(9000)) + frame(Kind.CONTINUATION, 0, 1, bytes(9000)),
                            Code.ENHANCE_YOUR_CALM),
    "data of a stream never begun": (frame(Kind.DATA, 0, 7, b"x"), Code.PROTOCOL_ERROR),
    "data padded beyond its size": (OPEN + frame(Kind.DATA, frames.PADDED, 1, b"\x05ab"), Code.PROTOCOL_ERROR),
    "a reset of half a code": (OPEN + frame(Kind.RST_STREAM, 0, 1, b"\0"), Code.FRAME_SIZE_ERROR),
    "a reset of a stream never begun": (frame(Kind.RST_STREAM, 0, 7, bytes(4)), Code.PROTOCOL_ERROR),
    "a push": (frame(Kind.PUSH_PROMISE, 0, 1, bytes(4)), Code.PROTOCOL_ERROR),
    "half a setting": (frame(Kind.SETTINGS, 0, 0, b"\0"), Code.FRAME_SIZE_ERROR),
    "settings of a stream": (frame(Kind.SETTINGS, 0, 1), Code.PROTOCOL_ERROR),
    "an acknowledgement that says something": (frame(Kind.SETTINGS, ACK, 0, bytes(6)), Code.FRAME_SIZE_ERROR),
    "a window that is too large": (frames.settings({Setting.INITIAL_WINDOW_SIZE: 1 << 31}), Code.FLOW_CONTROL_ERROR),
    "frames that are too small": (frames.settings({Setting.MAX_FRAME_SIZE: 100}), Code.PROTOCOL_ERROR),
    "a ping of seven bytes": (frame(Kind.PING, 0, 0, bytes(7)), Code.FRAME_SIZE_ERROR),
    "a ping of a stream": (frame(Kind.PING, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "a window that grows by nothing": (frames.window_update(0, 0), Code.PROTOCOL_ERROR),
    "a window that grows too much": (frames.window_update(0, MAX_WINDOW), Code.FLOW_CONTROL_ERROR),
    "a farewell of a stream": (frame(Kind.GOAWAY, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "code"), CONNECTION_FAULTS.values(), ids=CONNECTION_FAULTS)
def test_what_ends_the_connection_says_why(shared: Shared, listener: Listener, sent: bytes, code: Code) -> None:
    wire = Wire(shared, greet=not sent.startswith((b"PRI", b"GET")))
    wire.send(sent)
    last = wire.read()[-1]
    assert (last.kind, last.code, wire.ended) == (Kind.GOAWAY, code, "eof")
    assert last.payload[8:], "a reason in words"
    wire.send(request(101))
    assert not wire.read()


STREAM_FAULTS = {
    "no path": (request(1, b"", POST[:2]), Code.PROTOCOL_ERROR),
    "two paths": (request(1, b"", [*POST, (b":path", b"/b")]), Code.PROTOCOL_ERROR),
    "a pseudo-field of answers": (request(1, b"", [*POST, (b":status", b"200")]), Code.PROTOCOL_ERROR),
    "a pseudo-field after a field": (request(1, b"", [*POST[:3], (b"a", b"b"), POST[3]]), Code.PROTOCOL_ERROR),
    "a field in capitals": (request(1, b"", [*POST, (b"A", b"b")]), Code.PROTOCOL_ERROR),
    "a field of HTTP/1.1": (request(1, b"", [*POST, (b"transfer-encoding", b"chunked")]), Code.PROTOCOL_ERROR),
    "a field without a name": (request(1, b"", [*POST, (b"", b"b")]), Code.PROTOCOL_ERROR),
    "te that is not trailers": (request(1, b"", [*POST, (b"te", b"gzip")]), Code.PROTOCOL_ERROR),
    "a length that is no number": (request(1, b"ab", [*POST, (b"content-length", b"-2")]), Code.PROTOCOL_ERROR),
    "a body shorter than its length": (request(1, b"ab", [*POST, (b"content-length", b"3")]), Code.PROTOCOL_ERROR),
    "a body longer than its length": (request(1, b"ab", [*POST, (b"content-length", b"1")]), Code.PROTOCOL_ERROR),
    "trailers with a path": (OPEN + request(1), Code.PROTOCOL_ERROR),
    "trailers that end nothing": (OPEN + frame(Kind.HEADERS, END_HEADERS, 1, b""), Code.PROTOCOL_ERROR),
    "a priority of half the size": (OPEN + frame(Kind.PRIORITY, 0, 1, b"\0"), Code.FRAME_SIZE_ERROR),
    "a stream that depends on itself": (OPEN + frame(Kind.PRIORITY, 0, 1, b"\0\0\0\1\0"), Code.PROTOCOL_ERROR),
    "a window of a stream that grows by nothing": (OPEN + frames.window_update(1, 0), Code.PROTOCOL_ERROR),
    "a window of a stream that grows too much": (OPEN + frames.window_update(1, MAX_WINDOW), Code.FLOW_CONTROL_ERROR),
    "more than it has room for": (OPEN + frame(Kind.DATA, 0, 1, bytes(16_000)) * 5, Code.FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize(("sent", "code"), STREAM_FAULTS.values(), ids=STREAM_FAULTS)
def test_what_ends_one_stream_leaves_the_others(shared: Shared, listener: Listener, sent: bytes, code: Code) -> None:
    wire = Wire(shared)
    wire.send(sent)
    (reset,) = wire.read()
    assert (reset.kind, reset.stream, reset.code) == (Kind.RST_STREAM, 1, code)
    wire.ask(3)
    assert wire.kinds() == ANSWER
    assert "1 finished" not in listener.heard


def test_data_for_a_stream_that_has_ended_is_refused_once_the_client_must_know(shared: Shared) -> None:
    wire = Wire(shared)
    wire.ask(1)
    wire.read()
    wire.send(frame(Kind.DATA, 0, 1, b"late"))
    (reset,) = wire.read()
    assert (reset.kind, reset.code) == (Kind.RST_STREAM, Code.STREAM_CLOSED)
    wire.send(frame(Kind.DATA, 0, 1, b"later"))  # sent before the client had heard of it
    assert wire.read() == []


def test_an_answer_waits_for_the_windows_of_its_stream_and_of_the_connection(
    shared: Shared, listener: Listener
) -> None:
    listener.answer = bytes(100_000)
    wire = Wire(shared)
    wire.send(frames.settings({Setting.INITIAL_WINDOW_SIZE: 10}))
    wire.ask(1)
    assert sum(len(f.payload) for f in wire.read() if f.kind is Kind.DATA) == 10
    wire.send(frames.window_update(1, 90_000))  # now the connection's window is the narrower one
    data = [f for f in wire.read() if f.kind is Kind.DATA]
    assert sum(len(f.payload) for f in data) == 65_525
    assert max(len(f.payload) for f in data) == frames.MAX_PAYLOAD
    wire.send(frames.window_update(0, 1 << 20))
    assert sum(len(f.payload) for f in wire.read()) == 90_010 - 65_535
    wire.send(frames.settings({Setting.INITIAL_WINDOW_SIZE: 9_999}))  # one byte is missing
    *_, data_frame = wire.read()
    assert len(data_frame.payload) == 9_989
    wire.send(frames.window_update(1, 1))
    assert [(f.kind, f.flags & END_STREAM) for f in wire.read()] == [(Kind.DATA, 0), (Kind.HEADERS, END_STREAM)]


def test_a_stream_that_waits_does_not_hold_up_the_others(shared: Shared) -> None:
    wire = Wire(shared)
    wire.send(frames.settings({Setting.INITIAL_WINDOW_SIZE: 0}))
    wire.ask(1)
    wire.ask(3)
    wire.read()
    wire.send(frames.window_update(3, 5))
    assert [(f.kind, f.stream) for f in wire.read()] == [(Kind.DATA, 3), (Kind.HEADERS, 3)]


def test_answers_that_nobody_takes_are_not_kept_without_end(shared: Shared, listener: Listener) -> None:
    listener.answer = bytes(1 << 20)
    wire = Wire(shared)
    wire.send(frames.settings({Setting.INITIAL_WINDOW_SIZE: 0}))
    for stream in range(1, 41, 2):
        wire.ask(stream)
    resets = [f for f in wire.read() if f.kind is Kind.RST_STREAM]
    assert len(resets) == 15
    assert {reset.code for reset in resets} == {Code.ENHANCE_YOUR_CALM}
    for _ in range(int(LIMITS.body_seconds) + 1):
        shared.tick()
    assert [f.code for f in wire.read() if f.kind is Kind.RST_STREAM] == [Code.CANCEL] * 5  # it has waited long enough


def test_more_streams_than_agreed_are_refused_and_may_be_asked_for_again(shared: Shared, listener: Listener) -> None:
    listener.answer = None
    wire = Wire(shared)
    for number in range(MAX_STREAMS + 1):
        wire.ask(2 * number + 1)
    (refused,) = wire.read()
    assert (refused.stream, refused.code) == (2 * MAX_STREAMS + 1, Code.REFUSED_STREAM)
    listener.streams[0].end(END)
    wire.read()
    wire.ask(2 * MAX_STREAMS + 3)
    assert wire.read() == []


def test_all_connections_together_have_a_bound_too(listener: Listener) -> None:
    listener.answer = None
    shared = Shared(listener.accept, Limits(max_body=1000, connection_seconds=60, max_connections=3))
    wires = [Wire(shared) for _ in range(3)]
    for wire in wires:
        for stream in range(1, 11, 2):
            wire.ask(stream)
    assert [len(wire.read()) for wire in wires] == [0, 0, 3]
    wires[0].connection.connection_lost(None)
    wires[2].ask(11)
    assert wires[2].read() == []


def test_more_connections_than_there_is_room_for_are_shut(listener: Listener) -> None:
    shared = Shared(listener.accept, Limits(max_body=1000, connection_seconds=60, max_connections=1))
    Wire(shared)
    second, transport = Connection(shared), FakeTransport()
    second.connection_made(transport)
    assert transport.ended == "abort"


IDLE_TALK = {
    "pings": (b"", frame(Kind.PING, 0, 0, bytes(8))),
    "settings": (b"", frames.settings({})),
    "priorities": (b"", frame(Kind.PRIORITY, 0, 1, b"\0\0\0\5\0")),
    "windows": (b"", frames.window_update(0, 1)),
    "what nobody knows": (b"", frame(200, 0, 0, b"who")),
    "empty data": (OPEN, frame(Kind.DATA, 0, 1)),
    "continuations": (frame(Kind.HEADERS, 0, 1, BLOCK), frame(Kind.CONTINUATION, 0, 1)),
    "late data": (OPEN + frame(Kind.RST_STREAM, 0, 1, bytes(4)), frame(Kind.DATA, 0, 1)),
}


@pytest.mark.parametrize(("before", "sent"), IDLE_TALK.values(), ids=IDLE_TALK)
def test_a_client_that_sends_what_asks_for_nothing_is_sent_away(shared: Shared, before: bytes, sent: bytes) -> None:
    wire = Wire(shared)
    wire.send(before)
    for _ in range(101):
        wire.send(sent * 100)
    last = wire.read()[-1]
    assert (last.kind, last.code) == (Kind.GOAWAY, Code.ENHANCE_YOUR_CALM)


@pytest.mark.parametrize("fields", [POST, POST[:1]], ids=["resets", "malformed"])
def test_a_client_that_begins_what_it_does_not_want_is_sent_away(shared: Shared, fields: list[hpack.Field]) -> None:
    wire = Wire(shared)
    for stream in range(1, 22_000, 2):
        wire.send(frame(Kind.HEADERS, END_HEADERS, stream, hpack.encode(fields)))
        wire.send(frame(Kind.RST_STREAM, 0, stream, bytes(4)))
    last = wire.read()[-1]
    assert (last.kind, last.code) == (Kind.GOAWAY, Code.ENHANCE_YOUR_CALM)


def test_a_client_that_works_may_ping_and_widen_as_it_likes(shared: Shared) -> None:
    wire = Wire(shared)
    for number in range(20_000):
        wire.send(request(2 * number + 1) + frames.window_update(0, 5) + frame(Kind.PING, 0, 0, bytes(8)))
        if number % 1000 == 0:
            wire.read()
    assert wire.ended is None


def test_a_client_that_does_not_read_is_not_read_from_and_in_the_end_cut(shared: Shared) -> None:
    wire = Wire(shared)
    wire.connection.pause_writing()
    assert not wire.transport.reading
    wire.connection.resume_writing()
    assert wire.transport.reading
    wire.connection.pause_writing()
    wire.connection.tick(later(LIMITS.body_seconds - 1))
    assert wire.ended is None
    wire.connection.tick(later(LIMITS.body_seconds + 1))
    assert wire.ended == "abort"


def test_a_client_that_says_nothing_is_cut(shared: Shared) -> None:
    wire = Wire(shared, greet=False)
    wire.send(PREFACE[:10])
    wire.connection.tick(later(LIMITS.unused_seconds - 1))
    assert wire.ended is None
    wire.connection.tick(later(LIMITS.unused_seconds + 1))
    assert wire.ended == "abort"


def test_headers_that_do_not_end_are_cut(shared: Shared) -> None:
    wire = Wire(shared)
    wire.send(frame(Kind.HEADERS, 0, 1, BLOCK))
    wire.connection.tick(later(LIMITS.head_seconds + 1))
    assert wire.ended == "abort"


def test_a_request_that_does_not_end_is_refused(shared: Shared, listener: Listener) -> None:
    wire = Wire(shared)
    wire.send(OPEN)
    wire.connection.streams.tick(later(LIMITS.body_seconds + 1))
    assert listener.heard == ["1 refused 408"]
    assert [(f.kind, f.flags & END_STREAM) for f in wire.read()] == [(Kind.HEADERS, END_STREAM), (Kind.RST_STREAM, 0)]


def test_unfinished_requests_together_take_no_more_than_two_of_the_largest(shared: Shared, listener: Listener) -> None:
    wire = Wire(shared)
    for stream in range(1, 200, 2):
        wire.send(frame(Kind.HEADERS, END_HEADERS, stream, BLOCK) + frame(Kind.DATA, 0, stream, bytes(16_000)))
    assert listener.heard[0] == "17 refused 429"
    held = sum(stream.held for stream in wire.connection.streams.open.values())
    assert held <= 2 * (LIMITS.max_body + (1 << 16))
    wire.send(frame(Kind.RST_STREAM, 0, 1, bytes(4)))
    wire.send(frame(Kind.HEADERS, END_HEADERS, 301, BLOCK) + frame(Kind.DATA, 0, 301, bytes(16_000)))
    assert "301 refused 429" not in listener.heard


def test_a_client_that_resets_or_goes_is_left_alone(shared: Shared, listener: Listener) -> None:
    listener.answer = None
    wire = Wire(shared)
    wire.ask(1)
    wire.ask(3)
    wire.send(frame(Kind.RST_STREAM, 0, 1, bytes(4)))
    wire.connection.connection_lost(None)
    assert listener.heard == ["1 finished", "3 finished", "1 left", "3 left"]
    assert not shared.connections


def test_a_client_that_has_said_its_last_gets_its_answers(shared: Shared, listener: Listener) -> None:
    listener.answer = None
    wire = Wire(shared)
    wire.ask(1)
    assert wire.connection.eof_received()
    listener.streams[0].end(END)
    assert wire.kinds() == [Kind.HEADERS]
    assert wire.ended == "close"


def test_an_end_takes_what_is_on_its_way_and_refuses_what_comes_after(shared: Shared, listener: Listener) -> None:
    listener.answer = None
    wire = Wire(shared)
    wire.ask(1)
    wire.connection.begin_end()
    (goaway,) = wire.read()
    assert (goaway.kind, int.from_bytes(goaway.payload[:4], "big")) == (Kind.GOAWAY, MAX_WINDOW)
    wire.ask(3)  # sent before the client has heard of it
    wire.connection.tick(later(4.9))
    assert wire.read() == []
    wire.connection.tick(later(5.1))
    (goaway,) = wire.read()
    assert (int.from_bytes(goaway.payload[:4], "big"), goaway.code) == (3, Code.NO_ERROR)
    assert listener.heard == ["1 finished", "3 finished", *["1 ending", "3 ending"] * 2]
    wire.ask(5)
    assert [f.code for f in wire.read()] == [Code.REFUSED_STREAM]
    listener.streams[0].end(END)
    assert wire.ended is None
    listener.streams[1].end(END)
    assert wire.ended == "eof"
    wire.connection.tick(later(LIMITS.linger_seconds + 1))
    assert wire.ended == "abort"


def test_an_end_does_not_wait_for_ever_for_what_is_open(shared: Shared, listener: Listener) -> None:
    listener.answer = None
    wire = Wire(shared)
    wire.ask(1)
    wire.connection.begin_end()
    wire.connection.tick(later(5.1))
    wire.connection.tick(later(70))
    assert wire.ended == "eof"
    assert listener.heard[-1] == "1 left"


def test_a_connection_ends_by_its_age(shared: Shared) -> None:
    wire = Wire(shared)
    wire.connection.tick(later(LIMITS.connection_seconds * 0.8 - 1))
    assert wire.read() == []
    wire.connection.tick(later(LIMITS.connection_seconds * 1.2 + 1))
    assert wire.kinds() == [Kind.GOAWAY]
    wire.connection.tick(later(LIMITS.connection_seconds * 1.2 + 7))
    assert wire.ended == "eof"


def test_while_the_server_ends_a_connection_gets_one_answer_and_the_end(shared: Shared) -> None:
    shared.draining = True
    wire = Wire(shared)
    assert wire.ended is None
    wire.ask(1)
    assert wire.kinds() == [*ANSWER, Kind.GOAWAY]


KINDS = st.integers(0, 12)
FRAMES = st.builds(
    frame, KINDS, st.integers(0, 255), st.integers(0, 9), st.binary(max_size=40) | st.just(BLOCK) | st.just(BLOCK[:9])
)


@given(st.lists(FRAMES | st.binary(max_size=30), max_size=12), st.booleans())
def test_fuzz_whatever_the_frames_the_answer_is_http_2(sent: list[bytes], answers: bool) -> None:
    listener = Listener(answer=b"hello" if answers else None)
    shared = Shared(listener.accept, LIMITS)
    wire = Wire(shared)
    for part in sent:
        wire.send(part)
    wire.read()  # raises unless it is whole frames
    shared.tick()
    wire.connection.connection_lost(None)
    begun = {stream.id for stream in listener.streams}
    assert len(begun) == len(listener.streams)
    assert shared.room.left == 4 * LIMITS.max_connections
    assert wire.connection.streams._held == 0
    assert wire.connection.streams.outbox.held == 0


def later(seconds: float) -> float:
    return monotonic() + seconds
