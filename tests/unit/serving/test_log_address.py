"""Where the payload log may go."""

import pytest

from pilotage.transport.log.address import Address, address_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("stdout", None),
        ("http://collector", Address(False, "collector", 80, "/")),
        ("https://collector/a/b?c=d", Address(True, "collector", 443, "/a/b?c=d")),
        ("http://[::1]:8080/events", Address(False, "::1", 8080, "/events")),
    ],
)
def test_it_is_standard_output_or_an_http_address(text: str, address: Address | None) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "goes to stdout"),
        ("stderr", "goes to stdout"),
        ("ftp://collector/", "goes to stdout"),
        ("http://", "goes to stdout"),
        ("http://collector:99999/", "cannot be read"),
        ("http://collector:x/", "cannot be read"),
        ("http://[::1/", "cannot be read"),
        ("http://me:secret@collector/", "must not hold a password"),
        ("http://collector/a b", "has spaces"),
        ("http://collector/\r\nx: y", "has spaces"),
        ("http://collector/ü", "not ASCII"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        address_of(text)


def test_what_may_be_a_secret_is_not_shown() -> None:
    address = address_of("https://[::1]/hook?token=abc")
    assert address is not None
    assert address.shown == "https://[::1]:443"
