"""Connections that end, and servers that end: nobody loses a request by it."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.component.serving.fleet import Fleet
from tests.component.serving.process import Server, infer_body, request

INFER = "/v2/models/iris/infer"
GOOD = infer_body([[5.1, 3.5, 1.4, 0.2]])


async def test_a_server_that_is_told_to_end_under_load_loses_nothing(flowers: Path) -> None:
    with Server(flowers, PILOTAGE_REVISION="ends") as ends, Server(flowers, PILOTAGE_REVISION="stays") as stays:
        fleet = Fleet([ends.port, stays.port])
        clients = [fleet.watch(), *(fleet.keep(0.01) for _ in range(8)), *(fleet.keep(1.0) for _ in range(4))]
        clients += [fleet.renew(0.02) for _ in range(4)]
        running = [asyncio.create_task(client) for client in clients]
        await fleet.until(lambda f: min(f.answers["ends", 200], f.answers["stays", 200]) >= 200)
        before = fleet.answers["ends", 200]
        ends.signal(signal.SIGTERM)
        assert await asyncio.to_thread(ends.exit_code) == 0
        after = fleet.answers["stays", 200]
        await fleet.until(lambda f: f.answers["stays", 200] >= after + 100)
        fleet.stopped = True
        await asyncio.gather(*running)
    assert fleet.lost == []
    assert {status for _, status in fleet.answers} == {200}
    assert fleet.answers["ends", 200] > before  # it went on answering after it was told
    assert fleet.closes > 0
    assert "are cut" not in ends.log


async def test_connections_end_by_age_and_lose_nothing(flowers: Path) -> None:
    with Server(flowers, "--connection-seconds", "1") as server:
        fleet = Fleet([server.port])
        running = [asyncio.create_task(fleet.keep(0.005)) for _ in range(8)]
        await fleet.until(lambda f: f.closes >= 24)
        fleet.stopped = True
        await asyncio.gather(*running)
    assert fleet.lost == []
    assert {status for _, status in fleet.answers} == {200}
    assert fleet.answers["local", 200] > 10 * fleet.closes  # by age, not at every answer


def test_an_idle_connection_is_not_closed_by_age_but_with_its_next_answer(flowers: Path) -> None:
    with Server(flowers, "--connection-seconds", "1") as server, server.connect() as idle, server.connect() as clock:
        for client in (idle, clock):
            client.send(request("POST", INFER, GOOD))
            assert client.receive().headers.get("connection") is None
        for _ in range(2):  # two lives of a connection that is as young as the idle one or younger: it is too old now
            with server.connect() as clock:
                reply = None
                while reply is None or reply.headers.get("connection") is None:
                    clock.send(request("GET", "/v2"))
                    reply = clock.receive()
        idle.send(request("POST", INFER, GOOD))
        assert idle.receive().headers["connection"] == "close"
        assert idle.at_end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_that_has_begun_is_answered_and_then_the_server_is_gone(flowers: Path, number: int) -> None:
    whole = request("POST", INFER, GOOD)
    with Server(flowers, "--drain-seconds", "1") as server, server.connect() as begun, server.connect() as idle:
        idle.send(request("GET", "/v2"))
        assert idle.receive().status == 200
        begun.send(whole[:-1])
        server.signal(number)
        assert idle.at_end()  # the door is shut, and only what has begun is waited for
        begun.send(whole[-1:])
        reply = begun.receive()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert begun.at_end()
        assert server.exit_code() == 0


def test_while_ending_readiness_fails_liveness_holds_and_inference_goes_on(flowers: Path) -> None:
    with Server(flowers) as server:
        server.signal(signal.SIGTERM)
        while server.ask("GET", "/v2/health/ready").status == 200:
            pass
        assert server.ask("GET", "/v2/models/iris/ready").status == 503
        assert server.ask("GET", "/v2/health/live").status == 200
        reply = server.ask("POST", INFER, GOOD)
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        server.signal(signal.SIGTERM)  # a second one does not hurt
        assert server.ask("POST", INFER, GOOD).status == 200
        assert server.exit_code() == 0


def test_being_told_again_to_end_changes_nothing(flowers: Path) -> None:
    whole = request("POST", INFER, GOOD)
    with Server(flowers) as server, server.connect() as begun:
        begun.send(whole[:-1])
        for _ in range(3):
            server.signal(signal.SIGTERM)
        while server.ask("GET", "/v2/health/ready").status == 200:
            pass
        server.signal(signal.SIGTERM)
        begun.send(whole[-1:])
        reply = begun.receive()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert begun.at_end()
        assert server.exit_code() == 0
