"""Which addresses may be called: public ones over https, and what the operator has named."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass

import httpx

from shared.errors import ClinqError

PORTS = {"https": 443, "http": 80}
LONGEST = 2000  # characters
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE_V4 = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind a carrier's NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, where clouds keep credentials
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation, as the two below
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
"""IANA's registry of special-purpose IPv4 addresses."""
PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""All that IANA has given out; loopback, mapped, unique-local, link-local and multicast addresses lie outside."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
PRIVATE_V6 = tuple(
    ipaddress.IPv6Network(each)
    for each in (
        "2001::/23",  # Teredo and other tunnels
        "2001:db8::/32",  # documentation, as the one below
        "3fff::/20",
        "2002::/16",  # 6to4: an IPv4 address in disguise
    )
)
LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa")
NUMBER = re.compile(r"(?:0x[0-9a-f]*|\d+)\Z", re.IGNORECASE)
NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}\Z", re.IGNORECASE)


class ForbiddenAddressError(ClinqError):
    """The address may not be called; the message says why, and holds no part of it."""

    code = "forbidden_address"


@dataclass(frozen=True, slots=True)
class Address:
    """An address in its parts, and whether the operator has named its origin."""

    scheme: str
    host: str
    """A name or an IP address, without brackets."""
    port: int
    target: str
    """Path and query."""
    named: bool

    @property
    def origin(self) -> str:
        """scheme://host:port, which tells whom it belongs to and holds no secret."""
        return _origin(self.scheme, self.host, self.port)

    @property
    def netloc(self) -> str:
        """As the Host header writes it."""
        return self.origin.partition("://")[2].removesuffix(f":{PORTS[self.scheme]}")


def read(url: str, *, allow: Collection[str] = ()) -> Address:
    """Take an address apart; what stands in `allow` (origins) may be private and without TLS.

    Raises ForbiddenAddressError for what must not be called whatever its name resolves to.
    """
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii").lower()
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise ForbiddenAddressError("this is no web address") from error
    if parsed.scheme not in PORTS or not host or len(url) > LONGEST:
        raise ForbiddenAddressError(f"an https address of at most {LONGEST} characters is expected here")
    if parsed.userinfo:
        raise ForbiddenAddressError("an address must not hold a user name or password")
    port = PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if not 0 < port < 1 << 16:
        raise ForbiddenAddressError("the port of the address must be between 1 and 65535")
    target = parsed.raw_path.decode("ascii")
    named = _origin(parsed.scheme, host, port) in origins(allow)
    if not named:
        _refuse_insecure(parsed.scheme, host)
    return Address(parsed.scheme, host, port, target, named)


def origins(allow: Collection[str]) -> frozenset[str]:
    """The named origins in one spelling; what is no origin is left out."""
    found = set()
    for each in allow:
        try:
            url = httpx.URL(each.strip())
        except httpx.InvalidURL:
            continue
        if url.scheme in PORTS and url.host:
            found.add(_origin(url.scheme, url.raw_host.decode("ascii").lower(), url.port or PORTS[url.scheme]))
    return frozenset(found)


def public(ip: str) -> bool:
    """Whether an IP address (as a resolver writes it) belongs to a machine on the public internet."""
    try:
        parsed: Ip = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id:
            return False
        if parsed in NAT64:
            parsed = ipaddress.IPv4Address(parsed.packed[-4:])
        else:
            return parsed in PUBLIC_V6 and not any(parsed in network for network in PRIVATE_V6)
    return not any(parsed in network for network in PRIVATE_V4)


def _refuse_insecure(scheme: str, host: str) -> None:
    if scheme != "https":
        raise ForbiddenAddressError("the address must begin with https://")
    if ":" in host:
        allowed = public(host)
    elif NUMBER.match(host.rstrip(".").rpartition(".")[2]):
        # What ends in a number is an IPv4 address to some reader; only the plain spelling means one thing to all.
        allowed = public(host)
    else:
        name = host.removesuffix(".")
        allowed = NAME.match(name) is not None and not any(f".{name}".endswith(f".{each}") for each in LOCAL_NAMES)
    if not allowed:
        raise ForbiddenAddressError("the address must be one on the public internet")


def _origin(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
