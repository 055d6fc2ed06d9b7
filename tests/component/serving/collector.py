"""A real HTTP server that takes CloudEvents, or answers as a test says."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WAIT = 30.0  # seconds before a test gives up; nothing is expected to take long


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: tuple[str, int]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its CloudEvents, in whichever mode they came (HTTP protocol binding 1.0.2, 3.1 and 3.3)."""
        content = self.headers["content-type"]
        if content.startswith("application/cloudevents-batch+json"):
            batch: list[dict[str, Any]] = json.loads(self.body)
            return batch
        assert "ce-datacontenttype" not in self.headers
        event: dict[str, Any] = {k[3:]: v for k, v in self.headers.items() if k.startswith("ce-")}
        return [event | {"datacontenttype": content, "data": json.loads(self.body)}]


@dataclass
class Collector:
    """What came, and how it is answered: by the next of `codes`, then always 202."""

    url: str = ""
    codes: list[int] = field(default_factory=list)
    answer: bytes = b""
    closes: bool = False
    received: list[Received] = field(default_factory=list)
    answering: threading.Event = field(default_factory=threading.Event)  # cleared: it takes requests and hangs

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for received in self.received for event in received.events]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that leave, or do not trust it, are what the tests are about."""


@contextmanager
def collecting(certificate: Path | None = None, **how: Any) -> Iterator[Collector]:
    """A collector on a free loopback port, with TLS by the `certificate` (and key) of a file."""
    collector = Collector(**how)
    collector.answering.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            collector.received.append(Received(self.path, headers, body, self.client_address))
            assert collector.answering.wait(WAIT)
            code = collector.codes.pop(0) if collector.codes else 202
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("location", collector.url + "/elsewhere")
            self.send_header("content-length", str(len(collector.answer)))
            self.end_headers()
            self.wfile.write(collector.answer)
            self.close_connection = collector.closes

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = _Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    collector.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.answering.set()
        server.shutdown()
        server.server_close()
        thread.join(WAIT)
