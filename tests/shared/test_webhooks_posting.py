"""One POST over real sockets: what is connected to, what is refused, and how long it may take."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from email.utils import format_datetime
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.webhooks import posting
from shared.webhooks.posting import Poster
from tests.odd_servers import close, drip, drip_body, flood, no_tls, nonsense, server, silence
from tests.receiver import Receiver, Reply, receiver

PUBLIC = "93.184.216.34"
HEADERS = {"Content-Type": "application/json"}


class Resolver:
    """Answers as it was told to, in order and the last one for ever, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Wire(httpcore.NetworkBackend):
    """The way out: remembers which address was connected to, and leads every one to this machine."""

    def __init__(self, port: int = 0, *, dead: Iterable[str] = ()) -> None:
        self.port = port
        self.dead = set(dead)
        self.connected: list[str] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.connected.append(host)
        if host in self.dead:
            raise httpcore.ConnectError("refused")
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self.port, timeout)


def poster(wire: Wire, resolver: Resolver, *, trust: Path | None = None, allow: tuple[str, ...] = ()) -> Poster:
    context = ssl.create_default_context(cafile=trust)
    return Poster(allow, 3.0, resolve=resolver, context=context, network=wire)


def open_poster(to: Receiver, *, timeout_s: float = 3.0) -> Poster:
    """A poster that may call this receiver on this machine."""
    return Poster((to.origin,), timeout_s)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of receiver.test, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "receiver.pem"
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(plain + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def secure_receiver(certificate: Path, names: list[str]) -> Iterator[Receiver]:
    """A receiver with TLS that notes which name it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: names.append(str(name))
    with receiver(context=context) as made:
        yield made


def test_the_resolved_address_is_connected_to_with_the_name_in_tls_and_host(certificate: Path):
    names: list[str] = []
    with secure_receiver(certificate, names) as to:
        wire, resolver = Wire(to.port), Resolver([PUBLIC])
        answer = poster(wire, resolver, trust=certificate).post("https://receiver.test/hook?a=1", HEADERS, b"{}")
    assert (answer.status, answer.problem) == (200, None)
    assert (resolver.asked, wire.connected) == (["receiver.test"], [PUBLIC])
    assert names == ["receiver.test"]
    assert (to.calls[0].path, to.calls[0].headers["Host"]) == ("/hook?a=1", "receiver.test")


def test_a_certificate_that_nobody_trusts_or_of_another_name_is_refused(certificate: Path):
    with secure_receiver(certificate, []) as to:
        wire, resolver = Wire(to.port), Resolver([PUBLIC])
        untrusted = poster(wire, resolver).post("https://receiver.test/", HEADERS, b"{}")
        another = poster(wire, resolver, trust=certificate).post("https://another.test/", HEADERS, b"{}")
    assert {untrusted.problem, another.problem} == {posting.UNTRUSTED}
    assert to.calls == []


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["fd00::1"],
        ["64:ff9b::7f00:1"],
        [PUBLIC, "127.0.0.1"],
        ["192.168.0.1", PUBLIC],
    ],
)
def test_a_name_that_leads_to_a_private_address_is_not_connected_to(found: list[str]):
    wire = Wire()
    answer = poster(wire, Resolver(found)).post("https://receiver.test/", HEADERS, b"{}")
    assert (answer.status, answer.problem, wire.connected) == (None, posting.PRIVATE, [])


def test_a_name_that_is_bound_anew_between_check_and_connection_gains_nothing(certificate: Path):
    with secure_receiver(certificate, []) as to:
        wire, resolver = Wire(to.port), Resolver([PUBLIC], ["127.0.0.1"])
        post = poster(wire, resolver, trust=certificate)
        first = post.post("https://receiver.test/", HEADERS, b"{}")
        assert (first.status, wire.connected, len(resolver.asked)) == (200, [PUBLIC], 1)
        second = post.post("https://receiver.test/", HEADERS, b"{}")
    assert (second.status, second.problem, wire.connected) == (None, posting.PRIVATE, [PUBLIC])
    assert len(to.calls) == 1


def test_another_of_the_addresses_is_tried_when_the_first_is_dead(certificate: Path):
    with secure_receiver(certificate, []) as to:
        wire, resolver = Wire(to.port, dead=["2606:2800:220:1::1"]), Resolver(["2606:2800:220:1::1", PUBLIC])
        answer = poster(wire, resolver, trust=certificate).post("https://receiver.test/", HEADERS, b"{}")
    assert (answer.status, wire.connected, len(resolver.asked)) == (200, ["2606:2800:220:1::1", PUBLIC], 1)


@pytest.mark.parametrize("url", ["http://receiver.test/", "https://127.1/", "https://user@receiver.test/", "https://["])
def test_an_address_that_may_not_be_called_is_not_even_resolved(url: str):
    wire, resolver = Wire(), Resolver([PUBLIC])
    answer = poster(wire, resolver).post(url, HEADERS, b"{}")
    assert (answer.status, resolver.asked, wire.connected) == (None, [], [])
    assert answer.problem


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int):
    with receiver() as other, receiver(Reply(status, {"Location": other.url})) as to:
        answer = open_poster(to).post(to.url, HEADERS, b"{}")
    assert (answer.status, answer.problem, answer.accepted) == (status, posting.REDIRECTED, False)
    assert (len(to.calls), other.calls) == (1, [])


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch):
    with receiver() as proxy, receiver() as to:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        assert open_poster(to).post(to.url, HEADERS, b"{}").status == 200
    assert (len(to.calls), proxy.calls) == (1, [])


@pytest.mark.parametrize(
    ("behave", "status", "problem"),
    [
        (drip, None, posting.LATE),
        (silence, None, posting.LATE),
        (drip_body, 204, None),
        (flood, 200, None),
        (nonsense, None, posting.UNREADABLE),
        (close, None, posting.UNREADABLE),
    ],
)
def test_no_receiver_holds_an_attempt_for_longer_than_its_time(
    behave: Callable[[socket.socket], None], status: int | None, problem: str | None
):
    with server(behave) as origin:
        answer = Poster((origin,), 0.5).post(origin, HEADERS, b"{}")
    assert (answer.status, answer.problem) == (status, problem)
    assert answer.seconds < 3.0


@pytest.mark.parametrize(("behave", "problem"), [(silence, posting.LATE), (no_tls, posting.INSECURE)])
def test_a_tls_handshake_that_does_not_come_ends_in_time(behave: Callable[[socket.socket], None], problem: str):
    with server(behave) as origin:
        secure = origin.replace("http:", "https:")
        answer = Poster((secure,), 0.5).post(secure, HEADERS, b"{}")
    assert answer.problem == problem
    assert answer.seconds < 3.0


def test_nobody_at_the_address_and_no_such_name_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        origin = f"http://127.0.0.1:{closed.getsockname()[1]}"
    assert Poster((origin,), 1.0).post(origin, HEADERS, b"{}").problem == posting.AWAY
    unknown = "http://no-such-host.invalid:9"
    assert Poster((unknown,), 5.0).post(unknown, HEADERS, b"{}").problem == posting.UNKNOWN


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("120", 120, 120),
        ("0", 0, 0),
        ("-5", 0, 0),
        ("soon", 0, 0),
        ("9" * 5000, 0, 1e9),
        (format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=9), usegmt=True), 60, 9 * 3600),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 0),
        ("Sun, 99 Nov 99999 08:49:37 GMT", 0, 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, low: float, high: float):
    with receiver(Reply(503, {"Retry-After": value})) as to:
        answer = open_poster(to).post(to.url, HEADERS, b"{}")
    assert low <= answer.retry_after_s <= high


def test_the_resolver_of_the_machine_gives_addresses_that_are_read():
    found = posting.resolve("localhost", 80)
    assert all(ipaddress.ip_address(each).is_loopback for each in found)
