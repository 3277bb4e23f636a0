"""Whose turn it is: urgent classes first, tenants by turns, short jobs together, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
import uuid_utils

from shared import claiming, ending, holding, ledger, migrate, reaper, tables
from shared.audit import Actor
from shared.claiming import Appetite, Batch, Turns
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.job import JobStatus, Priority, Reason, StageName
from shared.ledger import Job, NewJob
from tests import hand, stored

RING = Keyring.parse(new_master_key())
ME = Actor("worker:me", "default")
ALONE = Appetite(1, 0.0, {})
MANY = Appetite(8, 1.0, {"text": 0.01})
BULK, DEFAULT, INTERACTIVE = Priority.BULK, Priority.DEFAULT, Priority.INTERACTIVE


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Database(url)
    migrate.upgrade(made)
    yield made
    made.close()


def submit(
    database: Database,
    *,
    tenant: str = "default",
    priority: Priority = DEFAULT,
    size: float = 10.0,
    content: str | None = None,
    attempts: int = 3,
) -> str:
    job_id = str(uuid_utils.uuid7())
    wrapped, key = RING.new(tenant, job_id)
    new = NewJob(
        id=job_id,
        tenant=tenant,
        priority=priority,
        source="text",
        size=size,
        stages=(StageName.EXTRACT, StageName.ASSEMBLE),
        key=wrapped,
        payload=key.seal(b"{}", "payload"),
        body_hash="",
        max_attempts=attempts,
        content_hash=content,
    )
    with database.write() as connection:
        return ledger.add(connection, new)


def claim(database: Database, turns: Turns | None = None, appetite: Appetite = ALONE) -> list[Job]:
    with database.write() as connection:
        return claiming.claim(connection, turns or Turns(), appetite, worker="me", lease_s=60.0)


def finish(database: Database, job: Job) -> None:
    with database.write() as connection:
        assert hand.finish(connection, job, ME, status=JobStatus.COMPLETED, result=b"sealed")


def test_what_a_person_waits_for_is_taken_before_a_batch_that_came_first(database: Database):
    batch = [submit(database, priority=BULK) for _ in range(20)]
    turns = Turns()
    [first] = claim(database, turns)
    person = submit(database, priority=INTERACTIVE)
    program = submit(database)
    assert first.id == batch[0]
    assert [claim(database, turns)[0].id for _ in range(3)] == [person, program, batch[1]]


def test_a_batch_gets_its_turn_while_people_keep_coming(database: Database):
    submit(database, priority=BULK)
    submit(database)
    turns = Turns()
    taken = []
    for _ in range(14):
        submit(database, priority=INTERACTIVE)
        taken.append(claim(database, turns)[0].priority)
    assert taken.index(DEFAULT) == claiming.PATIENCE[DEFAULT]
    assert BULK in taken
    assert Counter(taken)[INTERACTIVE] == 12


def test_a_tenant_with_a_long_line_does_not_hold_up_another(database: Database):
    for _ in range(10):
        submit(database, tenant="large")
    small = [submit(database, tenant="small") for _ in range(2)]
    turns = Turns()
    taken = [claim(database, turns)[0] for _ in range(4)]
    assert {job.id for job in taken if job.tenant == "small"} == set(small)


def test_a_tenant_with_a_larger_share_gets_more(database: Database):
    for tenant in ("paying", "other"):
        for _ in range(12):
            submit(database, tenant=tenant)
    with database.write() as connection:
        connection.execute(sa.insert(tables.tenant).values(name="paying", share=3.0))
    turns = Turns()
    taken = Counter(claim(database, turns)[0].tenant for _ in range(12))
    assert taken == {"paying": 9, "other": 3}


def test_work_that_was_given_counts_and_fades(database: Database):
    turns = Turns()
    turns.gave("busy", 100.0, now=1000.0)
    groups = [claiming.Group(DEFAULT, "busy", 1.0), claiming.Group(DEFAULT, "idle", 2.0)]
    assert [group.tenant for group in turns.order(groups, {}, {})] == ["idle", "busy"]
    turns.gave("idle", 1.0, now=1000.0 + 10 * claiming.HALF_LIFE_S)
    assert [group.tenant for group in turns.order(groups, {}, {})] == ["busy", "idle"]


def test_short_jobs_are_taken_together_as_far_as_their_seconds_go(database: Database):
    ids = [submit(database, size=30.0) for _ in range(5)]
    jobs = claim(database, appetite=MANY)
    assert [job.id for job in jobs] == ids[:3]  # 30 characters at 0.01 s each, of one second
    assert len({job.token for job in jobs}) == 1


def test_no_more_rows_are_taken_than_are_wanted(database: Database):
    for _ in range(10):
        submit(database, size=0.001)
    assert len(claim(database, appetite=MANY)) == MANY.rows


@pytest.mark.parametrize(
    ("batch", "taken"),
    [
        (Batch(), 1),
        (Batch(rows=4, seconds=60.0), 4),
        (Batch(rows=8, seconds=5.0), 5),
        (Batch(rows=8, seconds=60.0, units=320.0), 3),
    ],
)
def test_long_jobs_are_taken_as_a_batch_up_to_its_rows_its_seconds_and_its_characters(database, batch, taken):
    for _ in range(10):
        submit(database, size=100.0)  # a second of work each
    appetite = Appetite(64, 0.25, {"text": 0.01}, batch)
    assert len(claim(database, appetite=appetite)) == taken


def test_a_batch_holds_one_tenant_only_and_the_next_one_is_another_tenant_s(database: Database):
    for tenant in "aabbaabb":
        submit(database, tenant=tenant, size=100.0)
    turns, appetite = Turns(), Appetite(64, 0.25, {"text": 0.01}, Batch(rows=3, seconds=60.0))
    batches = [claim(database, turns, appetite) for _ in range(2)]
    assert [{job.tenant for job in each} for each in batches] == [{"a"}, {"b"}]
    assert [len(each) for each in batches] == [3, 3]


def test_those_who_wait_are_counted_no_further_than_asked(database: Database):
    for _ in range(5):
        submit(database)
    with database.read() as connection:
        assert [claiming.waits(connection, most=most) for most in (3, 8)] == [3, 5]


def test_a_job_of_unknown_length_is_taken_alone(database: Database):
    for _ in range(3):
        submit(database)
    assert len(claim(database, appetite=Appetite(8, 1.0, {"audio": 0.1}))) == 1


def test_a_job_that_was_begun_before_is_taken_alone_so_that_no_other_dies_with_it(database: Database):
    begun = submit(database, size=1.0)
    [job] = claim(database)
    others = [submit(database, size=1.0) for _ in range(3)]
    with database.write() as connection:
        connection.execute(sa.update(tables.job).values(status="queued", token=None, lease=None))
    assert [job.id for job in claim(database, appetite=MANY)] == [begun]
    assert [job.id for job in claim(database, appetite=MANY)] == others
    assert job.id == begun


def test_what_must_wait_is_not_taken(database: Database):
    job_id = submit(database)
    with database.write() as connection:
        connection.execute(sa.update(tables.job).values(not_before=sa.literal(4e9)))
    assert claim(database) == []
    with database.write() as connection:
        connection.execute(sa.update(tables.job).values(not_before=0.0, attempt=3))
    assert claim(database) == []
    with database.read() as connection:
        assert claiming.first(connection) is None
    with database.write() as connection:
        connection.execute(sa.update(tables.job).values(attempt=0))
        assert claiming.first(connection) == job_id


def test_recordings_that_are_still_to_be_fetched_are_taken_one_by_one(database: Database):
    for _ in range(3):
        submit(database, size=0.0)
    assert len(claim(database, appetite=MANY)) == 1
    assert len(claim(database, appetite=Appetite(8, 1.0, {}))) == 1


def test_a_job_with_a_single_attempt_is_taken_alone_so_that_no_other_costs_it_that_one(database: Database):
    once = submit(database, attempts=1)
    others = [submit(database) for _ in range(2)]
    last = submit(database, attempts=1)
    assert [job.id for job in claim(database, appetite=MANY)] == [once]
    assert [job.id for job in claim(database, appetite=MANY)] == others
    assert [job.id for job in claim(database, appetite=MANY)] == [last]


def test_many_workers_never_take_one_row_twice(database: Database):
    ids = {submit(database, size=1.0) for _ in range(60)}

    def work(_worker: int) -> list[str]:
        turns, mine = Turns(), []
        while jobs := claim(database, turns, MANY):
            mine += [job.id for job in jobs]
        return mine

    with ThreadPoolExecutor(6) as pool:
        taken = list(itertools.chain.from_iterable(pool.map(work, range(6))))
    assert Counter(taken) == Counter(ids)


def test_the_same_content_in_flight_waits_for_the_first_and_goes_on_at_its_end(database: Database):
    leader = submit(database, content="same")
    follower = submit(database, content="same")
    another = submit(database, content="other")
    elsewhere = submit(database, content="same", tenant="another")
    taken = {claim(database)[0].id for _ in range(3)}
    assert taken == {leader, another, elsewhere}
    assert claim(database) == []
    with database.read() as connection:
        job = ledger.get(connection, leader)
    assert job is not None
    finish(database, job)
    assert claim(database)[0].id == follower


def test_a_cancelled_leader_lets_its_followers_go(database: Database):
    leader = submit(database, content="same")
    follower = submit(database, content="same")
    with database.write() as connection:
        job = ledger.get(connection, leader)
        assert job is not None
        assert ledger.cancel(connection, job, ME)
    assert claim(database)[0].id == follower


def test_a_person_does_not_follow_a_job_that_waits_behind_a_batch(database: Database):
    submit(database, content="same", priority=BULK)
    person = submit(database, content="same", priority=INTERACTIVE)
    assert claim(database)[0].id == person


@pytest.mark.parametrize("way", ["retried", "handed back", "lost"])
def test_a_person_goes_on_alone_when_the_job_of_a_batch_that_ran_waits_again(database: Database, way: str):
    submit(database, content="same", priority=BULK)
    leader = claim(database)[0]
    person = submit(database, content="same", priority=INTERACTIVE)
    patient = submit(database, content="same", priority=BULK)
    assert claim(database) == []
    with database.write() as connection:
        if way == "retried":
            holding.retry(connection, leader, ME, reason=Reason("test", "test"), pause_s=0.0, last=False)
        elif way == "handed back":
            assert holding.hand_back(connection, leader, ME)
        else:
            connection.execute(sa.update(tables.job).where(tables.job.c.id == leader.id).values(lease=0.0))
    if way == "lost":
        assert len(reaper.take_back(database, "test", reaper.Patience(0.0, 0.0, {}))) == 1
    assert claim(database)[0].id == person
    assert claim(database)[0].id == leader.id
    assert claim(database) == []
    assert stored.column(database, patient, "follows") == leader.id


def test_a_follower_whose_leader_ended_unseen_is_let_go(database: Database):
    follower = submit(database)
    with database.write() as connection:
        connection.execute(sa.update(tables.job).values(follows=str(uuid_utils.uuid7())))
        assert ending.release_orphans(connection) == 1
    assert claim(database)[0].id == follower
