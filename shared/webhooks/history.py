"""The log of deliveries as a tenant reads it, and sending one again by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shared import tables
from shared.crypto import Keyring
from shared.database import clock
from shared.errors import DecryptionError
from shared.webhooks import address, outbox
from shared.webhooks.address import ForbiddenAddressError
from shared.webhooks.outbox import DeliveryState

_delivery = tables.delivery
_attempt = tables.delivery_attempt
_endpoint = tables.endpoint


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it is listed: whom it goes to is told by origin alone."""

    id: str
    job_id: str | None
    batch_id: str | None
    endpoint_id: str | None
    kind: str
    """end or crisis."""
    state: DeliveryState
    origin: str | None
    """None when it cannot be unsealed with the master keys of this process."""
    attempts: int
    created_at: float
    due_at: float | None
    next_at: float | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt."""

    at: float
    status_code: int | None
    problem: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries are asked for."""

    job_id: str | None = None
    batch_id: str | None = None
    state: DeliveryState | None = None


def listed(
    connection: sa.Connection, keyring: Keyring, tenant: str, which: Filter, *, after: str | None, most: int
) -> list[Delivery]:
    """A page of a tenant's deliveries, newest first; `after` is the id of the last one of the page before."""
    asked = (("job_id", which.job_id), ("batch_id", which.batch_id), ("state", which.state))
    conditions = [_delivery.c.tenant == tenant, *(_delivery.c[name] == value for name, value in asked if value)]
    if after is not None:
        last = (_delivery.c.id == after) & (_delivery.c.tenant == tenant)
        place = sa.select(_delivery.c.created_at).where(last).scalar_subquery()
        conditions.append(sa.tuple_(*_NEWEST) < sa.tuple_(place, sa.literal(after)))
    newest = (column.desc() for column in _NEWEST)
    rows = connection.execute(sa.select(_delivery).where(*conditions).order_by(*newest).limit(most))
    return [_read(row, keyring) for row in rows]


def find(connection: sa.Connection, keyring: Keyring, tenant: str, delivery_id: str) -> Delivery | None:
    """One delivery; another tenant's does not exist."""
    mine = (_delivery.c.id == delivery_id) & (_delivery.c.tenant == tenant)
    row = connection.execute(sa.select(_delivery).where(mine)).one_or_none()
    return None if row is None else _read(row, keyring)


def attempts(connection: sa.Connection, delivery_id: str) -> list[Attempt]:
    """All attempts at a delivery, oldest first."""
    columns = (_attempt.c.at, _attempt.c.status_code, _attempt.c.problem, _attempt.c.seconds)
    its = sa.select(*columns).where(_attempt.c.delivery_id == delivery_id).order_by(_attempt.c.id)
    return [Attempt(*row) for row in connection.execute(its)]


def redeliver(connection: sa.Connection, delivery_id: str) -> bool:
    """Send it once more at once, under the same id; False while its event has not happened or its endpoint is gone.

    What fails then is tried again only in the hours that the event itself was given.
    """
    live = sa.exists().where((_endpoint.c.id == _delivery.c.endpoint_id) & _endpoint.c.disabled_at.is_(None))
    called = _delivery.c.endpoint_id.is_(None) | live.correlate(_delivery)
    happened = (_delivery.c.id == delivery_id) & (_delivery.c.state != DeliveryState.ARMED.value) & called
    due = {"state": DeliveryState.DUE.value, "next_at": clock(), "ended_at": None}
    return connection.execute(sa.update(_delivery).where(happened).values(**due)).rowcount == 1


def _read(row: sa.Row[Any], keyring: Keyring) -> Delivery:
    return Delivery(
        **{name: getattr(row, name) for name in _AS_STORED},
        state=DeliveryState(row.state),
        attempts=row.attempt,
        origin=_origin(row, keyring),
    )


def _origin(row: sa.Row[Any], keyring: Keyring) -> str | None:
    try:
        url = outbox.address_of(row, keyring)
        return address.read(url, allow=[url]).origin
    except (DecryptionError, ForbiddenAddressError):
        return None


_NEWEST = (_delivery.c.created_at, _delivery.c.id)
_AS_STORED = tuple(name for name in Delivery.__dataclass_fields__ if name in _delivery.c and name != "state")
