"""A worker whose database or Redis goes away for a moment: what it has in hand goes on, and others keep theirs."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from shared import ledger, speed, tables
from shared.broker import Broker
from shared.case import Case
from shared.database import Database
from shared.errors import BackingServiceError, OcrUnavailableError
from shared.job import JobStatus, StageName
from shared.ledger import Job
from shared.speed import Measured
from tests import hand
from tests.attempts import House, Small
from worker import attempt, run
from worker.desk import LedgerDesk
from worker.process import Stopping
from worker.run import QueueWorker
from worker.stage import Desk

EXTRACT, ASSEMBLE = StageName.EXTRACT, StageName.ASSEMBLE


@pytest.fixture
def stage() -> Small:
    return Small(batch=8)


@pytest.fixture
def home(house, stage: Small) -> House:
    made: House = house({EXTRACT: stage, ASSEMBLE: Small(act=lambda case, _desk: replace(case, bundle="{}"))})
    return made


@contextmanager
def away(database: Database, monkeypatch: pytest.MonkeyPatch, *, thread: threading.Thread) -> Iterator[None]:
    """The database does not answer this thread."""
    write, read = database.write, database.read

    def guarded(open_: Callable[[], object]) -> Callable[[], object]:
        def ask() -> object:
            if threading.current_thread() is thread:
                raise BackingServiceError("the database did not answer")
            return open_()

        return ask

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", guarded(write))
        patch.setattr(database, "read", guarded(read))
        yield


def claimed(home: House, job_id: str, *, lease_s: float) -> Job:
    with home.worker.database.write() as connection:
        job = hand.claim(connection, job_id, worker="another", lease_s=lease_s)
    assert job is not None
    return job


def test_progress_that_cannot_be_written_costs_no_attempt(home: House, stage: Small, monkeypatch: pytest.MonkeyPatch):
    def speak(case: Case, desk: Desk) -> Case:
        with away(home.worker.database, monkeypatch, thread=threading.current_thread()):
            desk.tell(case, 0.5, partial="so far")
        return case

    stage.act = speak
    job = home.run(home.submit())
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)


def test_a_result_cache_that_cannot_be_asked_is_done_without(
    home: House, stage: Small, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        raise BackingServiceError("the database did not answer")

    home.run(home.submit(content="same"))
    monkeypatch.setattr("shared.reuse.find", fail)
    job = home.run(home.submit(content="same"))
    assert (job.status, stage.runs) == (JobStatus.COMPLETED, 2)


def test_an_earlier_result_whose_use_cannot_be_recorded_is_not_used(
    home: House, stage: Small, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        raise BackingServiceError("the database did not answer")

    home.run(home.submit(content="same"))
    monkeypatch.setattr("worker.recall.audit.record", fail)
    job = home.run(home.submit(content="same"))
    assert (job.status, stage.runs) == (JobStatus.COMPLETED, 2)


def test_a_worker_over_its_limit_gives_back_nothing_that_is_another_s(home: House):
    mine = claimed(home, home.submit(), lease_s=9.0)
    with home.worker.database.write() as connection:
        connection.execute(sa.update(tables.job).values(status="queued", token=None, lease=None))
    theirs = claimed(home, mine.id, lease_s=9.0)
    attempt.timed_out(home.worker, [mine])
    now = home.read(mine.id)
    assert (now.status, now.token) == (JobStatus.RUNNING, theirs.token)


def test_a_recording_that_still_comes_moves_the_limit_of_its_attempt(home: House):
    job = claimed(home, home.submit(), lease_s=9.0)
    assert job.key is not None
    desk = LedgerDesk(home.worker, job, home.worker.keyring.unwrap(job.key, job.tenant, job.id))
    with home.worker.heart.holding([job], limit_s=1.0):
        desk.fetched()
        held = home.worker.heart._held
        assert held is not None
        assert held.deadline > time.monotonic() + 60.0


def test_the_leases_are_kept_from_the_claim_on_however_long_redis_takes(home: House, monkeypatch: pytest.MonkeyPatch):
    held: list[bool] = []

    def hang(*_: object, **__: object) -> None:
        time.sleep(0.3)
        held.append(home.worker.heart._held is not None)

    monkeypatch.setattr(Broker, "forget", hang)
    home.run(home.submit())
    assert held == [True]


def test_the_wake_ups_of_what_was_claimed_are_forgotten_on_the_connection_that_gives_up_soon(redis_url: str):
    with Redis.from_url(redis_url) as redis, Redis.from_url("unix:///nowhere") as nowhere:
        Broker(redis, queue="clinq", timeout_s=60.0).enqueue(["a", "b"])
        Broker(nowhere, queue="clinq", timeout_s=60.0, events=redis).forget(["a", "b"], but="a")
        assert Broker(redis, queue="clinq", timeout_s=60.0).waiting() == {"a"}


def test_a_result_that_cannot_be_written_down_fails_alone(home: House, stage: Small):
    with home.worker.database.write() as connection:
        speed.learn_all(connection, [Measured("text", 1000.0, {"extract": 0.001, "assemble": 0.001})])
    ids = [home.submit() for _ in range(3)]

    def spoil_one(case: Case, _desk: Desk) -> Case:
        return replace(case, language="\ud800") if case.origin.job_id == ids[1] else case

    stage.act = spoil_one
    attempt.drain(home.worker, ids[0])
    assert [home.read(each).status.value for each in ids] == ["completed", "queued", "completed"]
    with home.worker.database.read() as connection:
        failed = sa.select(tables.audit.c.outcome).where(tables.audit.c.action == "attempt_failed")
        assert connection.execute(failed).scalars().all() == ["internal_error"]


def test_a_job_whose_key_is_gone_tells_that_it_has_failed(home: House):
    job_id = home.submit()
    with home.worker.database.write() as connection:
        connection.execute(sa.update(tables.job).values(wrapped_key=None))
    assert home.run(job_id).status is JobStatus.FAILED
    assert [(event.job_id, event.status) for event in home.events()] == [(job_id, JobStatus.FAILED)]


def test_a_wake_up_whose_row_must_wait_for_its_turn_leaves_another_in_its_place(home: House, stage: Small):
    """A worker that is free would sleep else, while this one runs the row that was more urgent."""
    late, urgent = home.submit(), home.submit()
    with home.worker.database.write() as connection:
        connection.execute(sa.update(tables.job).where(tables.job.c.id == urgent).values(priority="interactive"))
    home.worker.broker.enqueue([urgent])  # the other was popped by RQ
    seen: list[tuple[str, set[str]]] = []

    def look(case: Case, _desk: Desk) -> Case:
        seen.append((case.origin.job_id, home.worker.broker.waiting()))
        return case

    stage.act = look
    attempt.drain(home.worker, late)
    assert seen == [(urgent, {urgent}), (late, {urgent})]


def test_a_stage_that_may_be_begun_once_is_never_run_with_others_in_one_round(home: House, stage: Small):
    once = home.worker.settings.model_copy(update={"stage_attempts": {EXTRACT: 1}})
    home.worker = replace(home.worker, settings=once)
    with home.worker.database.write() as connection:
        speed.learn_all(connection, [Measured("text", 1000.0, {"extract": 0.001, "assemble": 0.001})])
    for _ in range(3):
        home.submit()
    attempt.drain(home.worker, "")
    assert stage.runs == 3


@pytest.mark.parametrize("asked_s_ago", [0.0, 2.0])
def test_a_second_signal_hands_the_job_back_and_one_that_comes_double_changes_nothing(asked_s_ago: float):
    stopping = Stopping()
    stopping.ask()
    assert stopping._asked_at is not None
    stopping._asked_at -= asked_s_ago
    stopping.ask_again()
    assert (stopping.since_s == float("inf")) is (asked_s_ago > 1.0)


def test_signals_in_mid_job_raise_nothing_while_redis_is_away(redis_url: str, monkeypatch: pytest.MonkeyPatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with Redis.from_url(redis_url) as redis:
        queue = Queue("clinq", connection=redis, serializer=JSONSerializer)
        worker = QueueWorker([queue], connection=redis, serializer=JSONSerializer, log_job_description=False)
        worker.stopping = Stopping()
        lived: list[str] = []

        def in_hand(_worker: object, job_id: str) -> None:
            worker.connection = Redis.from_url("unix:///nowhere")
            signal.raise_signal(signal.SIGTERM)
            worker.stopping._asked_at -= 2.0  # type: ignore[operator]  # it was asked
            signal.raise_signal(signal.SIGTERM)
            worker.connection = redis
            lived.append(job_id)

        monkeypatch.setattr(attempt, "drain", in_hand)
        token = run._working.set(None)  # type: ignore[arg-type]  # nothing behind the door is needed here
        Broker(redis, queue="clinq", timeout_s=60.0).enqueue(["a"])
        worker.work(burst=True, logging_level="WARNING")
        run._working.reset(token)
    for number, handler in before.items():
        signal.signal(number, handler)
    assert lived == ["a"]
    assert worker.stopping.since_s == float("inf")


def test_rows_that_another_transaction_holds_are_taken_when_it_ends(home: House, monkeypatch: pytest.MonkeyPatch):
    """PostgreSQL passes over locked rows: the wake-up must not be used up by that."""
    job_id = home.submit()
    claim_and_run, calls = attempt.claim_and_run, 0

    def locked_first(*given: object, **named: object) -> bool:
        nonlocal calls
        calls += 1
        return calls > 1 and claim_and_run(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(attempt, "claim_and_run", locked_first)
    attempt.drain(home.worker, job_id)
    with home.worker.database.read() as connection:
        job = ledger.get(connection, job_id)
    assert job is not None
    assert job.status is JobStatus.COMPLETED


def test_a_worker_that_cannot_read_scans_leaves_them_to_others_and_at_last_to_an_operator(home: House, stage: Small):
    def cannot(_case: Case, _desk: Desk) -> Case:
        raise OcrUnavailableError("install tesseract-ocr on the workers, then replay")

    stage.act = cannot
    job = home.run(home.submit(attempts=2))
    with home.worker.database.read() as connection:
        due = connection.execute(sa.select(tables.job.c.not_before)).scalar_one()
    assert job.status is JobStatus.QUEUED
    assert due > time.time() + OcrUnavailableError.pause_s / 2
    home.due_now()
    job = home.run(job.id)
    assert (job.status, job.reason and job.reason.code) == (JobStatus.DEAD, "ocr_unavailable")
