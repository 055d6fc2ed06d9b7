"""One connection against a transport that only remembers: order, ends and deadlines, without waiting for any."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pilotage.bundle.format import BundleDocument, Contract, Tensor
from pilotage.runtime.batch import Batcher
from pilotage.runtime.identity import Identity
from pilotage.runtime.metrics import Metrics
from pilotage.runtime.model import Model
from pilotage.transport.connection import Connection, Shared
from pilotage.transport.dataplane import Dataplane
from pilotage.transport.http import Writer
from pilotage.transport.limits import Limits
from pilotage.transport.log.logs import Logs, LogSettings
from pilotage.transport.rest import Rest
from pilotage.transport.routes import Routes
from pilotage.transport.v2 import Codec

LIMITS = Limits(max_body=1000, connection_seconds=60, max_connections=3)
CONTRACT = Contract((Tensor("x", "FP32", (-1,)),), (Tensor("y", "FP32", (-1,)),))
LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n"


class FakeTransport(asyncio.Transport):
    """Keeps what is written and what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.ended = ""  # by which call

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        self.ended = self.ended or "eof"

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.ended = "close"

    def abort(self) -> None:
        self.ended = "abort"

    def is_closing(self) -> bool:
        return self.ended in ("close", "abort")

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    @property
    def codes(self) -> list[int]:
        return [int(part.split(b" ", 1)[0]) for part in self.written.split(b"HTTP/1.1 ")[1:]]


class FakeSession:
    """A model that gives back what it gets."""

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"y": inputs["x"]}


def infer(number: int) -> bytes:
    body = b'{"id":"%d","inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}' % number
    return b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.fixture
def turns() -> list[Callable[[], object]]:
    """What the loop was asked to do soon, in a test that does it later."""
    return []


def followed_by(turns: list[Callable[[], object]], told: Callable[..., None]) -> Callable[..., None]:
    def tell(*given: object) -> None:
        told(*given)
        while turns:
            turns.pop(0)()

    return tell


@pytest.fixture
def shared(
    turns: list[Callable[[], object]], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Shared:
    """The model answers before more is read, or, in a test that takes `turns`, when the test does them."""
    if "turns" not in inspect.signature(request.function).parameters:
        for name in ("data_received", "resume_writing"):
            monkeypatch.setattr(Connection, name, followed_by(turns, getattr(Connection, name)))
    identity = Identity("m", "1", "m", "1", "local", 0)
    metrics = Metrics(identity, {})
    document = BundleDocument("m", "1", CONTRACT, {}, {})
    model = Model(FakeSession(), CONTRACT, metrics, [{"x": np.ones(1, dtype=np.float32)}])  # type: ignore[arg-type]
    dataplane = Dataplane(identity, document, Batcher(model, metrics, turns.append, turns.append))
    logs = Logs(LogSettings(), identity, CONTRACT)
    routes = Routes(dataplane, Rest(dataplane, logs.payloads, LIMITS.max_body), metrics)
    return Shared(routes, metrics, logs.access, Writer(identity), LIMITS)


def connect(shared: Shared) -> tuple[Connection, FakeTransport]:
    connection, transport = Connection(shared), FakeTransport()
    connection.connection_made(transport)
    return connection, transport


def test_pipelined_requests_are_answered_in_order(shared: Shared) -> None:
    connection, transport = connect(shared)
    connection.data_received(infer(1) + LIVE + infer(2) + infer(3)[:-5])
    places = [transport.written.index(part) for part in (b'"id":"1"', b'{"live":true}', b'"id":"2"')]
    assert places == sorted(places)
    connection.data_received(infer(3)[-5:])
    assert transport.codes == [200] * 4
    assert transport.written.endswith(b"}")
    assert not transport.ended


def test_while_the_model_runs_what_follows_waits_and_answers_keep_their_order(
    shared: Shared, turns: list[Callable[[], object]]
) -> None:
    connection, transport = connect(shared)
    connection.data_received(infer(1) + LIVE + infer(2))
    assert (transport.codes, transport.reading, shared.metrics.in_flight) == ([], False, 2)
    while turns:
        turns.pop(0)()
    assert (transport.codes, transport.reading, shared.metrics.in_flight) == ([200] * 3, True, 0)
    places = [transport.written.index(part) for part in (b'"id":"1"', b'{"live":true}', b'"id":"2"')]
    assert places == sorted(places)


def test_requests_of_several_connections_share_a_call(shared: Shared, turns: list[Callable[[], object]]) -> None:
    clients = [connect(shared) for _ in range(3)]
    for number, (connection, _) in enumerate(clients):
        connection.data_received(infer(number))
    assert len(turns) == 1
    turns.pop()()
    assert [transport.codes for _, transport in clients] == [[200]] * 3
    assert b"pilotage_batch_rows_sum" in shared.metrics.render()


def test_a_client_that_leaves_while_it_waits_for_the_model_is_no_answer(
    shared: Shared, turns: list[Callable[[], object]]
) -> None:
    connection, transport = connect(shared)
    connection.data_received(infer(1) + infer(2))
    transport.close()
    connection.connection_lost(None)
    turns.pop()()
    assert (turns, transport.codes, shared.metrics.in_flight) == ([], [], 0)


def test_a_connection_that_waits_for_the_model_is_not_idle(shared: Shared, turns: list[Callable[[], object]]) -> None:
    connection, transport = connect(shared)
    connection.data_received(infer(1))
    connection.close_if_idle()
    assert connection.eof_received()
    turns.pop()()
    assert (transport.codes, transport.ended) == ([200], "close")


def test_a_client_that_does_not_read_is_not_read_from(shared: Shared) -> None:
    connection, transport = connect(shared)
    connection.pause_writing()
    connection.data_received(infer(1) + infer(2))
    assert (transport.codes, transport.reading, shared.metrics.in_flight) == ([], False, 2)
    connection.resume_writing()
    assert (transport.codes, transport.reading, shared.metrics.in_flight) == ([200, 200], True, 0)


def test_a_client_that_left_is_no_answer(shared: Shared) -> None:
    connection, transport = connect(shared)
    connection.pause_writing()
    connection.data_received(infer(1))
    connection.connection_lost(None)
    assert (transport.codes, shared.metrics.in_flight, shared.connections) == ([], 0, set())
    assert b'code="200"} 0' in shared.metrics.render()


def test_a_client_that_is_done_sending_still_gets_its_answers(shared: Shared) -> None:
    connection, transport = connect(shared)
    connection.pause_writing()
    connection.data_received(infer(1))
    assert connection.eof_received()
    connection.resume_writing()
    assert (transport.codes, transport.ended) == ([200], "close")


def test_an_old_connection_ends_with_an_answer_to_the_last_request_that_was_read(shared: Shared) -> None:
    connection, transport = connect(shared)
    connection._old_at = 0
    connection.data_received(infer(1) + infer(2) + infer(3)[:-5])
    assert (transport.codes, transport.ended) == ([200, 200], "")
    connection.data_received(infer(3)[-5:])
    assert (transport.codes, transport.ended) == ([200, 200, 200], "eof")
    assert transport.written.count(b"connection: close") == 1
    connection.data_received(infer(4))
    assert transport.codes == [200, 200, 200]


LAST = b"HTTP/1.1\r\nConnection: close\r\n"


def old(connection: Connection, _: Shared) -> None:
    connection._old_at = 0


@pytest.mark.parametrize(
    ("after", "then", "codes", "ended"),
    [
        pytest.param(None, infer(2), [200, 200], "", id="nothing else"),
        pytest.param(None, infer(2) + LIVE, [200, 200, 200], "", id="two at once"),
        pytest.param(None, infer(2).replace(b"HTTP/1.1\r\n", LAST), [200, 200], "eof", id="its last"),
        pytest.param(None, infer(2)[:-1] + b"x", [200, 400], "", id="one that is wrong"),
        pytest.param(None, infer(2) + b"x", [200, 200, 400], "eof", id="one with a byte too many"),
        pytest.param(old, infer(2), [200, 200], "eof", id="it has become old"),
        pytest.param(lambda _, shared: shared.drain(), infer(2), [200, 200], "eof", id="the server is told to end"),
        pytest.param(lambda c, _: c.data_received(infer(2)[:9]), infer(2)[9:], [200, 200], "", id="half of it came"),
        pytest.param(lambda c, _: c.data_received(infer(2)[:-1]), infer(3), [200, 400, 400], "eof", id="one is short"),
        pytest.param(lambda c, _: c.pause_writing(), infer(2), [200], "", id="nobody reads the answers"),
        pytest.param(lambda c, _: c.data_received(b"?"), infer(2), [200, 400], "eof", id="it was refused"),
    ],
)
def test_a_request_like_the_last_one_is_answered_as_if_it_were_the_first(
    shared: Shared, after: Callable[[Connection, Shared], None] | None, then: bytes, codes: list[int], ended: str
) -> None:
    """Heads that were read before have a way of their own; it is no other way for their client."""
    connection, transport = connect(shared)
    connection.data_received(infer(1))
    assert connection.at_rest
    if after is not None:
        after(connection, shared)
    connection.data_received(then)
    assert (transport.codes, transport.ended) == (codes, ended)
    shared.tick()
    assert connection.at_rest == (not ended and transport.reading)
    assert shared.metrics.in_flight == (len(codes) == 1)  # still to be answered


def test_while_draining_each_answer_ends_its_connection_and_readiness_fails(shared: Shared) -> None:
    shared.drain()
    connection, transport = connect(shared)
    connection.data_received(infer(1))
    assert (transport.codes, transport.ended) == ([200], "eof")
    probe, answers = connect(shared)
    probe.data_received(LIVE.replace(b"live", b"ready"))
    assert answers.codes == [503]


def test_only_an_idle_connection_is_closed_at_the_end(shared: Shared) -> None:
    idle, idle_transport = connect(shared)
    busy, busy_transport = connect(shared)
    busy.data_received(infer(1)[:-1])
    idle.close_if_idle()
    busy.close_if_idle()
    assert (idle_transport.ended, busy_transport.ended) == ("close", "")


def test_an_answer_for_a_connection_that_closes_is_none(shared: Shared, turns: list[Callable[[], object]]) -> None:
    connection, transport = connect(shared)
    connection.data_received(infer(1))
    connection.pause_writing()
    connection.expire(connection.deadline)
    turns.pop()()
    assert (transport.codes, shared.metrics.in_flight) == ([], 1)
    connection.connection_lost(None)
    assert shared.metrics.in_flight == 0


@pytest.mark.parametrize(
    ("received", "codes", "ended", "seconds"),
    [
        pytest.param(b"", [], "close", LIMITS.unused_seconds, id="nothing was ever sent"),
        pytest.param(LIVE, [200], "close", LIMITS.idle_seconds, id="nothing more was sent"),
        pytest.param(LIVE + LIVE[:9], [200, 408], "eof", LIMITS.head_seconds, id="a head that stays unfinished"),
        pytest.param(infer(1)[:-1], [408], "eof", LIMITS.body_seconds, id="a body that stays unfinished"),
        pytest.param(LIVE.replace(b"Host", b"X: y\r\nConnection: close\r\nHost"), [200], "abort",
                     LIMITS.linger_seconds, id="a client that does not close"),
    ],
)  # fmt: skip
def test_what_lasts_too_long_ends(
    shared: Shared, received: bytes, codes: list[int], ended: str, seconds: float
) -> None:
    connection, transport = connect(shared)
    before = connection.deadline - LIMITS.unused_seconds
    if received:
        connection.data_received(received)
    assert connection.deadline - before == pytest.approx(seconds, abs=1)
    connection.expire(connection.deadline)
    assert (transport.codes, transport.ended) == (codes, ended)


def test_a_slow_trickle_does_not_move_the_deadline(shared: Shared) -> None:
    connection, _ = connect(shared)
    connection.data_received(infer(1)[:5])
    deadline = connection.deadline
    connection.data_received(infer(1)[5:9])
    assert connection.deadline == deadline


def test_beyond_the_cap_a_probe_is_answered_and_a_caller_told_to_come_again(shared: Shared) -> None:
    for _ in range(LIMITS.max_connections):
        connect(shared)
    probe, probe_transport = connect(shared)
    probe.data_received(LIVE)
    caller, caller_transport = connect(shared)
    caller.data_received(infer(1))
    assert (probe_transport.codes, caller_transport.codes) == ([200], [503])
    assert b"retry-after: 1" in caller_transport.written
    connect(shared)
    assert connect(shared)[1].ended == "abort"


def test_a_fault_of_the_server_shows_nothing_of_it(
    shared: Shared, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(Codec, "decode", broken)
    connection, transport = connect(shared)
    connection.data_received(infer(1))
    assert transport.codes == [500]
    assert b"secret" not in transport.written
    assert "/secret/path" in caplog.text
