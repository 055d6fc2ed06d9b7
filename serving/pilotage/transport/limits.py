"""What one client may take from the others: sizes and times."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bytes and seconds. The first three are a user's to set; the rest are right for every server that we know of."""

    max_body: int
    connection_seconds: float  # a kept connection lives this long, ±20 %
    max_connections: int

    max_framing: int = 64 << 10  # of a request's line, headers and trailers
    framing_per_body_byte: int = 16  # chunk sizes and extensions, beyond max_framing
    unused_seconds: float = 60  # from accepted to the first byte: pools open connections ahead
    head_seconds: float = 15  # from a request's first byte to the end of its headers
    body_seconds: float = 60  # from there to its last byte; also for a client to read what it was sent
    # A server that closes an idle connection can meet a request on its way. So the client must be the one to close:
    # longer than the pools of clients (Go 90 s, nginx 60 s), load balancers and Envoy (1 h). Dead peers are found by
    # TCP keep-alive long before.
    idle_seconds: float = 2 * 3600
    linger_seconds: float = 2  # after the last answer, for the client to close first: else a reset can overtake it
