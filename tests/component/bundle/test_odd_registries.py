"""Fetch from servers that answer as no good registry does: a few lines of HTTP, over real sockets."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pilotage.bundle.build import Bundle
from pilotage.bundle.digest import digest_of
from pilotage.bundle.errors import BundleError, Unavailable
from pilotage.bundle.fetch import fetch
from pilotage.bundle.format import FILES, MANIFEST
from pilotage.bundle.oci import Credentials

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """`host:port` of a server that gives `answer` to every GET."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()


def respond(request: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def registry_of(built: Bundle, change: Callable[[str, bytes], bytes]) -> Answer:
    """Serves `built`, each file's bytes put through `change(name, bytes)`."""
    manifest = (built.path / MANIFEST).read_bytes()
    named = {layer["digest"]: name for name, layer in zip(FILES, json.loads(manifest)["layers"], strict=True)}

    def answer(request: BaseHTTPRequestHandler) -> None:
        digest = request.path.rsplit("/", 1)[1]
        name = named.get(digest, MANIFEST)
        respond(request, 200, change(name, (built.path / name).read_bytes()))

    return answer


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 408, 429, 500, 502, 503, 504], ids=lambda status: f"status {status}"
)
def test_no_status_is_ever_a_refusal_of_the_bundle(built: Bundle, tmp_path: Path, status: int) -> None:
    with server(lambda request: respond(request, status)) as host, pytest.raises(Unavailable, match=str(status)):
        fetch(f"oci://{host}/x", built.digest, tmp_path / "into", plain_http=True)
    assert list((tmp_path / "into").iterdir()) == []


def half(request: BaseHTTPRequestHandler) -> None:
    respond(request, 200, b"half of it", Content_Length="1000")
    request.close_connection = True


def test_a_connection_that_breaks_off_is_unavailable(built: Bundle, tmp_path: Path) -> None:
    with server(half) as host, pytest.raises(Unavailable, match="cannot be reached"):
        fetch(f"oci://{host}/x", built.digest, tmp_path / "into", plain_http=True)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "registry.invalid"], ids=["nobody listens", "no such name"])
def test_a_registry_that_is_away_is_unavailable(built: Bundle, tmp_path: Path, host: str) -> None:
    with pytest.raises(Unavailable, match=f"{host} cannot be reached"):
        fetch(f"oci://{host}/x", built.digest, tmp_path / "into", plain_http=True)


@pytest.mark.parametrize(
    ("change", "check", "sentence"),
    [
        pytest.param(
            lambda name, content: b"{}" if name == MANIFEST else content, "digest", "another manifest", id="manifest"
        ),
        pytest.param(
            lambda name, content: bytes(1 << 20) if name == MANIFEST else content,
            "size",
            "the manifest is larger than was said",
            id="an endless manifest",
        ),
        pytest.param(
            lambda name, content: content + b"more" if name == "model.onnx" else content,
            "size",
            "is larger than was said",
            id="a file longer than its size",
        ),
        pytest.param(
            lambda name, content: content[:-1] if name == "model.onnx" else content,
            "digest",
            "model.onnx was changed",
            id="a file shorter than its size",
        ),
    ],
)
def test_other_bytes_than_the_digests_are_refused(
    built: Bundle, tmp_path: Path, change: Callable[[str, bytes], bytes], check: str, sentence: str
) -> None:
    with server(registry_of(built, change)) as host, pytest.raises(BundleError, match=sentence) as refused:
        fetch(f"oci://{host}/x", built.digest, tmp_path / "into", plain_http=True)
    assert refused.value.check == check
    assert list((tmp_path / "into").iterdir()) == []


def test_a_token_is_bought_with_the_password(built: Bundle, tmp_path: Path) -> None:
    whole = registry_of(built, lambda name, content: content)
    asked = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        given = request.headers.get("Authorization", "")
        if request.path.startswith("/token?"):
            asked.append((request.path, given))
            respond(request, 200, b'{"token": "abc"}')
        elif given == "Bearer abc":
            whole(request)
        else:
            respond(request, 401, WWW_Authenticate='Bearer realm="/token",service="s",scope="repository:x:pull"')

    with server(answer) as host:
        fetch(
            f"oci://{host}/x", built.digest, tmp_path / "into", plain_http=True, credentials=Credentials(host, "a", "b")
        )
    assert digest_of(tmp_path / "into") == built.digest
    assert asked == [("/token?service=s&scope=repository%3Ax%3Apull", "Basic YTpi")]


def test_the_password_does_not_follow_a_redirect_to_another_host(built: Bundle, tmp_path: Path) -> None:
    seen = []

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        respond(request, 404)

    with server(elsewhere) as other:

        def answer(request: BaseHTTPRequestHandler) -> None:
            if "Authorization" in request.headers:
                respond(request, 307, Location=f"http://localhost:{other.split(':')[1]}/blob")
            else:
                respond(request, 401, WWW_Authenticate='Basic realm="r"')

        with server(answer) as host, pytest.raises(Unavailable):
            fetch(
                f"oci://{host}/x",
                built.digest,
                tmp_path / "into",
                plain_http=True,
                credentials=Credentials(host, "a", "b"),
            )
    assert seen == [None]
