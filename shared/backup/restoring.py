"""Restoring a backup into a stopped service: recordings first, then all rows in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shared import audit, migrate, tables
from shared.audit import Actor
from shared.backup import stream
from shared.backup.errors import BackupError, DamagedBackupError, NotEmptyError
from shared.backup.manifest import RECORDINGS, Manifest, blob_path
from shared.backup.stream import Watch
from shared.backup.taking import reflected
from shared.blobs import Blobs
from shared.crypto import CHUNK_BYTES, Keyring, WrappedKey
from shared.database import Database, clock
from shared.ending import ended
from shared.errors import DecryptionError
from shared.job import JobStatus

ROWS_AT_ONCE = 200
COUNTS_FOR_NOTHING = frozenset({"alembic_version", "worker", "speed", "refresh_token"})
_job = tables.job
GONE = {
    "reason_code": "recording_gone",
    "reason_detail": "the recording is not in the backup that this job was restored from: submit it again",
}


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    rows: int
    recordings: int
    waiting: int
    """Jobs that wait again, those among them that ran when the backup was taken."""
    gone: int
    """Jobs that ended because their recording is not in the backup."""


def restore(
    database: Database,
    blobs: Blobs,
    root: Path,
    manifest: Manifest,
    *,
    keyring: Keyring,
    overwrite: bool,
    watch: Watch,
) -> Restored:
    """Put back a backup whose hashes were checked; all rows come back or none.

    One job of each master key must open with the keyring. Raises NotEmptyError without `overwrite`, BackupError for
    keys that do not fit or a backup of a newer clinq, BackingServiceError when a service is away.
    """
    if not migrate.known(manifest.revision):
        raise BackupError(f"a newer clinq ({manifest.clinq}) made this backup: install it first")
    if not overwrite:
        _refuse_content(database)
    gone = _put_recordings(blobs, root, manifest, watch)
    with database.write() as connection:
        _clear(connection)
        migrate.lead_to(connection, manifest.revision)
        rows = _put_rows(connection, root, manifest, keyring, watch)
        migrate.lead_to(connection)
        waiting = _wait_again(connection)
        lost = _end_without(connection, gone)
        audit.record(connection, Actor("operator:cli", "default"), "restored", job_id=None)
    return Restored(rows, manifest.recordings.rows - len(gone), waiting - lost, lost)


def _refuse_content(database: Database) -> None:
    with database.read() as connection:
        schema = reflected(connection)
        counts = {
            table.name: int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
            for table in schema.sorted_tables
            if table.name not in COUNTS_FOR_NOTHING
        }
    held = ", ".join(f"{count} in {name}" for name, count in counts.items() if count)
    if held:
        raise NotEmptyError(f"the database is not empty ({held}): --overwrite replaces all of it")


def _put_recordings(blobs: Blobs, root: Path, manifest: Manifest, watch: Watch) -> list[str]:
    """Copy all recordings into the store; the keys of those that the backup does not hold."""
    gone: list[str] = []
    for done, row in enumerate(stream.read(manifest.stream(root, RECORDINGS)), 1):
        if not row["here"]:
            gone.append(row["key"])
        elif blobs.put(_pieces(blob_path(root, row["key"]))) != row["key"]:
            raise DamagedBackupError(f"{row['key']} was changed while it was read: use another copy of this backup")
        watch("recordings", done, manifest.recordings.rows)
    return gone


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def _clear(connection: sa.Connection) -> None:
    """Drop what there is of ours."""
    reflected(connection).drop_all(connection)


def _put_rows(connection: sa.Connection, root: Path, manifest: Manifest, keyring: Keyring, watch: Watch) -> int:
    schema = reflected(connection)
    total = 0
    for name, written in manifest.tables.items():
        rows = stream.read(manifest.stream(root, name))
        if name == "job":
            rows = _opening(rows, keyring)
        done = 0
        while some := list(islice(rows, ROWS_AT_ONCE)):
            with _fitting(name):
                connection.execute(sa.insert(schema.tables[name]), some)
            done += len(some)
            watch(f"table {name}", done, written.rows)
        total += done
    return total


@contextmanager
def _fitting(table: str) -> Iterator[None]:
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        raise BackupError(f"a row of the table {table} does not fit into this database") from error


def _opening(rows: Iterable[dict[str, Any]], keyring: Keyring) -> Iterator[dict[str, Any]]:
    """The rows of jobs; the first of each master key must open."""
    opened: set[str] = set()
    for row in rows:
        if row["wrapped_key"] is not None and row["key_id"] not in opened:
            try:
                keyring.unwrap(WrappedKey(row["key_id"], row["wrapped_key"]), row["tenant"], row["id"])
            except DecryptionError as error:
                raise BackupError(
                    f"the master key {row['key_id']} that is configured here does not open this backup's jobs: "
                    "set CLINQ_MASTER_KEYS to those of the backup (see --keys-to)"
                ) from error
            opened.add(row["key_id"])
        yield row


def _wait_again(connection: sa.Connection) -> int:
    """Let what ran wait again, and have a worker woken for all that wait; how many."""
    # The attempt is kept, but there must be one left to claim.
    attempt = sa.case((_job.c.attempt < _job.c.max_attempts, _job.c.attempt), else_=_job.c.max_attempts - 1)
    free = {"token": None, "lease": None, "partial": None, "not_before": clock(), "attempt": attempt}
    ran = _job.c.status == JobStatus.RUNNING.value
    connection.execute(sa.update(_job).where(ran).values(status=JobStatus.QUEUED.value, **free))
    waits = _job.c.status == JobStatus.QUEUED.value
    return connection.execute(sa.update(_job).where(waits).values(sent_at=0.0)).rowcount


def _end_without(connection: sa.Connection, gone: list[str]) -> int:
    """End the open jobs whose recording is nowhere; no row names it any more. How many ended."""
    lost: list[str] = []
    failed = {"status": JobStatus.FAILED.value, "finished_at": clock(), "follows": None, **GONE}
    for start in range(0, len(gone), ROWS_AT_ONCE):
        named = _job.c.blob.in_(gone[start : start + ROWS_AT_ONCE])
        open_ = named & (_job.c.status == JobStatus.QUEUED.value)
        lost += connection.execute(sa.update(_job).where(open_).values(failed).returning(_job.c.id)).scalars()
        connection.execute(sa.update(_job).where(named).values(blob=None))
    if lost:
        ended(connection, lost)
    return len(lost)
