"""What one client may take: sizes are held while reading, and what is no HTTP harms nobody else."""

import socket

import pytest

from tests.component.serving.process import Client, Server, infer_body, request

INFER = "/v2/models/flowers/infer"
LIMIT = 100_000  # the fixture's --max-body
GOOD = infer_body([[5.1, 3.5, 1.4, 0.2]])


def serves(server: Server) -> bool:
    return server.ask("POST", INFER, GOOD).status == 200


def test_a_body_at_the_limit_is_read(server: Server) -> None:
    assert server.ask("POST", INFER, GOOD.ljust(LIMIT)).status == 200


def test_a_body_over_the_limit_is_refused_before_it_is_sent(server: Server) -> None:
    with server.connect() as client:
        client.send(request("POST", INFER, Content_Length=str(LIMIT + 1)))
        reply = client.receive()
        assert (reply.status, reply.headers["connection"]) == (413, "close")
        assert reply.error == f"the body is larger than {LIMIT} bytes, the most that this server takes"
        assert client.at_end()


def flood(client: Client, piece: bytes, total: int) -> None:
    """Send `piece` over and over, up to `total` bytes or until the server ends it."""
    try:
        for _ in range(total // len(piece)):
            client.send(piece)
    except (ConnectionError, TimeoutError):
        return


@pytest.mark.parametrize(
    ("head", "piece", "status"),
    [
        pytest.param(
            request("POST", INFER, Content_Length=str(1 << 40)), b"1" * 65536, 413, id="a body said to be endless"
        ),
        pytest.param(
            request("POST", INFER, Transfer_Encoding="chunked"),
            b"10000\r\n" + b"1" * 65536 + b"\r\n",
            413,
            id="a body of endless chunks",
        ),
        pytest.param(
            request("POST", INFER, Transfer_Encoding="chunked") + b"1", b";x" * 4096, 431, id="one endless chunk size"
        ),
        pytest.param(b"GET /v2 HTTP/1.1\r\nHost: a\r\nX: ", b"x" * 65536, 431, id="one endless header"),
        pytest.param(b"GET /v2 HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n" * 4096, 431, id="endless headers"),
    ],
)
def test_memory_stays_flat_under_what_never_ends(server: Server, head: bytes, piece: bytes, status: int) -> None:
    assert serves(server)
    before = server.resident()
    with server.connect() as client:
        client.send(head)
        flood(client, piece, 64 << 20)
        assert client.receive().status == status
    assert serves(server)
    assert server.resident() - before < 8 << 20


def test_a_client_that_never_reads_takes_no_memory(server: Server) -> None:
    assert serves(server)
    before = server.resident()
    with server.connect() as client:
        client.give_up_after(1)  # the server stops reading; that is the point
        flood(client, request("GET", "/metrics") * 100, 16 << 20)
        assert serves(server)
        assert server.resident() - before < 32 << 20


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2"),
        pytest.param(b"GET /v2\r\n\r\n", 505, id="HTTP/0.9"),
        pytest.param(b"GET /v2 HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(
            request("POST", INFER, GOOD, Transfer_Encoding="chunked"), 400, id="a length and chunks: smuggling"
        ),
        pytest.param(request("POST", INFER, GOOD, Content_Length="3"), 400, id="two lengths: smuggling"),
        pytest.param(
            request("POST", INFER, GOOD, Content_Encoding="br"), 415, id="a body that is packed in another way"
        ),
        pytest.param(request("CONNECT", "elsewhere:443"), 405, id="a proxy's method"),
        pytest.param(request("GET", "/v2", X="a\x00b"), 400, id="NUL in a header"),
    ],
)
def test_what_is_no_http_gets_an_error_and_an_end(server: Server, content: bytes, status: int) -> None:
    with server.connect() as client:
        client.send(content)
        reply = client.receive()
        assert (reply.status, reply.headers["connection"]) == (status, "close")
        assert reply.headers["pilotage-version"] == "iris-v3"
        assert reply.error
        client.done()
        assert client.at_end()
    assert serves(server)


def test_many_that_connect_and_leave_do_no_harm(server: Server) -> None:
    sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    for index, left in enumerate(sockets):
        left.sendall(request("POST", INFER, GOOD)[: index % 150])
        left.close()
    assert serves(server)
