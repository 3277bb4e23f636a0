"""The job's state machine under any order of acts by clients, several workers, reapers and the clock."""

from __future__ import annotations

import tempfile
from pathlib import Path

import sqlalchemy as sa
import uuid_utils
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared import blobs, claiming, holding, ledger, migrate, reaper, retention, tables
from shared.audit import Actor
from shared.claiming import Appetite, Turns
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.holding import Ended, Saved
from shared.job import JobStatus, Priority, Reason, StageName
from shared.ledger import Job, NewJob
from shared.settings import Settings

RING = Keyring.parse(new_master_key())
CLIENT = Actor("user:client", "default")
STAGES = (StageName.EXTRACT, StageName.ASSEMBLE)
APPETITE = Appetite(4, 10.0, {"text": 0.1})
PATIENCE = reaper.Patience(0.0, 0.0, {StageName.ASSEMBLE: 2})
WORKERS = st.sampled_from(["a", "b", "c"])
LONG_AGO = -1.0e6


class Machine(RuleBasedStateMachine):
    """Clients, three workers and a reaper over one ledger; what they may never see is checked after every act."""

    jobs = Bundle("jobs")
    attempts = Bundle("attempts")
    """Claimed jobs as a worker holds them, also long after it has lost them."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.database = self.opened(Path(self.folder.name))
        self.blobs = blobs.connect((Path(self.folder.name) / "blobs").as_uri())
        self.ended: dict[str, JobStatus] = {}
        self.accepted: list[str] = []
        self.turns = {name: Turns() for name in ("a", "b", "c")}

    def opened(self, folder: Path) -> Database:
        database = Database(f"sqlite:///{folder / 'ledger.db'}")
        migrate.upgrade(database)
        return database

    @rule(
        target=jobs,
        tenant=st.sampled_from(["default", "other"]),
        priority=st.sampled_from(Priority),
        content=st.sampled_from([None, "one", "two"]),
        key=st.sampled_from([None, "k1", "k2"]),
    )
    def submit(self, tenant: str, priority: Priority, content: str | None, key: str | None) -> str:
        job_id = str(uuid_utils.uuid7())
        wrapped, job_key = RING.new(tenant, job_id)
        new = NewJob(
            id=job_id,
            tenant=tenant,
            priority=priority,
            source="text",
            size=10.0,
            stages=STAGES,
            key=wrapped,
            payload=job_key.seal(b"{}", "payload"),
            body_hash="same",
            max_attempts=3,
            idempotency_key=key,
            content_hash=content,
        )
        with self.database.write() as connection:
            written = ledger.add(connection, new)
        if written == job_id:
            self.accepted.append(job_id)
        return written

    @rule(target=attempts, worker=WORKERS)
    def claim(self, worker: str) -> tuple[Job, ...]:
        return self.claimed(worker)

    def claimed(self, worker: str) -> tuple[Job, ...]:
        with self.database.write() as connection:
            taken = claiming.claim(connection, self.turns[worker], APPETITE, worker=worker, lease_s=60.0)
        return tuple(taken)

    def owned(self, taken: tuple[Job, ...]) -> set[str]:
        """What this attempt may write to: the rows that still carry its token."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(tables.job.c.id, tables.job.c.token, tables.job.c.status)).all()
        now = {row.id: (row.token, row.status) for row in rows}
        return {job.id for job in taken if now[job.id] == (job.token, "running")}

    @rule(taken=attempts)
    def beat(self, taken: tuple[Job, ...]) -> None:
        if taken:
            mine = self.owned(taken)
            with self.database.write() as connection:
                ids = [job.id for job in taken]
                assert holding.beat_all(connection, ids, taken[0].token or "", lease_s=60.0) == mine

    @rule(taken=attempts)
    def save(self, taken: tuple[Job, ...]) -> None:
        saved = [Saved(job.id, b"case", (StageName.ASSEMBLE,), 0.5, {}) for job in taken]
        if saved:
            mine = self.owned(taken)
            with self.database.write() as connection:
                assert holding.save_all(connection, taken[0].token or "", saved) == mine

    @rule(taken=attempts, status=st.sampled_from([JobStatus.COMPLETED, JobStatus.INSUFFICIENT_CONTENT]))
    def finish(self, taken: tuple[Job, ...], status: JobStatus) -> None:
        ends = [Ended(job, status, result=b"result of " + (job.token or "").encode()) for job in taken]
        if ends:
            mine = self.owned(taken)
            with self.database.write() as connection:
                assert holding.finish_all(connection, taken[0].token or "", ends, "worker:x", "here") == mine

    @rule(taken=attempts, why=st.sampled_from(["retry", "hand back"]))
    def give_back(self, taken: tuple[Job, ...], why: str) -> None:
        for job in taken:
            with self.database.write() as connection:
                if why == "retry":
                    last = job.attempt >= job.max_attempts
                    reason = Reason("backing_service_unavailable", "away")
                    holding.retry(connection, job, CLIENT, reason=reason, pause_s=0.0, last=last)
                else:
                    holding.hand_back(connection, job, CLIENT)

    @rule(taken=attempts)
    def lose(self, taken: tuple[Job, ...]) -> None:
        """The worker dies or freezes: its leases end, and a reaper will find them."""
        self.die(taken)

    def die(self, taken: tuple[Job, ...]) -> None:
        ids = [job.id for job in taken]
        with self.database.write() as connection:
            mine = tables.job.c.id.in_(ids) & (tables.job.c.status == "running")
            connection.execute(sa.update(tables.job).where(mine).values(lease=LONG_AGO))

    @rule(target=attempts, taken=attempts, worker=WORKERS)
    def overtake(self, taken: tuple[Job, ...], worker: str) -> tuple[Job, ...]:
        """Its rows go to another worker while the first one is frozen, and may wake up later."""
        self.die(taken)
        self.free()
        return self.claimed(worker)

    @rule()
    def reap(self) -> None:
        self.free()

    def free(self) -> None:
        reaper.take_back(self.database, "r", PATIENCE)
        reaper.let_go(self.database)

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        with self.database.write() as connection:
            job = ledger.get(connection, job_id)
            assert job is not None
            ledger.cancel(connection, job, CLIENT)

    @rule(job_id=jobs)
    def delete(self, job_id: str) -> None:
        with self.database.write() as connection:
            job = ledger.get(connection, job_id)
            assert job is not None
            ledger.cancel(connection, job, CLIENT)
            ledger.purge(connection, job, CLIENT)

    @rule()
    def expire(self) -> None:
        with self.database.write() as connection:
            over = tables.job.c.finished_at.is_not(None)
            connection.execute(sa.update(tables.job).where(over).values(finished_at=tables.job.c.finished_at - 7200.0))
        self.expire_now()

    def expire_now(self) -> None:
        retention.expire(self.database, self.blobs, Settings(retention_result_h=1.0), name="r")

    @invariant()
    def a_terminal_state_is_never_left(self) -> None:
        if not hasattr(self, "database"):
            return
        columns = (tables.job.c.id, tables.job.c.status, tables.job.c.token, tables.job.c.lease)
        with self.database.read() as connection:
            rows = connection.execute(sa.select(*columns)).all()
        assert {row.id for row in rows} == set(self.accepted)
        for row in rows:
            status = JobStatus(row.status)
            before = self.ended.get(row.id)
            assert before in {None, status} or status is JobStatus.EXPIRED, f"{before} became {status}"
            if status.terminal:
                self.ended[row.id] = status
                assert (row.token, row.lease) == (None, None)
            if status is JobStatus.RUNNING:
                assert row.token is not None

    @invariant()
    def no_job_has_two_results(self) -> None:
        if not hasattr(self, "database"):
            return
        written = tables.audit.c.action == "result_written"
        query = sa.select(tables.audit.c.job_id, sa.func.count()).where(written).group_by(tables.audit.c.job_id)
        with self.database.read() as connection:
            counts = {str(row[0]): int(row[1]) for row in connection.execute(query)}
        assert all(count == 1 for count in counts.values()), counts

    def teardown(self) -> None:
        """Whatever has happened, peaceful workers bring every accepted job to its end."""
        if not hasattr(self, "database"):
            return
        with self.database.write() as connection:
            running = tables.job.c.status == "running"
            connection.execute(sa.update(tables.job).where(running).values(lease=LONG_AGO))
        for _ in range(4 * len(self.accepted) + 4):
            self.free()
            if taken := self.claimed("a"):
                with self.database.write() as connection:
                    ends = [Ended(job, JobStatus.COMPLETED, result=b"result") for job in taken]
                    holding.finish_all(connection, taken[0].token or "", ends, "worker:x", "here")
        self.a_terminal_state_is_never_left()
        self.no_job_has_two_results()
        assert set(self.ended) == set(self.accepted)
        self.database.close()
        self.folder.cleanup()


def test_no_order_of_acts_loses_a_job_or_gives_it_two_results_on_sqlite():
    run_state_machine_as_test(Machine, settings=_settings(40))


def test_no_order_of_acts_loses_a_job_or_gives_it_two_results_on_postgresql(postgres_url: str):
    made = Database(postgres_url)
    migrate.upgrade(made)

    class OnPostgres(Machine):
        def opened(self, folder: Path) -> Database:
            with made.write() as connection:
                for table in reversed(tables.metadata.sorted_tables):
                    connection.execute(sa.delete(table))
            return Database(postgres_url)

    run_state_machine_as_test(OnPostgres, settings=_settings(15))
    made.close()


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
