"""Parsing of target URLs in every notation, and refusal of others."""

import contextlib
from string import ascii_letters, digits
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hooklog.delivery.target import Target, parse_target
from hooklog.errors import ErrorType, HardError
from tests.hostile_inputs import LOOPBACK

BOTH = ("https", "http")


def refusal(url: str, schemes: tuple[str, ...] = BOTH) -> HardError:
    with pytest.raises(HardError) as refused:
        parse_target(url, schemes)
    return refused.value


@pytest.mark.parametrize(
    ("url", "requested", "authority"),
    [
        ("https://example.com", "https://example.com/", "example.com"),
        ("HTTPS://Example.com:8443/a b?q=ü#part", "https://example.com:8443/a%20b?q=%C3%BC", "example.com:8443"),
        ("https://example.com:443/", "https://example.com/", "example.com"),
        ("https://example.com:80/", "https://example.com:80/", "example.com:80"),
        ("https://example.com:/", "https://example.com/", "example.com"),
        ("https://example.com./", "https://example.com./", "example.com."),
        ("https://example.com?", "https://example.com/", "example.com"),
        ("https://example.com?a/b?c", "https://example.com/?a/b?c", "example.com"),
        ("https://müller.example/", "https://xn--mller-kva.example/", "xn--mller-kva.example"),
        ("https://shop。example/", "https://shop.example/", "shop.example"),
        ("https://\uff53\uff48\uff4f\uff50\uff0eexample/", "https://shop.example/", "shop.example"),
        ("https://my_shop.example/", "https://my_shop.example/", "my_shop.example"),
        ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443/x", "[2001:db8::1]:8443"),
        ("https://[2001:db8:0:0::1]/", "https://[2001:db8::1]/", "[2001:db8::1]"),
        ("https://example.com/%7Ea%2fb", "https://example.com/%7Ea%2fb", "example.com"),
        ("https://example.com/100%/[x]?50%", "https://example.com/100%25/%5Bx%5D?50%25", "example.com"),
        ("https://example.com/a/../b\\c", "https://example.com/a/../b%5Cc", "example.com"),
        ("https://example.com/a@b:c//d", "https://example.com/a@b:c//d", "example.com"),
    ],
)
def test_a_url_is_requested_in_its_ascii_form(url: str, requested: str, authority: str) -> None:
    target = parse_target(url, ("https",))
    assert (target.url, target.authority) == (requested, authority)


@pytest.mark.parametrize("host", LOOPBACK)
def test_every_notation_of_an_address_is_read_as_the_address(host: str) -> None:
    target = parse_target(f"http://{host}:8080/", BOTH)
    assert (target.host, target.authority, target.is_address) == ("127.0.0.1", "127.0.0.1:8080", True)


@pytest.mark.parametrize("host", ["1.example", "127.0.0.1.nip.io", "0x7f.example", "x127", "fe80.example"])
def test_a_host_name_is_not_an_address(host: str) -> None:
    assert not parse_target(f"http://{host}/", BOTH).is_address


INVALID = [
    "",
    "example.com/hooks",
    "//example.com/",
    "ftp://example.com/",
    "javascript:alert(1)",
    "https:example.com",
    "https:/example.com",
    "https://",
    "https:///path",
    "https://?query",
    "https://:8443/",
    " https://example.com/",
    "https:// example.com/",
    "https://example.com /",
    "https://exa\tmple.com/",
    "https://example.com/a\r\nX-Injected: 1",
    "https://example.com\n",
    "https://example.com/\x00",
    "https://example.com/\x7f",
    "https://example.com/\ud800",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://example.com:65536/",
    "https://example.com:000443/",
    "https://example.com:port/",
    "https://example.com:-1/",
    "https://example.com:٤٤٣/",
    "https://user:secret@example.com/",
    "https://@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com\\.evil.example/",
    "https://127.0.0.1%2f.example/",
    "https://127%2e0%2e0%2e1/",
    "https://%31%32%37.0.0.1/",
    "https://[::1/",
    "https://::1/",
    "https://[::1]x/",
    "https://[::g]/",
    "https://[1:2]/",
    "https://[127.0.0.1]/",
    "https://[fe80::1%eth0]/",
    "https://[fe80::1%25eth0]/",
    "https://[v1.x]/",
    "https://[]/",
    "https://-\u200b/",
    "https://a..b/",
    "https://.example.com/",
    "https://example.com../",
    "https://./",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 127}/",
    "https://*.example.com/",
    "https://256.1.1.1/",
    "https://1.2.3.4.5/",
    "https://0x/",
    "https://08.0.0.1/",
    "https://4294967296/",
    "https://example.1/",
    "https://exam\u2044ple.com/",
    "https://exam\uff0fple.com/",
    "https://exam\uff20ple.com/",
    "https://example.com\uff1a8443/",
    "https://exam℀ple.com/",
]


@pytest.mark.parametrize("url", INVALID)
def test_an_invalid_url_is_refused(url: str) -> None:
    refused = refusal(url)
    assert (refused.error_type, "URL" in refused.message) == (ErrorType.INVALID_URL, True)


def test_a_url_with_credentials_is_refused() -> None:
    assert "credentials" in refusal("https://user:secret@example.com/").message


def test_http_is_refused_unless_it_is_allowed() -> None:
    assert refusal("http://example.com/", ("https",)).error_type == ErrorType.INVALID_URL
    assert "https://" in refusal("http://example.com/", ("https",)).message


@pytest.mark.parametrize("port", [1, 22, 25, 79, 81, 442, 444, 587, 1023])
def test_blocked_ports_are_refused(port: int) -> None:
    assert refusal(f"https://example.com:{port}/").error_type == ErrorType.BLOCKED_ADDRESS


@pytest.mark.parametrize("port", [80, 443, 1024, 8443, 65_535])
def test_other_ports_are_accepted(port: int) -> None:
    assert parse_target(f"https://example.com:{port}/", BOTH).port == port


@pytest.mark.parametrize("url", ["https://user:secret@10.1.2.3/", "https://10.1.2.3:22/secret", "https://[secret/"])
def test_an_error_quotes_no_part_of_the_url(url: str) -> None:
    assert "10.1.2.3" not in refusal(url).message
    assert "secret" not in refusal(url).message


URL_PARTS = st.sampled_from([
    "http", "https://", "http://", "://", "/", "\\", "@", ":", "?", "#", "[", "]", "%", "%2e", "::1", "127.0.0.1",
    "0x7f", "0177", ".", "。", "\uff0e", "\uff11", "²", "ß", "\u0131", "\u200d", "xn--", "-", "_", "\n", " ", "8080",
    "٣", "localhost",
])  # fmt: skip
HOSTS = st.lists(URL_PARTS | st.text(max_size=3), max_size=8).map("".join)


@given(st.text() | HOSTS | HOSTS.map("https://".__add__) | HOSTS.map("http://[".__add__))
@example("https://xn--/")
@example("https://xn--a/")
def test_any_text_is_refused_or_becomes_a_plain_url(url: str) -> None:
    """An accepted URL is ASCII and parses the same with the standard library."""
    with contextlib.suppress(HardError):
        check_plain(parse_target(url, BOTH))


def check_plain(target: Target) -> None:
    assert all("!" <= character <= "~" for character in target.url)
    assert parse_target(target.url, BOTH) == target
    parts = urlsplit(target.url)
    assert (parts.scheme, parts.hostname, parts.netloc) == (target.scheme, target.host, target.authority)
    assert (parts.port or {"http": 80, "https": 443}[target.scheme]) == target.port
    assert (parts.username, parts.password, parts.fragment) == (None, None, "")
    assert set(target.host) <= set(ascii_letters + digits + "-_.:")
    assert target.path.startswith("/")
