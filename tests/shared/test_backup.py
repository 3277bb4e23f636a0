"""A backup comes back on SQLite and on PostgreSQL, from either: every row, every recording, every key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared import accounts, ledger, migrate, tables
from shared import blobs as stores
from shared.audit import Actor
from shared.backup import manifest, restoring, stream, taking, vault
from shared.backup.errors import BackupError, DamagedBackupError, NotEmptyError, NotStoppedError, WrongPassphraseError
from shared.backup.stopped import stopped
from shared.blobs import Blobs
from shared.crypto import Keyring, new_master_key
from shared.database import Database, clock
from shared.home import Texts
from shared.job import JobStatus
from shared.webhooks import outbox
from shared.webhooks.outbox import Target
from tests.stored import WORDS, column, put

KEYS = Texts("s" * 40, f"{new_master_key().replace('k1', 'k2')},{new_master_key()}")
RING = Keyring.parse(KEYS.master_keys)
PASSPHRASE = "correct horse battery staple"
SEALED = vault.seal(KEYS, PASSPHRASE)
WAYS = [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql")]
Make = Callable[[str], Database]


def unwatched(_name: str, _done: int, _of: int) -> None:
    """Nobody looks."""


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """An empty database of this kind, a new one at each call."""
    made: list[Database] = []

    def one(kind: str) -> Database:
        if kind == "sqlite":
            made.append(Database(f"sqlite:///{tmp_path / f'{len(made)}.db'}"))
        else:
            made.append(Database(request.getfixturevalue("postgres_server").create()))
        return made[-1]

    yield one
    for each in made:
        each.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def store(tmp_path: Path, name: str) -> Blobs:
    return stores.connect((tmp_path / name).as_uri())


def filled(database: Database, blobs: Blobs) -> dict[JobStatus, str]:
    """A job in every state with a recording of its own, and a row in every other table that matters."""
    migrate.upgrade(database)
    jobs = {}
    for status in JobStatus:
        sealed = blobs.put([status.value.encode() * 1000])
        jobs[status] = put(database, RING, status, blob=sealed, token="t", lease=9e9, attempt=1, notify=True)
    with database.write() as connection:
        accounts.create_key(connection, "default", "ehr", "submit")
        accounts.create_user(connection, "default", "ada", "$argon2id$...", "reader")
        outbox.arm(connection, RING, "default", [Target("https://ehr.example/é")], job_id=jobs[JobStatus.RUNNING])
        connection.execute(sa.insert(tables.tenant).values(name="default", audio_h=1.5, share=0.1))
        worker = {"name": "w", "device": "cpu", "started_at": clock(), "seen_at": clock(), "models": "{}"}
        connection.execute(sa.insert(tables.worker).values(worker))
        reviewed = {"id": "r", "tenant": "default", "job_id": jobs[JobStatus.COMPLETED], "reviewer": "user:ada"}
        reviewed |= {"action": "confirm", "created_at": clock(), "content": b"sealed"}
        connection.execute(sa.insert(tables.review).values(reviewed))
    return jobs


def take(database: Database, blobs: Blobs, root: Path) -> taking.Taken:
    return taking.take(database, blobs, root, keys=SEALED, watch=unwatched)


def restore(database: Database, blobs: Blobs, root: Path, *, ring: Keyring = RING, overwrite: bool = False):
    found = manifest.check(root, unwatched)
    return restoring.restore(database, blobs, root, found, keyring=ring, overwrite=overwrite, watch=unwatched)


def everything(database: Database, *, but: set[str]) -> dict[str, list[Any]]:
    with database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in tables.metadata.sorted_tables
            if table.name not in but
        }


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_a_backup_comes_back_row_by_row_and_opens_with_its_keys(
    source: str, target: str, make: Make, root: Path, tmp_path: Path
):
    old, new, blobs = make(source), make(target), store(tmp_path, "new")
    jobs = filled(old, store(tmp_path, "old"))
    taken = take(old, store(tmp_path, "old"), root)
    assert (taken.manifest.recordings.rows, taken.copied, taken.missing) == (len(JobStatus), len(JobStatus), 0)
    keys = vault.unseal(taken.manifest.keys(root).read_bytes(), PASSPHRASE)
    assert keys == KEYS
    done = restore(new, blobs, root, ring=Keyring.parse(keys.master_keys))
    assert (done.recordings, done.waiting, done.gone) == (len(JobStatus), 2, 0)
    assert migrate.current(new)
    changed = {"job", "worker", "audit"}
    assert everything(new, but=changed) == everything(old, but=changed)
    for status, job_id in jobs.items():
        with new.read() as connection:
            job = ledger.get(connection, job_id, sealed=ledger.SEALED)
        assert job is not None
        assert {name: job.unseal(name, RING) for name in WORDS} == WORDS
        assert b"".join(blobs.get(job.blob or "")) == status.value.encode() * 1000
        if status is not JobStatus.RUNNING:
            assert (job.status, job.attempt, job.notify) == (status, 1, True)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_ran_waits_again_with_an_attempt_left_and_all_that_waits_is_sent(
    kind: str, make: Make, root: Path, tmp_path: Path
):
    database, blobs = make("sqlite"), store(tmp_path, "blobs")
    migrate.upgrade(database)
    ran = put(database, RING, JobStatus.RUNNING, token="t", lease=9e9, partial=b"x", attempt=1)
    last = put(database, RING, JobStatus.RUNNING, token="t", attempt=3, max_attempts=3)
    waits = put(database, RING, JobStatus.QUEUED, sent_at=9e9, attempt=2)
    take(database, blobs, root)
    new = make(kind)
    assert restore(new, blobs, root).waiting == 3
    free = ("status", "token", "lease", "partial", "sent_at")
    assert column(new, ran, *free, "attempt") == ("queued", None, None, None, 0.0, 1)
    assert column(new, last, "status", "attempt") == ("queued", 2)
    assert column(new, waits, "status", "attempt", "sent_at") == ("queued", 2, 0.0)
    assert column(new, waits, "case_file") is not None


def test_a_second_run_copies_only_what_is_new_and_drops_what_no_row_names(make: Make, root: Path, tmp_path: Path):
    database, blobs = make("sqlite"), store(tmp_path, "blobs")
    jobs = filled(database, blobs)
    take(database, blobs, root)
    put(database, RING, JobStatus.COMPLETED, blob=blobs.put([b"another"]))
    purged = column(database, jobs[JobStatus.FAILED], "blob")
    with database.write() as connection:
        job = ledger.get(connection, jobs[JobStatus.FAILED])
        assert job is not None
        ledger.purge(connection, job, Actor("user:me", "default"))
    second = take(database, blobs, root)
    assert (second.copied, second.manifest.recordings.rows) == (1, len(JobStatus))
    assert not manifest.blob_path(root, purged).exists()
    assert len(list(root.glob("snapshot-*"))) == 1
    assert restore(make("sqlite"), store(tmp_path, "new"), root).recordings == len(JobStatus)


def test_a_backup_that_was_broken_off_leaves_the_one_before_whole(
    make: Make, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    database, blobs = make("sqlite"), store(tmp_path, "blobs")
    filled(database, blobs)
    take(database, blobs, root)

    def broken(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(manifest, "write", broken)
    with pytest.raises(OSError, match="no space"):
        take(database, blobs, root)
    monkeypatch.undo()
    manifest.check(root, unwatched)
    take(database, blobs, root)
    assert len(list(root.glob("snapshot-*"))) == 1


def test_a_flipped_byte_is_found_in_every_file(make: Make, root: Path, tmp_path: Path):
    database, blobs = make("sqlite"), store(tmp_path, "blobs")
    filled(database, blobs)
    take(database, blobs, root)
    files = [path for path in root.rglob("*") if path.is_file() and path.name != ".lock"]
    assert len(files) > len(JobStatus) + 5
    for path in files:
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(DamagedBackupError):
                manifest.check(root, unwatched)
        path.unlink()
        with pytest.raises(BackupError):
            manifest.check(root, unwatched)
        path.write_bytes(whole)
    manifest.check(root, unwatched)
    told = root / "manifest.json"
    told.write_text(told.read_text().replace('"sqlite"', '"oracle"'))
    with pytest.raises(DamagedBackupError):
        manifest.check(root, unwatched)


def test_the_wrong_passphrase_says_so():
    with pytest.raises(WrongPassphraseError, match="passphrase"):
        vault.unseal(SEALED, PASSPHRASE + "r")
    assert KEYS.master_keys.encode() not in SEALED


def test_keys_that_do_not_open_the_jobs_bring_nothing_back(make: Make, root: Path, tmp_path: Path):
    database, blobs = make("sqlite"), store(tmp_path, "blobs")
    filled(database, blobs)
    take(database, blobs, root)
    new = make("sqlite")
    for wrong in (new_master_key(), new_master_key().replace("k1", "k2")):
        with pytest.raises(BackupError, match="CLINQ_MASTER_KEYS"):
            restore(new, blobs, root, ring=Keyring.parse(wrong))
    with new.read() as connection:
        assert sa.inspect(connection).get_table_names() == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_there_is_replaced_only_when_it_is_wanted(kind: str, make: Make, root: Path, tmp_path: Path):
    database, blobs, new = make("sqlite"), store(tmp_path, "blobs"), make(kind)
    filled(database, blobs)
    take(database, blobs, root)
    migrate.upgrade(new)
    there = put(new, RING, JobStatus.COMPLETED)
    with new.write() as connection:
        connection.execute(sa.text("CREATE TABLE of_another_program (id INTEGER)"))
    with pytest.raises(NotEmptyError, match="1 in job"):
        restore(new, blobs, root)
    assert column(new, there, "status") == "completed"
    restore(new, blobs, root, overwrite=True)
    with new.read() as connection:
        assert ledger.get(connection, there) is None
        assert sa.inspect(connection).has_table("of_another_program")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_of_an_older_schema_is_brought_up_to_date(kind: str, make: Make, root: Path, tmp_path: Path):
    old, blobs, new = make(kind), store(tmp_path, "blobs"), make("sqlite")
    with old.write() as connection:
        migrate.lead_to(connection, "0001")
        connection.execute(sa.text("INSERT INTO speed VALUES ('extract', 'text', 0.5, 1.0)"))
    assert take(old, blobs, root).manifest.revision == "0001"
    restore(new, blobs, root)
    assert migrate.current(new)
    with new.read() as connection:
        assert connection.execute(sa.select(tables.speed.c.seconds_per_unit)).scalar_one() == 0.5


def test_a_recording_that_the_store_lost_ends_its_open_job_with_a_reason(make: Make, root: Path, tmp_path: Path):
    database, blobs, new = make("sqlite"), store(tmp_path, "blobs"), make("sqlite")
    jobs = filled(database, blobs)
    for status in (JobStatus.QUEUED, JobStatus.COMPLETED):
        blobs.delete(column(database, jobs[status], "blob"))
    assert take(database, blobs, root).missing == 2
    assert restore(new, store(tmp_path, "new"), root).gone == 1
    assert column(new, jobs[JobStatus.QUEUED], "status", "reason_code", "blob") == ("failed", "recording_gone", None)
    assert column(new, jobs[JobStatus.COMPLETED], "status", "blob") == ("completed", None)


def test_what_is_written_meanwhile_is_not_in_the_snapshot(make: Make, root: Path, tmp_path: Path):
    for number, kind in enumerate(("sqlite", "postgresql")):
        database, blobs, folder = make(kind), store(tmp_path, "blobs"), root / str(number)
        migrate.upgrade(database)
        before = put(database, RING, JobStatus.COMPLETED)

        def meanwhile(name: str, _done: int, _of: int, database: Database = database) -> None:
            if name == "table account" or name == "table job":
                put(database, RING, JobStatus.COMPLETED)

        with database.write() as connection:
            accounts.create_user(connection, "default", "ada", "$argon2id$...", "reader")
        found = taking.take(database, blobs, folder, keys=None, watch=meanwhile).manifest
        rows = list(stream.read(found.stream(folder, "job")))
        assert [row["id"] for row in rows] == [before]


def test_a_service_that_works_is_not_replaced(make: Make, tmp_path: Path):
    for kind in ("sqlite", "postgresql"):
        database = make(kind)
        migrate.upgrade(database)
        database.close()
        with stopped(database, tmp_path / kind):
            pass
        other = Database(database.engine.url.render_as_string(hide_password=False).replace("+psycopg", ""))
        with other.read() as connection:
            connection.execute(sa.select(tables.job)).all()
        with pytest.raises(NotStoppedError, match="stop the gateway"), stopped(database, tmp_path / kind):
            pass
        other.close()
        with database.write() as connection:
            worker = {"name": "gpu-1", "device": "cpu", "started_at": clock(), "seen_at": clock(), "models": "{}"}
            connection.execute(sa.insert(tables.worker).values(worker))
        with pytest.raises(NotStoppedError, match="gpu-1"), stopped(database, tmp_path / kind):
            pass
