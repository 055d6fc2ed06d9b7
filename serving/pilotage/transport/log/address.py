"""Where the payload log goes, as a user says it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

STDOUT = "stdout"


@dataclass(frozen=True)
class Address:
    """An HTTP sink. `target` is path and query; they can hold a secret, so only `shown` stands in logs."""

    secure: bool
    host: str
    port: int
    target: str

    @property
    def shown(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"


def address_of(text: str) -> Address | None:
    """The sink of `--payload-log`; None is standard output. Raises ValueError with a sentence.

    >>> address_of("http://collector/events").shown
    'http://collector:80'
    """
    if text == STDOUT:
        return None
    if not text.isascii() or any(ord(letter) <= 32 or letter == "\x7f" for letter in text):
        raise ValueError("the payload log's address has spaces or is not ASCII; percent-encode it")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the payload log's address cannot be read: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"the payload log goes to {STDOUT}, http://host[:port]/path or https://host[:port]/path")
    if "@" in parts.netloc:
        raise ValueError("the payload log's address must not hold a password: all who may see the pod would see it")
    secure = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(secure, parts.hostname, port or (443 if secure else 80), target)
