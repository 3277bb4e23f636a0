"""The heart: leases kept, a cancel heard in mid-call, and what stands still ended."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import uuid_utils

from shared import claiming, ledger, migrate, tables
from shared.audit import Actor
from shared.crypto import Keyring, new_master_key
from shared.database import Database, clock
from shared.errors import BackingServiceError
from shared.job import Priority
from shared.ledger import Job, NewJob
from tests.worker.engines import EXTRACT
from worker.heart import TIMED_OUT, Heart
from worker.presence import Presence

SOON_S = 5.0  # generous: the machine may be busy


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Database(url)
    migrate.upgrade(made)
    yield made
    made.close()


@pytest.fixture
def start(database: Database) -> Iterator[Callable[..., Heart]]:
    """A heart that beats."""
    hearts: list[Heart] = []

    def begin(*, beat_s: float = 0.1, lease_s: float = 9.0, listen_s: float = 0.05, models: str = "test") -> Heart:
        presence = Presence(database, "me", "cpu", {"extract": models})
        presence.arrive()
        hearts.append(Heart(database, presence, beat_s=beat_s, lease_s=lease_s, listen_s=listen_s))
        hearts[-1].start()
        return hearts[-1]

    yield begin
    for heart in hearts:
        heart.stop()


def claimed(database: Database, count: int, *, lease_s: float = 9.0) -> list[Job]:
    """Rows of one round."""
    ring = Keyring.parse(new_master_key())
    ids = [str(uuid_utils.uuid7()) for _ in range(count)]
    with database.write() as connection:
        for job_id in ids:
            wrapped, key = ring.new("default", job_id)
            new = NewJob(
                id=job_id, tenant="default", priority=Priority.DEFAULT, source="text", size=1.0, stages=(EXTRACT,),
                key=wrapped, payload=key.seal(b"{}", "payload"), body_hash="0" * 64, max_attempts=3,
            )  # fmt: skip
            ledger.add(connection, new)
        return claiming.take(connection, ids, worker="me", lease_s=lease_s)


def becomes_true(what: Callable[[], bool]) -> bool:
    until = time.monotonic() + SOON_S
    while not what() and time.monotonic() < until:
        time.sleep(0.01)
    return what()


def leases(database: Database) -> set[bool]:
    """Whether the rows' leases lie in the future."""
    with database.read() as connection:
        return set(connection.execute(sa.select(tables.job.c.lease > clock())).scalars())


def cancel(database: Database, job: Job) -> None:
    with database.write() as connection:
        assert ledger.cancel(connection, job, Actor("user:me", "default"))


def test_all_rows_in_hand_are_kept_by_one_update_a_beat(database: Database, start: Callable[..., Heart]):
    jobs = claimed(database, 5, lease_s=-1.0)
    updates: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE job"):
            updates.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    heart = start()
    with heart.holding(jobs, limit_s=60.0):
        assert becomes_true(lambda: leases(database) == {True})
        before = len(updates)
        assert before >= 1
        assert becomes_true(lambda: len(updates) >= before + 2)
        assert all("IN (" in each for each in updates)
    assert not any(heart.lost(job.id) for job in jobs)


def test_a_cancel_is_heard_without_a_word_from_the_stage_and_the_others_are_kept(
    database: Database, start: Callable[..., Heart]
):
    jobs = claimed(database, 3)
    heart = start(beat_s=60.0)
    with heart.holding(jobs, limit_s=60.0):
        assert not any(heart.lost(job.id) for job in jobs)
        cancel(database, jobs[1])
        assert becomes_true(lambda: heart.lost(jobs[1].id))
        assert [heart.lost(job.id) for job in jobs] == [False, True, False]


def test_between_beats_nothing_is_written(database: Database, start: Callable[..., Heart]):
    jobs = claimed(database, 2)
    heard: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *said: heard.append(said[2]))
    heart = start(beat_s=60.0)
    heard.clear()
    with heart.holding(jobs, limit_s=60.0):
        assert becomes_true(lambda: len(heard) >= 4)
    assert {each.split()[0] for each in heard} <= {"SELECT", "BEGIN"}


def test_without_a_job_in_hand_nothing_is_read(database: Database, start: Callable[..., Heart]):
    heart = start(beat_s=60.0)
    heard: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *said: heard.append(said[2]))
    time.sleep(0.3)
    assert heard == []
    assert not heart.lost("anything")


def test_rows_that_another_worker_owns_are_lost_at_the_next_look(database: Database, start: Callable[..., Heart]):
    jobs = claimed(database, 2)
    heart = start(beat_s=60.0)
    with heart.holding(jobs, limit_s=60.0):
        with database.write() as connection:
            connection.execute(sa.update(tables.job).values(token="another"))
        assert becomes_true(lambda: all(heart.lost(job.id) for job in jobs))


def test_what_one_round_lost_says_nothing_about_the_next(database: Database, start: Callable[..., Heart]):
    [job] = claimed(database, 1)
    heart = start()
    with heart.holding([job], limit_s=60.0):
        heart.lose(job.id)
        assert heart.lost(job.id)
    with heart.holding([job], limit_s=60.0):
        assert not heart.lost(job.id)


def test_a_database_that_stays_away_for_a_lease_costs_the_rows(
    database: Database, start: Callable[..., Heart], monkeypatch: pytest.MonkeyPatch
):
    def away() -> None:
        raise BackingServiceError("the database did not answer")

    jobs = claimed(database, 2)
    heart = start(lease_s=2.0)
    with heart.holding(jobs, limit_s=60.0):
        time.sleep(2.3)
        assert not heart.lost(jobs[0].id)  # because it beats
        monkeypatch.setattr(database, "write", away)
        monkeypatch.setattr(database, "read", away)
        assert becomes_true(lambda: heart.lost(jobs[0].id))
        monkeypatch.undo()
        time.sleep(0.5)
        assert heart.lost(jobs[1].id)  # once given up, it stays so


def test_who_lives_says_what_serves_and_what_it_works_on(database: Database, start: Callable[..., Heart]):
    [job] = claimed(database, 1)
    heart = start()
    columns = (tables.worker.c.job_id, tables.worker.c.models)

    def said() -> tuple[str | None, str]:
        with database.read() as connection:
            return tuple(connection.execute(sa.select(*columns)).one())

    with heart.holding([job], limit_s=60.0):
        heart._presence.models["extract"] = "rules:rules"
        assert becomes_true(lambda: said() == (job.id, '{"extract": "rules:rules"}'))
    assert becomes_true(lambda: said()[0] is None)


HANGING = """
import ctypes, sys, time
from shared.database import Database
from shared.ledger import Job
from worker import heart as hearts
from worker.presence import Presence

database = Database("sqlite://" + sys.argv[1])
database.write = database.read = None  # nothing of it is needed here
hearts.BACKSTOP_S = float(sys.argv[2])
blank = dict.fromkeys(Job.__dataclass_fields__)
job = Job(**blank | {"id": "the-job", "token": "t"})

def given_back(jobs):
    print("given back", [each.id for each in jobs], flush=True)

heart = hearts.Heart(database, Presence(database, "me", "cpu", {}), beat_s=60.0, lease_s=60.0, listen_s=0.05)
heart.timed_out = given_back
heart.start()
began = time.monotonic()
with heart.holding([job], limit_s=0.5):
    exec(sys.argv[3])
print("through", flush=True)
"""


def hang(tmp_path: Path, act: str, *, backstop_s: float = 15.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HANGING, str(tmp_path / "none.db"), str(backstop_s), act]
    return subprocess.run(command, capture_output=True, text=True, timeout=60.0, check=False)


@pytest.mark.process
def test_an_attempt_that_stands_still_is_written_back_and_its_process_ends(tmp_path: Path):
    ended = hang(tmp_path, "time.sleep(50)")
    assert (ended.returncode, "given back ['the-job']" in ended.stdout) == (TIMED_OUT, True)
    assert "through" not in ended.stdout
    assert re.search(r'File ".*", line \d+ in <module>', ended.stderr)  # where it hung


@pytest.mark.process
def test_a_native_call_that_never_lets_go_of_the_interpreter_is_ended_too(tmp_path: Path):
    ended = hang(tmp_path, "ctypes.PyDLL(None).sleep(50)", backstop_s=1.0)
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr
    assert ended.stdout == ""


@pytest.mark.process
def test_an_attempt_that_is_allowed_more_outlives_its_first_limit(tmp_path: Path):
    ended = hang(tmp_path, "heart.allow(30.0); time.sleep(1.5)", backstop_s=0.5)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("through\n")


@pytest.mark.process
def test_a_row_that_cannot_be_written_back_does_not_keep_the_process_alive(tmp_path: Path):
    ended = hang(tmp_path, "heart.timed_out = lambda jobs: 1 / 0; time.sleep(50)")
    assert ended.returncode == TIMED_OUT
