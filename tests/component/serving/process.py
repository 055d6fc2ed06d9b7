"""The real server process on a free loopback port, and bytes to and from it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

WAIT = 30.0  # seconds before a test gives up on an answer; nothing is expected to take long


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


class Server:
    """`python -m pilotage serve` as a child; ended with the block that it is used in."""

    def __init__(self, directory: Path, *arguments: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pilotage",
                "serve",
                str(directory),
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                *arguments,
            ],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.log = ""
        self.port = 0

    def __enter__(self) -> Server:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log += line
            if ready := re.search(r"ready on \S+:(\d+) ", line):
                self.port = int(ready[1])
                return self
        raise AssertionError(f"the server did not start: {self.log}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(WAIT)
        assert self._process.stderr is not None
        self._process.stderr.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def exit_code(self) -> int:
        """Wait for its end by itself."""
        _, rest = self._process.communicate(timeout=WAIT)
        self.log += rest
        return self._process.returncode

    def resident(self) -> int:
        """Bytes of memory that it holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def connect(self) -> Client:
        return Client(self.port)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request on a connection of its own."""
        with self.connect() as client:
            client.send(request(method, path, body, **headers))
            return client.receive(method)


class Client:
    """One connection, raw: what is sent is what the test says."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), WAIT)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def done(self) -> None:
        """Say that nothing more is sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def give_up_after(self, seconds: float) -> None:
        """Let sending and receiving fail with TimeoutError."""
        self._socket.settimeout(seconds)

    def receive(self, method: str = "GET") -> Reply:
        """The next answer; its framing is checked while it is read."""
        start = self._file.readline()
        assert start, "the server closed without an answer"
        protocol, code, _ = start.split(b" ", 2)
        assert protocol == b"HTTP/1.1"
        headers: dict[str, str] = {}
        while (line := self._file.readline()) != b"\r\n":
            name, value = line.decode("latin-1").split(":", 1)
            headers[name.lower()] = value.strip()
        length = 0 if method == "HEAD" or code == b"100" else int(headers["content-length"])
        body = self._file.read(length)
        assert len(body) == length
        return Reply(int(code), headers, body)

    def at_end(self) -> bool:
        """Whether the server has closed and sent nothing more."""
        return self._file.read(1) == b""


def request(method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    """A whole HTTP/1.1 request; header names with underscores for dashes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def infer_body(rows: list[list[Any]], **more: Any) -> bytes:
    """A V2 request with `rows` for the flowers' model."""
    tensor = {"name": "input", "datatype": "FP32", "shape": [len(rows), 4], "data": rows}
    return json.dumps({"inputs": [tensor], **more}).encode()
