"""What is too old is destroyed, as each tenant wants it, and nothing else: on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakeredis import FakeRedis

from shared import blobs as stores
from shared import dead, ledger, migrate, retention, tenants
from shared.audit import Actor
from shared.blobs import Blobs
from shared.broker import EVENTS, Broker, Event
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.errors import BackingServiceError
from shared.job import JobStatus
from shared.settings import Settings
from shared.tenants import Tenant
from tests.stored import acts, column, put

RING = Keyring.parse(new_master_key())
ENDS = [status for status in JobStatus if status.terminal and status is not JobStatus.EXPIRED]
SEALED = ("wrapped_key", *ledger.SEALED)


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
def blobs(tmp_path: Path) -> Blobs:
    return stores.connect((tmp_path / "blobs").as_uri())


def kept(**hours: float) -> Settings:
    return Settings(**{f"retention_{name}": each for name, each in hours.items()})


def expire(database: Database, blobs: Blobs, settings: Settings) -> retention.Expired:
    return retention.expire(database, blobs, settings, name="r")


def give(database: Database, tenant: Tenant) -> None:
    with database.write() as connection:
        tenants.put(connection, tenant)


def keys(blobs: Blobs) -> set[str]:
    return {each.key for each in blobs.all()}


class Stubborn:
    """A blob store that removes nothing."""

    def __init__(self, blobs: Blobs) -> None:
        self.put, self.get, self.all = blobs.put, blobs.get, blobs.all

    def delete(self, key: str) -> None:
        raise BackingServiceError("the blob store is away")


def test_nothing_is_removed_unless_it_is_wanted(database: Database, blobs: Blobs):
    job_id = put(database, RING, JobStatus.COMPLETED, hours_ago=1e5, blob=blobs.put([b"old"]))
    assert expire(database, blobs, Settings()) == retention.Expired()
    assert column(database, job_id, "status") == "completed"
    assert len(keys(blobs)) == 1


def test_a_result_that_is_too_old_leaves_a_bare_row_in_every_terminal_state(database: Database, blobs: Blobs):
    old = [put(database, RING, status, hours_ago=3.0, blob=blobs.put([status.value.encode()])) for status in ENDS]
    young = put(database, RING, JobStatus.COMPLETED, hours_ago=1.0)
    busy = [put(database, RING, status, finished_at=1.0) for status in (JobStatus.QUEUED, JobStatus.RUNNING)]
    done = expire(database, blobs, kept(result_h=2.0))
    assert sorted(event.job_id for event in done.results) == sorted(old)
    for job_id in old:
        assert column(database, job_id, "status", "blob", *SEALED) == ("expired", None, *[None] * len(SEALED))
        assert acts(database, job_id) == ["expired"]
    assert keys(blobs) == set()
    assert [column(database, each, "status") for each in (young, *busy)] == ["completed", "queued", "running"]
    assert expire(database, blobs, kept(result_h=2.0)) == retention.Expired()


def test_what_was_submitted_goes_before_the_result(database: Database, blobs: Blobs):
    job_id = put(database, RING, JobStatus.COMPLETED, partial=b"x", blob=blobs.put([b"heard"]))
    assert expire(database, blobs, kept(payload_h=0.5)).payloads == (job_id,)
    assert column(database, job_id, "payload", "case_file", "partial") == (None, None, None)
    with database.read() as connection:
        job = ledger.get(connection, job_id, sealed=("result",))
    assert job is not None
    assert job.unseal("result", RING) == b"the result"
    assert (acts(database, job_id), len(keys(blobs))) == (["payload_expired"], 1)


@pytest.mark.parametrize(("source", "first"), [("audio", "transcribe"), ("document", "read")])
def test_a_recording_goes_alone_and_a_job_that_would_need_it_cannot_be_replayed(
    database: Database, blobs: Blobs, source: str, first: str
):
    heard = put(database, RING, JobStatus.FAILED, source="audio", blob=blobs.put([b"heard"]))
    unheard = put(database, RING, JobStatus.DEAD, source=source, blob=blobs.put([b"un"]), remaining=f"{first},extract")
    assert set(expire(database, blobs, kept(audio_h=0.5)).recordings) == {heard, unheard}
    assert (column(database, heard, "blob"), keys(blobs)) == (None, set())
    assert column(database, heard, "case_file") is not None
    with database.write() as connection:
        assert dead.replay(connection, "default", Actor("user:me", "default")) == [heard]


def test_a_tenants_own_hours_stand_before_the_settings(database: Database, blobs: Blobs):
    give(database, Tenant("short", result_h=0.5))
    give(database, Tenant("forever", result_h=0.0))
    give(database, Tenant("as-set", audio_h=5.0))
    ids = {
        tenant: put(database, RING, JobStatus.COMPLETED, tenant=tenant, hours_ago=3.0)
        for tenant in ("short", "forever", "as-set", "default", "another")
    }
    expire(database, blobs, Settings())
    assert {name for name, each in ids.items() if column(database, each, "status") == "expired"} == {"short"}
    expire(database, blobs, kept(result_h=2.0))
    assert {name for name, each in ids.items() if column(database, each, "status") != "expired"} == {"forever"}


def test_a_round_is_bounded_and_says_that_there_is_more(
    database: Database, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "ROWS_A_ROUND", 2)
    ids = [put(database, RING, JobStatus.COMPLETED, hours_ago=9.0 - n) for n in range(3)]
    settings = kept(result_h=0.5)
    assert retention.due(database, settings) == {"expired": 3, "payload_expired": 0, "audio_expired": 0}
    first = expire(database, blobs, settings)
    assert ({event.job_id for event in first.results}, first.more) == (set(ids[:2]), True)
    assert not expire(database, blobs, settings).more


def test_any_number_of_reapers_expire_each_job_once(database: Database, blobs: Blobs):
    ids = [put(database, RING, JobStatus.COMPLETED) for _ in range(40)]
    with ThreadPoolExecutor(4) as pool:
        rounds = list(pool.map(lambda _: expire(database, blobs, kept(result_h=0.5)), range(8)))
    assert sorted(event.job_id for done in rounds for event in done.results) == sorted(ids)
    assert {tuple(acts(database, each)) for each in ids} == {("expired",)}


def test_a_crash_before_the_recording_went_leaves_nothing_readable_and_the_sweep_ends_it(
    database: Database, blobs: Blobs
):
    sealed = blobs.put([b"sealed"])
    job_id = put(database, RING, JobStatus.COMPLETED, blob=sealed)
    expire(database, Stubborn(blobs), kept(result_h=0.5))
    assert column(database, job_id, "status", "wrapped_key", "blob") == ("expired", None, None)
    assert keys(blobs) == {sealed}
    assert retention.sweep(database, blobs) == 0  # it is young: its row may be on its way
    assert retention.sweep(database, blobs, older=timedelta(0)) == 1
    assert keys(blobs) == set()


def test_the_sweep_leaves_recordings_that_a_row_names_and_takes_those_of_purged_rows(
    database: Database, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "KEYS_A_QUESTION", 2)
    named = {put(database, RING, JobStatus.QUEUED, blob=blobs.put([each.encode()])) for each in "abc"}
    put(database, RING, JobStatus.CANCELLED, blob=blobs.put([b"purged"]), purged_at=1.0)
    blobs.put([b"of nobody"])
    assert retention.sweep(database, blobs, older=timedelta(0)) == 2
    assert keys(blobs) == {column(database, each, "blob") for each in named}


def test_the_loop_goes_on_until_all_is_done_tells_it_and_outlives_a_database_that_is_away(
    database: Database, blobs: Blobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(retention, "ROWS_A_ROUND", 2)
    ids = [put(database, RING, JobStatus.COMPLETED, hours_ago=9.0 - n, batch_id="b") for n in range(5)]
    broker = Broker(FakeRedis(), queue="clinq", timeout_s=60.0)
    retention.keep(database, broker, blobs, kept(result_h=0.5), "r", _waits(3))
    events = [Event.read(fields) for _, fields in broker.redis.xrange(EVENTS)]
    assert [(each.job_id, each.type, each.batch_id) for each in events] == [(each, "expired", "b") for each in ids]
    not_migrated = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    retention.keep(not_migrated, broker, blobs, kept(result_h=0.5), "r", _waits(2))
    not_migrated.close()


@pytest.mark.parametrize("wrong", [{"result_h": -1.0}, {"audio_h": float("inf")}, {"share": 0.0}])
def test_hours_and_shares_that_mean_nothing_are_refused(database: Database, wrong: dict[str, Any]):
    with database.write() as connection, pytest.raises(ValueError, match="more"):
        tenants.put(connection, Tenant("a", **wrong))


def _waits(rounds: int) -> Any:
    answers: Iterable[bool] = iter([False] * rounds)
    return lambda _seconds: next(answers, True)  # type: ignore[call-overload]
