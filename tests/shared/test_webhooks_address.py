"""Which addresses may be called: no spelling of a private one gets through."""

from __future__ import annotations

import pytest
from pydantic import HttpUrl, TypeAdapter, ValidationError

from shared.webhooks import address
from shared.webhooks.address import ForbiddenAddressError

LOOPBACK = (
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.8.9.10",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",  # noqa: S104 - to be refused
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "anything.localhost",
    "localhost.localdomain.local",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "1.2.3.4@127.0.0.1",
)
PRIVATE = (
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[ff02::1]",
    "[fec0::1]",
    "[2001:db8::1]",
    "[2001::1]",
    "[3fff::1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::1]",
    "[2002:c0a8:101::1]",
    "[::ffff:192.168.1.1]",
    "[::ffff:0:10.0.0.1]",
    "redis",
    "metadata.google.internal",
    "printer.local",
    "router.lan",
)
PUBLIC = (
    "93.184.216.34",
    "8.8.8.8",
    "[2606:2800:220:1::1]",
    "[64:ff9b::808:808]",
    "hooks.example.org",
    "xn--e1afmkfd.xn--p1ai",
)

_url = TypeAdapter(HttpUrl)


def as_submitted(url: str) -> str:
    """The address as a submission's model hands it on: in its own normal form."""
    return str(_url.validate_python(url))


@pytest.mark.parametrize("host", [*LOOPBACK, *PRIVATE])
def test_a_private_host_is_refused_as_it_is_written_and_as_it_is_read(host: str):
    with pytest.raises(ForbiddenAddressError):
        address.read(f"https://{host}/hook")
    with pytest.raises((ForbiddenAddressError, ValidationError)):
        address.read(as_submitted(f"https://{host}/hook"))


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_host_is_taken_with_its_own_port_and_path(host: str):
    read = address.read(as_submitted(f"https://{host}:8443/hook?a=b#c"))
    assert (f"https://{host}:8443", "/hook?a=b") == (read.origin, read.target)
    assert read.netloc == f"{host}:8443"
    assert address.read(f"https://{host}/hook").netloc == host


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "file:///etc/passwd",
        "gopher://hooks.example.org/",
        "//hooks.example.org/",
        "hooks.example.org",
        "https://",
        "https:///hook",
        "https://user@hooks.example.org/",
        "https://user:password@hooks.example.org/",
        "https://:password@hooks.example.org/",
        "https://hooks.example.org:99999/",
        "https://hooks.example.org:port/",
        "https://hooks..example.org/",
        "https://[::1/",
        "https://hooks.example.org/" + "a" * 2000,
        "https://hooks.example.org\t.evil/",
        "https://ho\x00oks.example.org/",
    ],
)
def test_what_is_no_plain_https_address_is_refused_without_being_repeated(url: str):
    with pytest.raises(ForbiddenAddressError) as refused:
        address.read(url)
    assert "hooks" not in str(refused.value)
    assert "password" not in str(refused.value).replace("user name or password", "")


@pytest.mark.parametrize(
    ("allowed", "url", "taken"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/hook", True),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000/hook", True),
        ("HTTP://LocalHost:9000", "http://localhost:9000/hook", True),
        ("http://ehr.internal", "http://ehr.internal:80/hook", True),
        ("https://ehr.internal", "https://ehr.internal/hook", True),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9001/hook", False),
        ("http://127.0.0.1:9000", "https://127.0.0.1:9000/hook", False),
        ("http://127.0.0.1:9000", "http://127.0.0.1/hook", False),
        ("http://127.0.0.1:9000", "http://127.0.0.2:9000/hook", False),
        ("http://127.0.0.1:9000", "http://user@127.0.0.1:9000/hook", False),
        ("http://127.0.0.1:900", "http://127.0.0.1:9000/hook", False),
        ("127.0.0.1:9000", "http://127.0.0.1:9000/hook", False),
        ("*", "http://127.0.0.1:9000/hook", False),
        ("", "http://127.0.0.1:9000/hook", False),
    ],
)
def test_an_origin_that_the_operator_named_is_taken_and_no_other(allowed: str, url: str, taken: bool):
    if taken:
        assert address.read(url, allow=[allowed]).named
        return
    with pytest.raises(ForbiddenAddressError):
        address.read(url, allow=[allowed])


@pytest.mark.parametrize("ip", ["fe80::1%eth0", "127.0.0.1", "::", "", "hooks.example.org", "::ffff:8.8.8.8"])
def test_what_a_resolver_says_is_public_only_when_it_surely_is(ip: str):
    assert not address.public(ip)
