"""What each tenant is given: how long its data are kept, and its share when tenants wait for workers."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from shared import tables
from shared.settings import Settings

_tenant = tables.tenant


@dataclass(frozen=True, slots=True)
class Keeping:
    """Hours that a tenant's data are kept once its job has ended; 0: until they are deleted."""

    result_h: float = 0.0
    payload_h: float = 0.0
    """What was submitted and what the stages left of it."""
    audio_h: float = 0.0


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as it was set; None: as the settings say."""

    name: str
    result_h: float | None = None
    payload_h: float | None = None
    audio_h: float | None = None
    share: float = 1.0

    def keeping(self, otherwise: Keeping) -> Keeping:
        """What holds for this tenant."""
        return Keeping(
            otherwise.result_h if self.result_h is None else self.result_h,
            otherwise.payload_h if self.payload_h is None else self.payload_h,
            otherwise.audio_h if self.audio_h is None else self.audio_h,
        )


def listed(connection: sa.Connection) -> list[Tenant]:
    """All tenants that something was set for."""
    return [Tenant(**row) for row in connection.execute(sa.select(_tenant).order_by(_tenant.c.name)).mappings()]


def find(connection: sa.Connection, name: str) -> Tenant:
    """One tenant, as the settings say unless something was set for it."""
    row = connection.execute(sa.select(_tenant).where(_tenant.c.name == name)).mappings().one_or_none()
    return Tenant(name) if row is None else Tenant(**row)


def put(connection: sa.Connection, tenant: Tenant) -> None:
    """Set all that a tenant has. Raises ValueError for hours below 0 or a share that is not above 0."""
    hours = (tenant.result_h, tenant.payload_h, tenant.audio_h)
    if any(each is not None and not 0.0 <= each < float("inf") for each in hours):
        raise ValueError("hours are 0 (kept until deleted) or more")
    if not 0.0 < tenant.share < float("inf"):
        raise ValueError("a share is more than 0")
    values = {name: getattr(tenant, name) for name in ("result_h", "payload_h", "audio_h", "share")}
    changed = connection.execute(sa.update(_tenant).where(_tenant.c.name == tenant.name).values(values))
    if changed.rowcount == 0:
        connection.execute(sa.insert(_tenant).values(name=tenant.name, **values))


def by_setting(settings: Settings) -> Keeping:
    """What holds for tenants that nothing was set for."""
    return Keeping(settings.retention_result_h, settings.retention_payload_h, settings.retention_audio_h)


def keeping(connection: sa.Connection, settings: Settings) -> dict[str, Keeping]:
    """What holds for each tenant that has jobs, where anything of it is ever removed."""
    otherwise = by_setting(settings)
    given = {tenant.name: tenant.keeping(otherwise) for tenant in listed(connection)}
    if otherwise != Keeping():
        given = dict.fromkeys(_with_jobs(connection), otherwise) | given
    return {name: each for name, each in given.items() if each != Keeping()}


def _with_jobs(connection: sa.Connection) -> list[str]:
    """Each tenant of the table of jobs, by one look into the index a tenant: a DISTINCT would read all of it."""
    job = tables.job
    first = sa.select(sa.func.min(job.c.tenant).label("name")).cte("walk", recursive=True)
    after = sa.select(sa.func.min(job.c.tenant)).where(job.c.tenant > first.c.name).scalar_subquery()
    walk = first.union_all(sa.select(after).where(first.c.name.is_not(None)))
    return [str(name) for name in connection.execute(sa.select(walk.c.name)).scalars() if name is not None]
