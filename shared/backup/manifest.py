"""The manifest: the one file that says what belongs to a backup; a backup without it was never finished."""

from __future__ import annotations

import hashlib
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.backup import stream
from shared.backup.errors import BackupError, DamagedBackupError
from shared.backup.stream import Stream

NAME = "manifest.json"
KEYS = "keys.sealed"
BLOBS = "blobs"
RECORDINGS = "recordings"


class Manifest(BaseModel):
    """What was written, by what, and from where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    clinq: str
    """The version that wrote it."""
    made_at: datetime
    dialect: str
    """sqlite or postgresql; it can be restored into either."""
    revision: str
    """Of the schema that the rows are of."""
    folder: str
    """Where the streams lie."""
    tables: dict[str, Stream]
    recordings: Stream
    recording_bytes: int
    keys_sha256: str | None
    """Of the sealed keys; None: they were left out."""
    sha256: str = ""
    """Of this document without this field."""

    def keys(self, root: Path) -> Path:
        """The file of the sealed keys."""
        return root / self.folder / KEYS

    def stream(self, root: Path, name: str) -> Path:
        """The file of a table, or of the list of recordings."""
        return root / self.folder / f"{name}.gz"


def write(root: Path, manifest: Manifest) -> None:
    """Put it in place in one step: from now on the folder is this backup."""
    with tempfile.NamedTemporaryFile("wb", dir=root, prefix=".manifest.", delete=False) as draft:  # its mode is 0600
        draft.write(_rendered(manifest))
        draft.flush()
        os.fsync(draft.fileno())
    Path(draft.name).replace(root / NAME)


def read(root: Path) -> Manifest:
    """The manifest of a folder. Raises BackupError when there is none, DamagedBackupError when it was changed."""
    try:
        found = (root / NAME).read_bytes()
    except OSError as error:
        raise BackupError(f"{root} holds no backup: there is no {NAME} in it") from error
    try:
        manifest = Manifest.model_validate_json(found)
    except ValidationError as error:
        raise DamagedBackupError(f"{NAME} was changed, or a newer clinq wrote it") from error
    if _rendered(manifest) != found:
        raise DamagedBackupError(f"{NAME} was changed after it was written: use another copy of this backup")
    return manifest


def blob_path(root: Path, key: str) -> Path:
    """Where a recording lies in the backup."""
    return root / BLOBS / key[:2] / key


def check(root: Path, watch: stream.Watch) -> Manifest:
    """Compare every file with its hash. Raises DamagedBackupError with the name of the first that differs."""
    manifest = read(root)
    streams = manifest.tables | {RECORDINGS: manifest.recordings}
    for done, (name, written) in enumerate(streams.items(), 1):
        stream.check(manifest.stream(root, name), written.sha256)
        watch("check tables", done, len(streams))
    if manifest.keys_sha256 is not None:
        stream.check(manifest.keys(root), manifest.keys_sha256)
    for done, row in enumerate(stream.read(manifest.stream(root, RECORDINGS)), 1):
        if row["here"]:
            stream.check(blob_path(root, row["key"]), row["key"])
        watch("check recordings", done, manifest.recordings.rows)
    return manifest


def _rendered(manifest: Manifest) -> bytes:
    plain = manifest.model_copy(update={"sha256": ""}).model_dump_json()
    named = manifest.model_copy(update={"sha256": hashlib.sha256(plain.encode()).hexdigest()})
    return named.model_dump_json(indent=2).encode() + b"\n"
