"""What the client makes of a Prometheus that is away, odd or hostile; over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from pilotage_operator.clients import prometheus as client
from pilotage_operator.clients.prometheus import Prometheus, PrometheusUnavailable
from tests.component.prometheus.running import RunningPrometheus

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def complaint(url: str) -> str:
    async with Prometheus(url, {}) as prometheus:
        with pytest.raises(PrometheusUnavailable) as caught:
            await prometheus.at("up", 1.0)
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        pytest.param(503, "upstream is away", "Prometheus answered 503: upstream is away", id="a proxy's own words"),
        pytest.param(401, "", "Prometheus answered 401", id="no credentials"),
        pytest.param(302, "", "Prometheus answered 302", id="a redirect is not followed"),
        pytest.param(200, "<html>", "not what its API promises; check the URL", id="a page for people"),
        pytest.param(200, "[]", "not what its API promises", id="another API's JSON"),
        pytest.param(
            200, '{"status":"success","data":{"result":[{}]}}', "not what its API promises", id="series without values"
        ),
        pytest.param(200, '{"status":"error","error":"busy"}', "Prometheus answered 200: busy", id="an error within"),
        pytest.param(422, '{"status":"error","error":"' + "x" * 9000 + '"}', "xxx", id="a long complaint is cut"),
    ],
)
async def test_an_odd_answer(status: int, body: str, says: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers={"Location": "/elsewhere"})

    async with answering(handler) as url:
        message = await complaint(url)
    assert says in message
    assert len(message) < 300


async def test_nobody_listens() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    async with answering(handler) as url:
        pass  # its port is free again
    assert "Prometheus cannot be reached: " in await complaint(url)


async def test_none_is_configured() -> None:
    assert "set prometheus.url in the operator's configuration" in await complaint("")


async def test_a_url_that_is_none() -> None:
    assert "Prometheus cannot be reached: " in await complaint("prometheus:9090")


async def test_one_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.2)
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with answering(handler) as url:
        assert "gave no answer within 0.2 s" in await complaint(url)
        over.set()


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST_ANSWER", 2**20)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 2**16)

    async with answering(handler) as url:
        assert "larger than 1 MiB" in await complaint(url)


async def test_headers_and_a_path_go_with_every_query() -> None:
    seen: list[tuple[str, str | None, str]] = []

    async def handler(request: web.Request) -> web.Response:
        form = await request.post()
        seen.append((request.path, request.headers.get("X-Scope-OrgID"), str(form["query"])))
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}})

    async with answering(handler) as url, Prometheus(f"{url}/tenant/", {"X-Scope-OrgID": "bank"}) as prometheus:
        await prometheus.at("up", 1.0)
        await prometheus.over("up", 1.0, 2.0, 1.0)
    assert seen == [("/tenant/api/v1/query", "bank", "up"), ("/tenant/api/v1/query_range", "bank", "up")]


async def test_a_query_that_is_wrong_says_so_in_prometheus_words(server: RunningPrometheus) -> None:
    async with Prometheus(server.url, {}) as prometheus:
        with pytest.raises(PrometheusUnavailable, match=r"Prometheus answered 400: .*parse error"):
            await prometheus.at("max by (", 1.0)
