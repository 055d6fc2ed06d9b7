"""The open loop counts every request once: by its code, or as lost."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.serving import steady
from tests.bench.serving.openloop import Generator


class Server(socketserver.ThreadingTCPServer):
    """Answers in turn: 200; 429 in two pieces; 200 and closes; closes without an answer."""

    daemon_threads = True
    turn = 0
    lock = threading.Lock()

    def next(self) -> int:
        with self.lock:
            self.turn += 1
            return self.turn % 4


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        while self.rfile.readline():
            while self.rfile.readline() != b"\r\n":
                pass
            match self.server.next():
                case 0:
                    return
                case 1:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                case 2:
                    self.wfile.write(b"HTTP/1.1 429 Too Many Requests\r\nContent-")
                    self.wfile.flush()
                    self.wfile.write(b"Length: 0\r\n\r\n")
                case 3:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return


@pytest.fixture
def port() -> Iterator[int]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_every_request_is_counted_once(port: int, tmp_path: Path) -> None:
    request = tmp_path / "request"
    request.write_bytes(steady.request("GET", "/"))
    generator = Generator(port, {"load": {"request": str(request), "rate": 400.0, "connections": 3}})
    seen = steady.read(generator.run(0.5))["load"]
    counts = {code: answers.count for code, answers in seen.codes.items()}
    assert sum(counts.values()) + sum(seen.lost.values()) == seen.sent
    assert set(counts) == {200, 429}
    assert set(seen.lost) == {"closed without an answer"}
    assert abs(counts[200] - 2 * counts[429]) <= 4
