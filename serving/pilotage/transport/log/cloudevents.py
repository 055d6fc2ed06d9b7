"""Entries of the payload log as CloudEvents 1.0 over HTTP.

One at a time in binary mode, which every receiver must read; several in batched mode only when the user asks for it,
as the specification wants (HTTP protocol binding 1.0.2, sections 1.3 and 3).
"""

import http.client
import os
import ssl
from collections.abc import Sequence
from typing import Any

import msgspec

from pilotage.runtime.identity import Identity
from pilotage.transport.log.address import Address
from pilotage.transport.log.line import moment
from pilotage.transport.log.outlet import Undelivered
from pilotage.transport.log.payload import Entry, Wording

_JSON = "application/json"
TYPE = "dev.pilotage.inference"
BATCH = "application/cloudevents-batch+json; charset=UTF-8"
_SECONDS = 5.0  # to connect, to send and to wait for each part of the answer
_ANSWER = 64 << 10  # bytes that are read of an answer, so that its connection can be used again
_LATER = (408, 425, 429)  # beside 5xx: the same may be taken later


class CloudEvents:
    """A sink over one kept connection. It verifies TLS (SSL_CERT_FILE: another authority) and follows no redirect."""

    def __init__(self, address: Address, identity: Identity, *, most: int = 1, seconds: float = _SECONDS) -> None:
        self.name = f"payload sink {address.shown}"
        self.most = most
        self._target = address.target
        self._wording = Wording(identity)
        self._source = f"/pilotage/{identity.deployment}/{identity.revision}"
        self._subject = identity.version
        self._process = os.urandom(8).hex()  # the pods of a revision share a source, so ids must differ by pod
        if address.secure:
            context = ssl.create_default_context()
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                address.host, address.port, timeout=seconds, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(address.host, address.port, timeout=seconds)

    def send(self, entries: Sequence[Entry]) -> None:
        """Deliver all of them, or raise Undelivered. An event can arrive twice, with the same id."""
        if self.most == 1:
            (entry,) = entries
            headers = {f"ce-{name}": value for name, value in self._attributes(entry).items()}
            self._post(msgspec.json.encode(self._wording.document(entry)), {**headers, "content-type": _JSON})
        else:
            self._post(msgspec.json.encode([self._event(entry) for entry in entries]), {"content-type": BATCH})

    def _event(self, entry: Entry) -> dict[str, Any]:
        return {**self._attributes(entry), "datacontenttype": _JSON, "data": self._wording.document(entry)}

    def _attributes(self, entry: Entry) -> dict[str, str]:
        """All printable ASCII without spaces, quotes and percent signs: as headers they need no encoding."""
        return {
            "specversion": "1.0",
            "type": TYPE,
            "source": self._source,
            "id": f"{self._process}-{entry.number}",
            "time": moment(entry.time),
            "subject": self._subject,
        }

    def _post(self, body: bytes, headers: dict[str, str]) -> None:
        reused = self._connection.sock is not None
        try:
            code = self._exchange(body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                raise Undelivered(f"its certificate is refused: {error.verify_message}", again=True) from error
            if reused and not isinstance(error, TimeoutError):  # it closed a connection that it had kept
                self._post(body, headers)
                return
            reason = getattr(error, "strerror", None) or type(error).__name__  # no more: it can hold what the sink sent
            raise Undelivered(f"no answer ({reason})", again=True) from error
        if 300 <= code < 400:
            raise Undelivered(f"answered {code}; redirects are not followed, give the last address", again=False)
        if not 200 <= code < 300:
            raise Undelivered(f"answered {code}", again=code >= 500 or code in _LATER)

    def _exchange(self, body: bytes, headers: dict[str, str]) -> int:
        self._connection.request("POST", self._target, body, headers)
        response = self._connection.getresponse()
        response.read(_ANSWER)
        if not response.isclosed():  # it has more to say than anybody wants to read
            self._connection.close()
        return response.status
