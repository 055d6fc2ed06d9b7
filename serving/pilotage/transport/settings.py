"""What a user chooses about a server."""

from dataclasses import dataclass, field
from pathlib import Path

from pilotage.transport.log.logs import LogSettings


@dataclass(frozen=True)
class Settings:
    """Ports: 0 is any that is free."""

    directory: Path  # the bundle's
    host: str
    port: int
    grpc_port: int | None = None  # None: no gRPC
    digest: str | None = None  # what the bundle must be; None: whatever it is
    max_body: int = 16 << 20  # bytes of a request, also once it is unpacked
    connection_seconds: float = 60  # a kept connection ends after this long, ±20 %
    drain_seconds: float = 20  # after SIGTERM requests are answered for up to this long: who still sends here learns it
    log: LogSettings = field(default_factory=LogSettings)
