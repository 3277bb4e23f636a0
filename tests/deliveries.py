"""Deliveries for tests: a job that is submitted with addresses, its end, and a sender that runs meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uuid_utils

from shared import ledger, tables
from shared.audit import Actor
from shared.crypto import Keyring, new_master_key
from shared.database import Database
from shared.job import JobStatus, Priority, StageName
from shared.ledger import NewJob
from shared.settings import Settings
from shared.webhooks import outbox, secret
from shared.webhooks.outbox import Target
from shared.webhooks.posting import Poster
from shared.webhooks.sending import Post, Sender
from tests import hand

WORKER = Actor("worker:test", "default")


@dataclass(frozen=True)
class Office:
    """A ledger, and what senders over it need."""

    database: Database
    settings: Settings
    ring: Keyring = field(default_factory=lambda: Keyring.parse(new_master_key()))

    def submit(self, targets: Sequence[Target] = (), *, tenant: str = "default", batch_id: str | None = None) -> str:
        """A job whose end calls these addresses."""
        job_id = str(uuid_utils.uuid7())
        wrapped, key = self.ring.new(tenant, job_id)
        new = NewJob(
            id=job_id,
            tenant=tenant,
            priority=Priority.DEFAULT,
            source="text",
            size=1.0,
            stages=(StageName.EXTRACT,),
            key=wrapped,
            payload=key.seal(b"CANARY-note", "payload"),
            body_hash="0" * 64,
            max_attempts=2,
            batch_id=batch_id,
            notify=bool(targets),
        )
        with self.database.write() as connection:
            ledger.add(connection, new)
            outbox.arm(connection, self.ring, tenant, targets, job_id=job_id)
        return job_id

    def arm_batch(self, batch_id: str, targets: Sequence[Target], *, tenant: str = "default") -> None:
        with self.database.write() as connection:
            outbox.arm(connection, self.ring, tenant, targets, batch_id=batch_id)

    def end(self, job_id: str, status: JobStatus = JobStatus.COMPLETED) -> None:
        """What a worker writes."""
        with self.database.write() as connection:
            job = hand.claim(connection, job_id, worker="test", lease_s=60.0)
            assert job is not None
            assert hand.finish(connection, job, WORKER, status=status)

    def ended(self, *targets: Target, **how: Any) -> str:
        """A job that has ended by now."""
        job_id = self.submit(targets, **how)
        self.end(job_id)
        return job_id

    def secrets(self, tenant: str = "default") -> tuple[str, ...]:
        with self.database.read() as connection:
            return secret.live(connection, self.ring, tenant)

    def rows(self) -> list[sa.Row[Any]]:
        """All deliveries, oldest first."""
        with self.database.read() as connection:
            return list(connection.execute(sa.select(tables.delivery).order_by(tables.delivery.c.id)).all())

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def log(self) -> list[tuple[int | None, str | None]]:
        """Status and problem of each attempt, oldest first."""
        columns = (tables.delivery_attempt.c.status_code, tables.delivery_attempt.c.problem)
        with self.database.read() as connection:
            found = connection.execute(sa.select(*columns).order_by(tables.delivery_attempt.c.id))
            return [tuple(row) for row in found]  # type: ignore[misc]  # of two columns

    def sender(self, post: Post | None = None, **changes: Any) -> Sender:
        settings = self.settings.model_copy(update=changes)
        poster = Poster(settings.callback_allow, settings.callback_timeout_s)
        return Sender(self.database, self.ring, settings, post or poster, name="test")

    @contextmanager
    def sending(self, post: Post | None = None, **changes: Any) -> Iterator[None]:
        """A sender that runs as the reaper's thread does."""
        stop, sender = threading.Event(), self.sender(post, **changes)
        thread = threading.Thread(target=sender.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def office(database: Database, home: Path, **settings: Any) -> Office:
    """An office with short pauses."""
    quick = {"callback_timeout_s": 2.0, "callback_backoff_s": 0.05, "callback_senders": 4}
    return Office(database, Settings(home=home, **(quick | settings)))


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for it, at most so long."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
