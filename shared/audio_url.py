"""Addresses of recordings: which of them lie below the sources that this installation reads from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from shared.errors import AudioNotAllowedError

LONGEST = 2_000  # characters
MALFORMED = "an address is s3://bucket/key or file:///folder/file, without steps back or empty parts"
NO_SOURCES = "no recording may be named by its address here: CLINQ_AUDIO_SOURCES is empty"
OUTSIDE = "the address lies below none of the sources in CLINQ_AUDIO_SOURCES"
Scheme = Literal["s3", "file"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recording lies."""

    scheme: Scheme
    root: str
    """The bucket, or the folder that CLINQ_AUDIO_SOURCES names."""
    parts: tuple[str, ...]
    """The names from there to the recording; none of them leads back or away."""

    @property
    def key(self) -> str:
        """The parts as one path below the root."""
        return "/".join(self.parts)


def place(url: str, sources: Iterable[str]) -> Place:
    """Where this address leads. Raises AudioNotAllowedError when that is below none of the sources."""
    allowed = [_read(source, folder=True) for source in sources]
    if not allowed:
        raise AudioNotAllowedError(NO_SOURCES)
    asked = _read(url, folder=False)
    for source in allowed:
        if (asked.scheme, asked.root) == (source.scheme, source.root) and _below(asked.parts, source.parts):
            if asked.scheme == "s3":
                return asked
            return Place("file", f"/{source.key}", asked.parts[len(source.parts) :])
    raise AudioNotAllowedError(OUTSIDE)


def _read(url: str, *, folder: bool) -> Place:
    scheme, _, rest = url.partition("://")
    root, slash, path = rest.partition("/")
    if scheme == "file":
        path = unquote(path)  # a bucket's keys stand as they are, as the AWS tools write them
    elif scheme != "s3" or not root:
        raise AudioNotAllowedError(MALFORMED)
    parts = tuple((path.rstrip("/") if folder else path).split("/")) if path.strip("/") or not folder else ()
    if (scheme == "file" and root) or not (slash or folder) or any(_leads_away(part) for part in parts):
        raise AudioNotAllowedError(MALFORMED)
    return Place("s3" if scheme == "s3" else "file", root, parts)


def _below(parts: tuple[str, ...], source: tuple[str, ...]) -> bool:
    return len(parts) > len(source) and parts[: len(source)] == source


def _leads_away(part: str) -> bool:
    return part in {"", ".", ".."} or "\\" in part or not part.isprintable()
