"""Taking a backup while the service runs: one snapshot of the rows, then the recordings that it names."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shared import migrate, tables
from shared.backup import manifest as manifests
from shared.backup import stream
from shared.backup.errors import BackupError
from shared.backup.manifest import BLOBS, KEYS, RECORDINGS, Manifest, blob_path
from shared.backup.stream import Row, Stream, Watch
from shared.blobs import Blobs
from shared.database import Database
from shared.errors import BlobMissingError

LEFT_OUT = frozenset({"alembic_version", "worker", "refresh_token"})
"""The manifest names the version, no worker lives in a backup, and whoever was logged in logs in again."""
OURS = frozenset({"alembic_version", *tables.metadata.tables})
ROWS_AT_ONCE = 200
SNAPSHOT = "snapshot-"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a backup cost and what it could not hold."""

    manifest: Manifest
    copied: int
    """Recordings that were not there from the backup before."""
    missing: int
    """Recordings that rows name and the store does not hold, or not as they were stored."""


@dataclass(slots=True)
class _Recordings:
    """What became of each recording."""

    bytes: int = 0
    copied: int = 0
    missing: list[str] = field(default_factory=list)


def take(database: Database, blobs: Blobs, root: Path, *, keys: bytes | None, watch: Watch) -> Taken:
    """Write a backup into the folder, or bring the one that is there up to date; `keys` are sealed already.

    Until the manifest is replaced, at the very end, the backup before stays whole. Raises BackupError for a database
    without tables or a folder that another backup writes into, BackingServiceError when a service is away.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _only_one(root):
        made_at = datetime.now(UTC)
        folder = f"{SNAPSHOT}{made_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        for each in (root / folder, root / BLOBS):
            each.mkdir(exist_ok=True, mode=0o700)
        named: set[str] = set()
        revision, written = _tables(database, root / folder, named, watch)
        found = _Recordings()
        listed = stream.write(root / folder / f"{RECORDINGS}.gz", _recordings(blobs, root, named, found, watch))
        manifest = Manifest(
            clinq=metadata.version("clinq"),
            made_at=made_at,
            dialect=database.engine.dialect.name,
            revision=revision,
            folder=folder,
            tables=written,
            recordings=listed,
            recording_bytes=found.bytes,
            keys_sha256=None if keys is None else hashlib.sha256(keys).hexdigest(),
        )
        if keys is not None:
            with stream.made(root / folder / KEYS) as file:
                file.write(keys)
        manifests.write(root, manifest)
        _prune(root, folder, named)
    return Taken(manifest, found.copied, _still_named(database, found.missing))


def reflected(connection: sa.Connection) -> sa.MetaData:
    """Our tables as they stand, in whichever version; what else lies in the database is none of ours."""
    schema = sa.MetaData()
    schema.reflect(connection, only=lambda name, _: name in OURS)
    return schema


def _tables(database: Database, folder: Path, named: set[str], watch: Watch) -> tuple[str, dict[str, Stream]]:
    """All rows as they stood at one moment, whatever is written meanwhile; collects the recordings that they name."""
    with database.read() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # a slow disk may pause it
        revision = migrate.revision(connection)  # SQLite's snapshot begins with the first read
        if revision is None:
            raise BackupError("the database has no tables yet: there is nothing to back up")
        chosen = [table for table in reflected(connection).sorted_tables if table.name not in LEFT_OUT]
        written = {
            table.name: stream.write(folder / f"{table.name}.gz", _rows(connection, table, named, watch))
            for table in chosen
        }
    return revision, written


def _rows(connection: sa.Connection, table: sa.Table, named: set[str], watch: Watch) -> Iterator[Row]:
    of = int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
    order = sa.select(table).order_by(*table.primary_key).execution_options(yield_per=ROWS_AT_ONCE)
    for done, row in enumerate(connection.execute(order).mappings(), 1):
        if table.name == "job" and row["blob"] is not None and row["purged_at"] is None:
            named.add(row["blob"])
        yield dict(row)
        if done % ROWS_AT_ONCE == 0 or done == of:
            watch(f"table {table.name}", done, of)


def _recordings(
    blobs: Blobs, root: Path, named: set[str], found: _Recordings, watch: Watch
) -> Iterator[dict[str, Any]]:
    for done, key in enumerate(sorted(named), 1):
        path = blob_path(root, key)
        here = path.exists() or _copied(blobs, key, path, found)
        if here:
            found.bytes += path.stat().st_size
        else:
            found.missing.append(key)
        yield {"key": key, "here": here}
        watch("recordings", done, len(named))


def _copied(blobs: Blobs, key: str, path: Path, found: _Recordings) -> bool:
    """Copy one recording; False when the store does not hold it, or not as it was stored."""
    path.parent.mkdir(exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=".", delete=False) as draft:
        try:
            for piece in blobs.get(key):
                digest.update(piece)
                draft.write(piece)
        except BlobMissingError:
            digest = hashlib.sha256()
        draft.flush()
        os.fsync(draft.fileno())
    if digest.hexdigest() != key:
        Path(draft.name).unlink()
        return False
    Path(draft.name).replace(path)
    found.copied += 1
    return True


def _prune(root: Path, folder: str, named: set[str]) -> None:
    """Remove what belongs to no backup any more: retention holds for backups too."""
    for each in root.glob(f"{SNAPSHOT}*"):
        if each.name != folder:
            shutil.rmtree(each)
    for path in (root / BLOBS).glob("*/*"):
        if path.name not in named:
            path.unlink()


def _still_named(database: Database, missing: list[str]) -> int:
    """How many of these a row still names: the others were deleted while the backup was taken."""
    job = tables.job
    count = 0
    with database.read() as connection:
        for start in range(0, len(missing), ROWS_AT_ONCE):
            some = job.c.blob.in_(missing[start : start + ROWS_AT_ONCE]) & job.c.purged_at.is_(None)
            count += int(connection.execute(sa.select(sa.func.count()).select_from(job).where(some)).scalar_one())
    return count


@contextmanager
def _only_one(root: Path) -> Iterator[None]:
    with (root / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(f"another backup is being written into {root}") from error
        yield
