"""One POST to one address: the name is resolved once, what it leads to is checked, and exactly that is connected to."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx

from shared.webhooks import address
from shared.webhooks.address import Address, ForbiddenAddressError

Resolve = Callable[[str, int], Sequence[str]]
BODY_BYTES = 4096  # of an answer; nothing in it matters
ADDRESSES_TRIED = 3
AWAY = "the receiver does not answer at its address"
LATE = "the receiver did not answer in time"
UNKNOWN = "the receiver's name cannot be resolved"
UNTRUSTED = "the receiver's certificate was not accepted"
INSECURE = "no secure connection with the receiver came about"
UNREADABLE = "the receiver's answer cannot be read"
REDIRECTED = "the receiver answered with a redirect, which is not followed"
PRIVATE = "the receiver's name leads to an address that is not public"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: a status, or the problem in our own words."""

    status: int | None = None
    problem: str | None = None
    retry_after_s: float = 0.0
    seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing ever again."""
        return self.status == httpx.codes.GONE


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the machine's resolver orders them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True)
class Poster:
    """How deliveries reach their receivers: no proxies, no redirects, no connection that is used twice."""

    allow: Sequence[str]
    """Origins that may be private and without TLS."""
    timeout_s: float
    """For all of one attempt."""
    resolve: Resolve = resolve
    context: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)
    network: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send the body once. What goes wrong is in the answer."""
        began = time.monotonic()
        status, retry_after_s, problem = None, 0.0, None
        try:
            status, retry_after_s = self._send(address.read(url, allow=self.allow), headers, body)
            problem = REDIRECTED if 300 <= status < 400 else None
        except ForbiddenAddressError as error:
            problem = str(error)
        except socket.gaierror:
            problem = UNKNOWN
        except httpcore.TimeoutException:
            problem = LATE
        except (httpcore.NetworkError, OSError, UnicodeError) as error:
            problem = _said(error)
        except httpcore.ProtocolError:
            problem = UNREADABLE
        return Answer(status, problem, retry_after_s, time.monotonic() - began)

    def _send(self, to: Address, headers: Mapping[str, str], body: bytes) -> tuple[int, float]:
        network = _Pinned(self.network, self.resolve, to, until=time.monotonic() + self.timeout_s)
        sent = [("Host", to.netloc), *headers.items(), ("Content-Length", str(len(body))), ("Connection", "close")]
        url = httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.target)
        with (
            httpcore.ConnectionPool(ssl_context=self.context, network_backend=network, max_connections=1) as pool,
            pool.stream("POST", url, headers=sent, content=body) as response,
        ):
            _read_some(response)
            return response.status, _retry_after_s(response.headers)


class _Pinned(httpcore.NetworkBackend):
    """Connects to what the name led to when it was checked, and lets the attempt last no longer than its time."""

    def __init__(self, inner: httpcore.NetworkBackend, resolve: Resolve, to: Address, *, until: float) -> None:
        self._inner = inner
        self._resolve = resolve
        self._to = to
        self._until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - httpcore's signature; the time left counts
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve once, refuse the whole answer when one address is private, connect to one of it."""
        found = self._resolve(host, port)
        if not self._to.named and not all(address.public(ip) for ip in found):
            raise ForbiddenAddressError(PRIVATE)
        refused: httpcore.NetworkError | None = None
        for ip in found[:ADDRESSES_TRIED]:
            try:
                stream = self._inner.connect_tcp(ip, port, _left(self._until), local_address, socket_options)
            except httpcore.NetworkError as error:
                refused = error
            else:
                return _Limited(stream, self._until)
        raise refused or socket.gaierror(UNKNOWN)


class _Limited(httpcore.NetworkStream):
    """A stream whose every step ends when the time of the whole attempt does."""

    def __init__(self, inner: httpcore.NetworkStream, until: float) -> None:
        self._inner = inner
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - httpcore's signature
        return self._inner.read(max_bytes, _left(self._until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - httpcore's signature
        self._inner.write(buffer, _left(self._until))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - httpcore's signature
    ) -> httpcore.NetworkStream:
        return _Limited(self._inner.start_tls(ssl_context, server_hostname, _left(self._until)), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _said(error: Exception) -> str:
    reason = error.args[0] if error.args else error  # httpcore wraps what the socket raised
    if isinstance(reason, ssl.SSLCertVerificationError):
        return UNTRUSTED
    return INSECURE if isinstance(reason, ssl.SSLError) else AWAY


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout(LATE)
    return left


def _read_some(response: httpcore.Response) -> None:
    """Take a little of the body, so that the receiver is not cut off in mid-sentence; its status counts already."""
    taken = 0
    with contextlib.suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        for piece in response.iter_stream():
            taken += len(piece)
            if taken >= BODY_BYTES:
                return


def _retry_after_s(headers: Sequence[tuple[bytes, bytes]]) -> float:
    value = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("latin-1").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
