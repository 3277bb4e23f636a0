"""The outbox: deliveries armed with the submission, due with the end of its job, sent at least once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.crypto import Keyring, WrappedKey
from shared.database import clock
from shared.job import JobStatus
from shared.webhooks import secret

PURPOSE = "callback_url"
END, CRISIS = "end", "crisis"
"""What a delivery tells: that its job or batch has ended, or, at once, that a crisis was found."""

_delivery = tables.delivery
_job = tables.job
_batch_job = _job.alias("batch_job")
OPEN = [status.value for status in JobStatus if not status.terminal]


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    ARMED = "armed"
    DUE = "due"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Target:
    """An address to be called back, and the tenant's endpoint that it belongs to, if it is one."""

    url: str
    endpoint_id: str | None = None


def arm(
    connection: sa.Connection,
    keyring: Keyring,
    tenant: str,
    targets: Sequence[Target],
    *,
    job_id: str | None = None,
    batch_id: str | None = None,
) -> None:
    """Write one delivery a target, which waits for the end of the job or batch; in the submission's transaction."""
    if not targets:
        return
    secret.ensure(connection, keyring, tenant)
    subject = {"tenant": tenant, "job_id": job_id, "batch_id": batch_id}
    connection.execute(_ARM, [subject | _sealed(keyring, tenant, target) for target in targets])


def call_now(
    connection: sa.Connection, keyring: Keyring, tenant: str, targets: Sequence[Target], *, job_id: str
) -> None:
    """Write one delivery a target that is due at once and tells of a crisis."""
    if not targets:
        return
    secret.ensure(connection, keyring, tenant)
    subject = {"tenant": tenant, "job_id": job_id, "kind": CRISIS}
    now = {"state": DeliveryState.DUE.value, "created_at": clock(), "due_at": clock(), "next_at": clock()}
    for target in targets:
        row = subject | _sealed(keyring, tenant, target)
        connection.execute(sa.insert(_delivery).values(**row, **now))


def arm_again(connection: sa.Connection, keyring: Keyring, *, job_ids: Sequence[str] = (), batch_id: str = "") -> None:
    """Arm fresh deliveries, with ids of their own, for jobs or a batch that end a second time after a replay.

    What was still being sent is given up: the end that it tells of is one no more.
    """
    about = _delivery.c.batch_id == batch_id if batch_id else _delivery.c.job_id.in_(job_ids)
    about &= _delivery.c.kind == END
    rows = connection.execute(sa.select(_delivery).where(about).order_by(_delivery.c.id)).all()
    known: dict[tuple[str | None, Target], sa.Row[Any]] = {}
    for row in rows:
        known[row.job_id, Target(address_of(row, keyring), row.endpoint_id)] = row
    stale = about & (_delivery.c.state == DeliveryState.DUE.value)
    given_up = {"state": DeliveryState.GIVEN_UP.value, "ended_at": clock(), "next_at": None}
    connection.execute(sa.update(_delivery).where(stale).values(**given_up))
    armed = [
        {"tenant": row.tenant, "job_id": row.job_id, "batch_id": row.batch_id} | _sealed(keyring, row.tenant, target)
        for (_, target), row in known.items()
        if row.state != DeliveryState.ARMED.value
    ]
    if armed:
        connection.execute(_ARM, armed)


def batches_ended(connection: sa.Connection) -> int:
    """Make the deliveries of each batch due whose last job has ended; how many. Any number of processes may ask."""
    due = {"state": DeliveryState.DUE.value, "due_at": clock(), "next_at": clock()}
    return connection.execute(sa.update(_delivery).where(_ARMED_BATCH & ~still_open()).values(**due)).rowcount


def any_batch_ended(connection: sa.Connection) -> bool:
    """Whether there is such a batch; reading disturbs nobody, so ask this first."""
    over = sa.select(_delivery.c.id).where(_ARMED_BATCH & ~still_open()).limit(1)
    return connection.execute(over).first() is not None


def still_open() -> sa.ColumnElement[bool]:
    """Whether the job of a delivery that tells of its end, or any job of its batch, has yet to end."""
    job = sa.exists().where((_job.c.id == _delivery.c.job_id) & _job.c.status.in_(OPEN))
    batch = sa.exists().where((_batch_job.c.batch_id == _delivery.c.batch_id) & _batch_job.c.status.in_(OPEN))
    return (_delivery.c.kind == END) & (job.correlate(_delivery) | batch.correlate(_delivery))


def address_of(row: sa.Row[Any], keyring: Keyring) -> str:
    """The address of a delivery or of an endpoint in clear. Raises DecryptionError."""
    wrapped = WrappedKey(row.key_id, row.wrapped_key)
    return keyring.unwrap(wrapped, row.tenant, row.id).open(row.url, PURPOSE).decode()


def _sealed(keyring: Keyring, tenant: str, target: Target) -> dict[str, Any]:
    delivery_id = str(uuid_utils.uuid7())
    wrapped, key = keyring.new(tenant, delivery_id)
    return {
        "id": delivery_id,
        "endpoint_id": target.endpoint_id,
        "key_id": wrapped.key_id,
        "wrapped_key": wrapped.wrapped,
        "url": key.seal(target.url.encode(), PURPOSE),
    }


_ARM = sa.insert(_delivery).values(state=DeliveryState.ARMED.value, created_at=clock())  # built once
_ARMED_BATCH = (_delivery.c.state == tables.ARMED) & _delivery.c.batch_id.is_not(None)
