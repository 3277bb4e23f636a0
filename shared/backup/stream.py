"""Rows as a compressed stream of JSON lines; bytes are written as base64."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import BaseModel, ConfigDict

from shared.backup.errors import DamagedBackupError

BYTES = "base64"
"""The one name in the object that stands for bytes."""
LEVEL = 1  # most of it is ciphertext, which base64 alone makes longer: that is won back by the fastest level

Watch = Callable[[str, int, int], None]
"""Hears what is worked on, how much of it is done, and of how much."""
Row = Mapping[str, Any]


class Stream(BaseModel):
    """What a stream holds, and the hash of its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    sha256: str


def write(path: Path, rows: Iterable[Row]) -> Stream:
    """Write the rows into a new file."""
    count = 0
    with made(path) as file, gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
        for row in rows:
            packed.write(json.dumps(row, default=_encoded, separators=(",", ":")).encode() + b"\n")
            count += 1
    return Stream(rows=count, sha256=digest(path))


@contextmanager
def made(path: Path) -> Iterator[BinaryIO]:
    """A new file that only its owner can read; at the end it is on the disk."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Read the rows back. The file's hash was checked before."""
    with gzip.open(path, "rb") as lines:
        for line in lines:
            yield json.loads(line, object_hook=_decoded)


def check(path: Path, sha256: str) -> None:
    """Raise DamagedBackupError for a file that is missing or is not what was written."""
    try:
        found = digest(path)
    except OSError as error:
        raise DamagedBackupError(f"{path.name} cannot be read: {error.strerror}") from error
    if found != sha256:
        raise DamagedBackupError(f"{path.name} was changed after it was written: use another copy of this backup")


def digest(path: Path) -> str:
    """SHA-256 of a file in lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _encoded(value: object) -> dict[str, str]:
    return {BYTES: base64.b64encode(cast("bytes", value)).decode()}


def _decoded(found: dict[str, Any]) -> Any:
    return base64.b64decode(found[BYTES]) if found.keys() == {BYTES} else found
