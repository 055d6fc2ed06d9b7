"""What callers see over real sockets: paths, answers, errors, and HTTP's own rules."""

import json

import pytest

from tests.component.serving.process import Server, infer_body, request

ROW = [5.1, 3.5, 1.4, 0.2]
INFER = "/v2/models/flowers/infer"


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/v2", 200, '"version":"iris-v3"'),
        ("GET", "/v2/health/live", 200, '{"live":true}'),
        ("GET", "/v2/health/ready", 200, '{"ready":true}'),
        ("GET", "/v2/health/ready?probe=1", 200, '{"ready":true}'),
        ("GET", "/v2/models/flowers", 200, '"shape":[-1,4]'),
        ("GET", "/v2/models/iris", 200, '"name":"iris"'),
        ("GET", "/v2/models/flowers/versions/iris-v3", 200, '"versions":["iris-v3"]'),
        ("GET", "/v2/models/iris/versions/3/ready", 200, '{"name":"iris","ready":true}'),
        ("GET", "/v2/models/flowers/ready", 200, '{"name":"flowers","ready":true}'),
        ("GET", "/metrics", 200, "pilotage_build_info"),
        ("HEAD", "/v2/health/ready", 200, ""),
        ("GET", "/", 404, "is no path of this server; try /v2"),
        ("GET", "/v2/", 404, "is no path of this server"),
        ("GET", "/v2/models/roses", 404, "this is model flowers or iris, version iris-v3 or 3"),
        ("GET", "/v2/models/flowers/versions/2", 404, "version iris-v3 or 3"),
        ("GET", "/v2/models/../../etc/passwd", 404, "is not served here"),
        ("GET", "/v2/models/%2e%2e%00%ff", 404, "is not served here"),
        ("GET", INFER, 405, "GET is not for this path; use POST"),
        ("DELETE", "/v2/models/flowers", 405, "use GET, HEAD"),
        ("POST", INFER, 411, "send Content-Length"),
    ],
)
def test_each_path_has_its_answer_and_each_answer_its_author(
    server: Server, method: str, path: str, status: int, says: str
) -> None:
    reply = server.ask(method, path)
    assert reply.status == status
    assert says in reply.body.decode()
    assert (reply.headers["pilotage-version"], reply.headers["pilotage-revision"]) == ("iris-v3", "1a2b3c4d5e")
    if status >= 400:
        assert list(json.loads(reply.body)) == ["error"]


@pytest.mark.parametrize("path", [INFER, "/v2/models/iris/infer", "/v2/models/flowers/versions/3/infer"])
def test_a_row_is_answered_as_the_model_does(server: Server, path: str) -> None:
    reply = server.ask("POST", path, infer_body([ROW, ROW], id="a-1"))
    answer = json.loads(reply.body)
    assert reply.status == 200
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (path.split("/")[3], "iris-v3", "a-1")
    label, probabilities = answer["outputs"]
    assert (label["name"], label["datatype"], label["shape"], label["data"]) == ("label", "INT64", [2], [0, 0])
    assert (probabilities["name"], probabilities["shape"]) == ("probabilities", [2, 3])
    assert sum(probabilities["data"]) == pytest.approx(2, abs=1e-5)


def test_only_the_outputs_that_were_asked_for_are_answered(server: Server) -> None:
    reply = server.ask("POST", INFER, infer_body([ROW], outputs=[{"name": "label"}]))
    assert [output["name"] for output in json.loads(reply.body)["outputs"]] == ["label"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "the body is empty"),
        (b'{"inputs":', 400, "not a V2 inference request"),
        (b"[" * 50_000, 400, "not a V2 inference request"),
        (infer_body([[1, 2, 3]]), 400, "row 0: 3 elements at depth 2, the shape says 4"),
        (infer_body([ROW, [1, "x", 3, 4]]), 400, "row 1, feature 'x1': 'x' is not a number or null"),
        (infer_body([[1, None, 3, 4]]), 500, "the model's answer is not finite: output 'probabilities', row 0"),
    ],
)
def test_a_wrong_request_and_a_wrong_answer_are_told_apart(server: Server, body: bytes, status: int, says: str) -> None:
    reply = server.ask("POST", INFER, body)
    assert (reply.status, says in reply.error) == (status, True)


def test_pipelined_requests_are_answered_in_order_on_one_connection(server: Server) -> None:
    with server.connect() as client:
        client.send(b"".join(request("POST", INFER, infer_body([ROW], id=f"{i}")) for i in range(500)))
        assert [json.loads(client.receive().body)["id"] for _ in range(500)] == [f"{i}" for i in range(500)]


def test_an_error_in_between_keeps_the_connection(server: Server) -> None:
    with server.connect() as client:
        client.send(
            request("POST", INFER, b"{") + request("GET", "/nowhere") + request("POST", INFER, infer_body([ROW]))
        )
        assert [client.receive().status for _ in range(3)] == [400, 404, 200]


def test_chunks_are_a_body(server: Server) -> None:
    body = infer_body([ROW])
    head = request("POST", INFER, Transfer_Encoding="chunked")
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    with server.connect() as client:
        client.send(head + chunks)
        assert client.receive().status == 200


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(server: Server) -> None:
    body = infer_body([ROW])
    whole = request("POST", INFER, body, Expect="100-continue")
    with server.connect() as client:
        client.send(whole.removesuffix(body))
        assert client.receive().status == 100
        client.send(body)
        assert client.receive().status == 200


def test_javas_offer_to_upgrade_is_ignored_and_its_body_read(server: Server) -> None:
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AAEAAEAAAAIAAAAB"}
    with server.connect() as client:
        client.send(request("POST", INFER, infer_body([ROW]), **offer) * 2)
        assert [client.receive().status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    ("head", "connection"),
    [
        (b"GET /v2 HTTP/1.0\r\n\r\n", "close"),
        (b"GET /v2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"),
        (b"GET /v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close"),
        (b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ],
)
def test_a_connection_is_kept_or_closed_as_its_client_asks(server: Server, head: bytes, connection: str | None) -> None:
    with server.connect() as client:
        client.send(head)
        assert client.receive().headers.get("connection") == connection
        if connection == "close":
            assert client.at_end()
        else:
            client.send(head)
            assert client.receive().status == 200


def test_a_client_that_closes_its_side_gets_its_answer(server: Server) -> None:
    with server.connect() as client:
        client.send(request("POST", INFER, infer_body([ROW])))
        client.done()
        assert client.receive().status == 200
        assert client.at_end()
