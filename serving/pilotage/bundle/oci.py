"""The part of the OCI distribution protocol that a bundle needs: blobs and one manifest, byte for byte ours.

oras-py writes manifests anew from a dict and sleeps between retries of its own; here the bytes are the digest's, and
whoever calls (a Job with a back-off) decides when to try again. So requests is used directly.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

import requests
from requests.auth import HTTPBasicAuth

from pilotage.bundle.errors import BundleError, Unavailable
from pilotage.bundle.manifest import MANIFEST_TYPE

_CONNECT_SECONDS, _READ_SECONDS = 5, 30
_MAX_MANIFEST_BYTES = 64 << 10
_REPOSITORY = re.compile(r"oci://(?P<host>[A-Za-z0-9.-]+(:[0-9]+)?)/(?P<name>[a-z0-9]+([._/-]+[a-z0-9]+)*)")
_CHALLENGE = re.compile(r'([a-z]+)="([^"]*)"')


@dataclass(frozen=True)
class Repository:
    """`oci://host[:port]/name`, without tag or digest."""

    host: str
    name: str

    @classmethod
    def parse(cls, uri: str) -> "Repository":
        """Raises BundleError("source", …) when `uri` is anything else."""
        match = _REPOSITORY.fullmatch(uri)
        if match is None:
            raise BundleError(
                "source", f"{uri!r} is no repository; it reads oci://host[:port]/name, without tag or digest"
            )
        return cls(match["host"], match["name"])

    def __str__(self) -> str:
        return f"oci://{self.host}/{self.name}"


@dataclass(frozen=True)
class Credentials:
    """A user of one registry; never sent to another."""

    registry: str
    username: str
    password: str

    @classmethod
    def read(cls, directory: Path) -> "Credentials":
        """From the files `registry`, `username` and `password`, the keys of a mounted Secret.

        Raises Unavailable when one is missing: a Secret can be mended, and the same call then succeeds.
        """
        values = []
        for key in ("registry", "username", "password"):
            try:
                values.append((directory / key).read_text(encoding="utf-8").strip())
            except (OSError, UnicodeDecodeError) as error:
                raise Unavailable(
                    f"the credentials have no readable key {key!r}; they need registry, username and password"
                ) from error
        return cls(*values)


class Registry:
    """One repository of a registry, over HTTP. Every method raises Unavailable when the registry does not deliver."""

    def __init__(self, repository: Repository, *, plain_http: bool, credentials: Credentials | None) -> None:
        if credentials is not None and credentials.registry != repository.host:
            raise Unavailable(
                f"the credentials are for {credentials.registry}, the bundle is at {repository.host}; "
                "they are sent to no other host, so give those of this registry"
            )
        self.repository = repository
        self._base = f"{'http' if plain_http else 'https'}://{repository.host}/v2/{repository.name}/"
        self._credentials = credentials
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"  # limits and digests are of the bytes themselves
        self._session.auth = lambda request: request  # never a password from the user's .netrc

    def manifest(self, digest: str) -> bytes:
        """The manifest's bytes, not yet verified. Raises BundleError("size", …) if larger than any of ours."""
        with self._request("GET", f"manifests/{digest}", headers={"Accept": MANIFEST_TYPE}, stream=True) as response:
            content = b"".join(self._read(response, _MAX_MANIFEST_BYTES, "the manifest"))
        return content

    def blob(self, digest: str, limit: int) -> Iterator[bytes]:
        """The blob in pieces, not yet verified. Raises BundleError("size", …) after more than `limit` bytes."""
        with self._request("GET", f"blobs/{digest}", stream=True) as response:
            yield from self._read(response, limit, f"the file {digest[:19]}…")

    def put_blob(self, digest: str, content: bytes | BinaryIO) -> None:
        """Upload bytes or an open file, unless the registry has them."""
        if self._request("HEAD", f"blobs/{digest}", accept=(200, 404)).status_code == 200:
            return
        started = self._request("POST", "blobs/uploads/", accept=(202,))
        location = urljoin(started.url, started.headers.get("Location", ""))
        target = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        headers = {"Content-Type": "application/octet-stream"}
        self._request("PUT", target, accept=(201,), data=content, headers=headers)

    def put_manifest(self, reference: str, content: bytes) -> None:
        """Store the manifest under a tag or its digest."""
        self._request(
            "PUT", f"manifests/{reference}", accept=(201,), data=content, headers={"Content-Type": MANIFEST_TYPE}
        )

    def _request(
        self, method: str, path: str, *, accept: tuple[int, ...] = (200,), **options: Any
    ) -> requests.Response:
        with self._reachable():
            url = urljoin(self._base, path)
            timeout = (_CONNECT_SECONDS, _READ_SECONDS)
            response = self._session.request(method, url, timeout=timeout, **options)
            if response.status_code == 401 and self._authorize(response):
                if hasattr(options.get("data"), "seek"):
                    options["data"].seek(0)
                response = self._session.request(method, url, timeout=timeout, **options)
        if response.status_code not in accept:
            raise Unavailable(self._explain(response))
        return response

    def _authorize(self, refused: requests.Response) -> bool:
        """Answer the challenge of a 401: a password, or a token bought with it. False when there is no way."""
        scheme, _, rest = refused.headers.get("WWW-Authenticate", "").partition(" ")
        known = self._credentials
        password = HTTPBasicAuth(known.username.encode(), known.password.encode()) if known else None
        if scheme.lower() == "basic" and password is not None:
            self._session.auth = password
            return True
        challenge = dict(_CHALLENGE.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in challenge:
            return False
        realm = urljoin(self._base, challenge["realm"])
        if self._base.startswith("https:") and not realm.startswith("https:"):
            raise Unavailable(f"{self.repository.host} wants the password sent in the clear to {realm}; refused")
        answer = requests.get(
            realm,
            params={key: challenge[key] for key in ("service", "scope") if key in challenge},
            auth=password or (lambda request: request),
            timeout=(_CONNECT_SECONDS, _READ_SECONDS),
        )
        if answer.status_code != 200:
            raise Unavailable(self._explain(answer))
        body = answer.json()
        token = body.get("token") or body.get("access_token")
        self._session.headers["Authorization"] = f"Bearer {token}"
        return bool(token)

    def _read(self, response: requests.Response, limit: int, what: str) -> Iterable[bytes]:
        received = 0
        with self._reachable():
            for piece in response.iter_content(1 << 16):
                received += len(piece)
                if received > limit:
                    raise BundleError(
                        "size", f"{what} is larger than was said", figure=f">{limit} bytes", limit=f"{limit} bytes"
                    )
                yield piece

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, OSError) as error:
            raise Unavailable(f"{self.repository.host} cannot be reached ({_reason(error)})") from error

    def _explain(self, response: requests.Response) -> str:
        host, status = self.repository.host, response.status_code
        if status in (401, 403):
            given = "none were given" if self._credentials is None else f"user {self._credentials.username}"
            return f"{host} refuses the credentials ({status}; {given}); give the Secret of a user who may do this"
        if status == 404:
            return f"not found yet: {self.repository} has no such content (404); push the bundle there"
        return f"{host} answered {status} {response.reason}; it must be mended, or is busy"


def _reason(error: Exception) -> str:
    """The innermost cause, which names the fact: connection refused, name not known, timed out."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return str(error).strip() or type(error).__name__
