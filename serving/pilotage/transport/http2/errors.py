"""What can go wrong with a connection or a stream, in the words of RFC 9113."""

from enum import IntEnum


class Code(IntEnum):
    """Error codes of RST_STREAM and GOAWAY (section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class Broken(Exception):
    """The connection cannot go on: the client is told why by GOAWAY, and the connection ends."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StreamBroken(Exception):
    """One stream cannot go on: RST_STREAM."""

    def __init__(self, stream: int, code: Code) -> None:
        super().__init__(f"stream {stream}: {code.name}")
        self.stream = stream
        self.code = code
