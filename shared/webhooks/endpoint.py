"""The addresses that a tenant has named for the ends of all its jobs."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.crypto import Keyring
from shared.database import clock
from shared.webhooks.outbox import PURPOSE, Target, address_of

MOST = 10  # a tenant: each is called for every job

_endpoint = tables.endpoint


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address; disabled once its receiver has answered 410 Gone."""

    id: str
    url: str
    created_at: float
    disabled_at: float | None = None


class TooManyEndpointsError(ValueError):
    """The tenant has as many endpoints as it may have."""


def add(connection: sa.Connection, keyring: Keyring, tenant: str, url: str) -> Endpoint:
    """Name an address, or give back the live endpoint that has it. Raises TooManyEndpointsError."""
    live = [each for each in listed(connection, keyring, tenant) if each.disabled_at is None]
    for each in live:
        if each.url == url:
            return each
    if len(live) >= MOST:
        raise TooManyEndpointsError(f"a tenant has at most {MOST} endpoints")
    endpoint_id = str(uuid_utils.uuid7())
    wrapped, key = keyring.new(tenant, endpoint_id)
    row = {"id": endpoint_id, "tenant": tenant, "key_id": wrapped.key_id, "wrapped_key": wrapped.wrapped}
    connection.execute(sa.insert(_endpoint).values(**row, url=key.seal(url.encode(), PURPOSE), created_at=clock()))
    made_at = connection.execute(sa.select(_endpoint.c.created_at).where(_endpoint.c.id == endpoint_id)).scalar_one()
    return Endpoint(endpoint_id, url, made_at)


def listed(connection: sa.Connection, keyring: Keyring, tenant: str) -> list[Endpoint]:
    """All endpoints of a tenant, oldest first, disabled ones too."""
    rows = connection.execute(sa.select(_endpoint).where(_endpoint.c.tenant == tenant).order_by(_endpoint.c.id))
    return [Endpoint(row.id, address_of(row, keyring), row.created_at, row.disabled_at) for row in rows]


def targets(connection: sa.Connection, keyring: Keyring, tenant: str) -> tuple[Target, ...]:
    """The live endpoints as a submission arms them."""
    every = listed(connection, keyring, tenant)
    return tuple(Target(each.url, each.id) for each in every if each.disabled_at is None)


def remove(connection: sa.Connection, tenant: str, endpoint_id: str) -> bool:
    """Forget an endpoint with its address; False when the tenant has no such endpoint."""
    mine = (_endpoint.c.id == endpoint_id) & (_endpoint.c.tenant == tenant)
    return connection.execute(sa.delete(_endpoint).where(mine)).rowcount == 1


def disable(connection: sa.Connection, endpoint_id: str) -> None:
    """Call an endpoint no more; its receiver has said that it is gone."""
    live = (_endpoint.c.id == endpoint_id) & _endpoint.c.disabled_at.is_(None)
    connection.execute(sa.update(_endpoint).where(live).values(disabled_at=clock()))
