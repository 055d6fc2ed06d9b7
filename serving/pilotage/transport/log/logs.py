"""The logs of one server, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pilotage.bundle.format import Contract
from pilotage.runtime.identity import Identity
from pilotage.transport.log.access import AccessLog
from pilotage.transport.log.address import address_of
from pilotage.transport.log.line import json_line
from pilotage.transport.log.outlet import Outlet, Sink
from pilotage.transport.log.payload import Entry, PayloadLog, Wording
from pilotage.transport.log.stdout import Stdout

FLUSH_SECONDS = 2.0
_LINES = 1000  # that may wait for a reader of standard output
_ENTRIES = 128  # that may wait for the payload log's sink: 8 MiB


@dataclass(frozen=True)
class LogSettings:
    """What a user may set; `payload_log` is empty, "stdout" or the address of an HTTP sink."""

    access_per_second: int = 1
    access_errors_per_second: int = 10
    payload_log: str = ""
    payload_sample: float = 0.01
    payload_batch: int = 1


class Logs:
    """`access` and `payloads` are told of every answer; a tick comes once a second; `close` is the last call."""

    def __init__(self, settings: LogSettings, identity: Identity, contract: Contract) -> None:
        stdout = Stdout()
        self._lines: Outlet[bytes] = Outlet(stdout, capacity=_LINES)
        self.access = AccessLog(
            identity,
            contract,
            self._lines.put,
            per_second=settings.access_per_second,
            errors_per_second=settings.access_errors_per_second,
        )
        self._entries: Outlet[Entry] = Outlet(_sink(settings, identity, stdout), capacity=_ENTRIES)
        self.payloads = PayloadLog(contract, self._entries, settings.payload_sample if settings.payload_log else 0.0)
        self._lines.start()
        if settings.payload_log:
            self._entries.start()

    def tick(self) -> None:
        """A second is over."""
        self.access.tick()

    def close(self) -> None:
        """Write what is left, for up to two seconds."""
        self.access.tick()
        self._entries.close(FLUSH_SECONDS)
        self._lines.close(FLUSH_SECONDS / 4)


def _sink(settings: LogSettings, identity: Identity, stdout: Stdout) -> Sink[Entry]:
    """Raises ValueError for an address that is none."""
    address = address_of(settings.payload_log) if settings.payload_log else None
    if address is None:
        return EntryLines(identity, stdout)
    from pilotage.transport.log.cloudevents import CloudEvents  # an HTTP client and TLS: only for those who want them

    return CloudEvents(address, identity, most=settings.payload_batch)


class EntryLines:
    """Entries as lines of standard output."""

    def __init__(self, identity: Identity, stdout: Stdout) -> None:
        self.name, self.most = stdout.name, stdout.most
        self._wording = Wording(identity)
        self._stdout = stdout

    def send(self, entries: Sequence[Entry]) -> None:
        """Raises Undelivered."""
        said = ({"logger": "payload", "level": "info", **self._wording.document(entry)} for entry in entries)
        self._stdout.send([json_line(document) for document in said])
