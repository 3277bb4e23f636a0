"""A crisis is told at once: the row is marked, and whoever awaits the job's end is called now; no word says why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shared import audit, tables
from shared.audit import Actor
from shared.broker import Event
from shared.crypto import Keyring
from shared.database import clock
from shared.errors import DecryptionError
from shared.job import JobStatus
from shared.webhooks import endpoint, outbox
from shared.webhooks.outbox import Target

CRISIS = "crisis"
"""The type of the event."""

_job = tables.job
_delivery = tables.delivery


@dataclass(frozen=True, slots=True)
class Raised:
    """A job over which a crisis was raised just now."""

    id: str
    tenant: str
    status: JobStatus
    progress: float
    batch_id: str | None

    def event(self) -> Event:
        """What to publish: ids and the state, no content."""
        return Event(self.id, CRISIS, self.status, progress=self.progress, batch_id=self.batch_id)


def raise_all(connection: sa.Connection, keyring: Keyring, job_ids: Sequence[str], actor: Actor) -> list[Raised]:
    """Mark these jobs and whoever follows them, each once whatever is tried again, and make their deliveries due.

    Call it in the transaction that keeps what was found, and publish the events once that is committed.
    """
    if not job_ids:
        return []
    # A follower that was cancelled or deleted still names its leader.
    follower = _job.c.follows.in_(job_ids) & (_job.c.status == tables.WAITS)
    new = (_job.c.id.in_(job_ids) | follower) & _job.c.crisis_at.is_(None)
    columns = (_job.c.id, _job.c.tenant, _job.c.status, _job.c.progress, _job.c.batch_id)
    rows = connection.execute(sa.update(_job).where(new).values(crisis_at=clock()).returning(*columns)).all()
    raised = [Raised(row.id, row.tenant, JobStatus(row.status), row.progress, row.batch_id) for row in rows]
    for each in raised:
        audit.record(connection, Actor(actor.name, each.tenant, actor.address), "crisis_raised", job_id=each.id)
        outbox.call_now(connection, keyring, each.tenant, _targets(connection, keyring, each), job_id=each.id)
    return raised


def _targets(connection: sa.Connection, keyring: Keyring, raised: Raised) -> list[Target]:
    """Whoever awaits the end of the job or of its batch, and the tenant's endpoints; each address once."""
    about = _delivery.c.job_id == raised.id
    if raised.batch_id is not None:
        about |= _delivery.c.batch_id == raised.batch_id
    armed = sa.select(_delivery).where(about & (_delivery.c.kind == outbox.END)).order_by(_delivery.c.id)
    awaiting = (_target(row, keyring) for row in connection.execute(armed).all())
    return list(
        {each.url: each for each in (*_endpoints(connection, keyring, raised.tenant), *awaiting) if each}.values()
    )


def _endpoints(connection: sa.Connection, keyring: Keyring, tenant: str) -> Iterable[Target]:
    try:
        return endpoint.targets(connection, keyring, tenant)
    except DecryptionError:  # sealed with a master key that this process does not have
        return ()


def _target(row: sa.Row[tuple[object, ...]], keyring: Keyring) -> Target | None:
    try:
        return Target(outbox.address_of(row, keyring), row.endpoint_id)
    except DecryptionError:
        return None
