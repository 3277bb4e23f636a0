"""Which waiting rows a worker takes next: urgent classes first, tenants by turns, several rows where they are short.

A wake-up says only that something waits: what is taken is decided here, by the rows themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf

import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.database import clock
from shared.job import JobStatus, Priority
from shared.ledger import Job, read

_job = tables.job
PATIENCE = {Priority.INTERACTIVE: 0, Priority.DEFAULT: 4, Priority.BULK: 8}
"""How often more urgent work may be taken before a class that waits gets a turn, so that it never starves."""
WORKER_SEEN_S = 15.0  # a worker that was seen within takes its part of what waits
HALF_LIFE_S = 300.0  # what a tenant was given so long ago counts half
_WAITING = (_job.c.status == tables.WAITS) & _job.c.follows.is_(None) & (_job.c.not_before <= clock())
_BEGINS = _WAITING & (_job.c.attempt < _job.c.max_attempts)
_GROUPS = (
    sa.select(
        _job.c.priority, _job.c.tenant, sa.func.min(_job.c.created_at).label("oldest"), sa.func.count().label("jobs")
    )
    .where(_WAITING)
    .group_by(_job.c.priority, _job.c.tenant)
)
_RUNNING = (
    sa.select(_job.c.tenant, sa.func.count().label("jobs")).where(_job.c.status == tables.RUNS).group_by(_job.c.tenant)
)
_NEXT = (
    sa.select(_job.c.id, _job.c.source, _job.c.size, _job.c.attempt, _job.c.max_attempts)
    .where(_BEGINS)
    .where((_job.c.priority == sa.bindparam("priority")) & (_job.c.tenant == sa.bindparam("tenant")))
    .order_by(_job.c.created_at)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one tenant and class that wait."""

    priority: Priority
    tenant: str
    oldest: float
    """When the oldest of them was created."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one claim may take where models read or write several texts for less than they cost one by one."""

    rows: int = 1
    seconds: float = 0.0
    """No job waits longer for the others of its batch, by the measured pace."""
    units: float = inf
    """Characters of text, or seconds of recording, of all of them."""

    def takes(self, rows: int, seconds: float, units: float) -> bool:
        """Whether so many rows, of so much work and length together, are one batch."""
        return rows <= self.rows and seconds <= self.seconds and units <= self.units


@dataclass(frozen=True, slots=True)
class Appetite:
    """How much one claim may take: so many rows, and so many estimated seconds of work."""

    rows: int
    seconds: float
    pace: Mapping[str, float]
    """Seconds per unit of work, by source; a row whose source was never measured is taken alone.

    So is a recording that is still to be fetched, of size 0: nobody knows how long it is.
    """
    batch: Batch = Batch()

    def among(self, workers: int, waiting: int) -> Appetite:
        """The same where so many workers share so many waiting rows."""
        part = max(1, ceil(waiting / max(1, workers)))
        return replace(self, batch=replace(self.batch, rows=min(self.batch.rows, part)))

    def first(self, rows: Iterable[sa.Row[tuple[str, str, float, int, int]]]) -> list[str]:
        """Ids from the front that fit; the first one always does.

        A row that was begun before, or has one attempt only, goes alone: should it kill its worker, no other job
        dies with it, and should another kill the worker, that does not cost this one its last attempt.
        """
        taken: list[str] = []
        work_s, units = 0.0, 0.0
        for row in rows:
            alone = row.attempt > 0 or row.max_attempts == 1
            work_s += self.pace[row.source] * row.size if row.size > 0 and row.source in self.pace else inf
            units += row.size
            fits = work_s <= self.seconds or self.batch.takes(len(taken) + 1, work_s, units)
            if taken and (alone or not fits):
                break
            taken.append(str(row.id))
            if alone or len(taken) == self.rows:
                break
        return taken


class Turns:
    """One worker's memory of whom it served, so that classes and tenants get their share."""

    def __init__(self) -> None:
        self._passed_over: dict[Priority, int] = {}
        self._given_s: dict[str, float] = {}
        self._at = 0.0

    def order(self, groups: Sequence[Group], running: Mapping[str, int], shares: Mapping[str, float]) -> list[Group]:
        """The groups, next first; within a class the tenant with the least for its share."""
        impatient = {each for each, times in self._passed_over.items() if times >= PATIENCE[each]}

        def key(group: Group) -> tuple[bool, int, float, float, float]:
            share = max(shares.get(group.tenant, 1.0), 0.01)
            return (
                group.priority not in impatient,
                list(Priority).index(group.priority),
                running.get(group.tenant, 0) / share,
                self._given_s.get(group.tenant, 0.0) / share,
                group.oldest,
            )

        return sorted(groups, key=key)

    def took(self, taken: Group, groups: Iterable[Group]) -> None:
        """Remember which class was served, and which less urgent ones were passed over."""
        waiting = {group.priority for group in groups}
        classes = list(Priority)
        for each in classes:
            if each is taken.priority or each not in waiting:
                self._passed_over.pop(each, None)
            elif classes.index(each) > classes.index(taken.priority):
                self._passed_over[each] = self._passed_over.get(each, 0) + 1

    def gave(self, tenant: str, seconds: float, *, now: float) -> None:
        """Remember how much work a tenant was given; `now` is any clock in seconds."""
        faded = 0.5 ** (max(0.0, now - self._at) / HALF_LIFE_S)
        self._given_s = {each: given * faded for each, given in self._given_s.items() if given * faded > 0.001}
        self._at = now
        self._given_s[tenant] = self._given_s.get(tenant, 0.0) + seconds


def claim(connection: sa.Connection, turns: Turns, appetite: Appetite, *, worker: str, lease_s: float) -> list[Job]:
    """Take waiting rows of one tenant and class for one attempt, all with one fencing token; empty when none waits.

    A batch is no larger than this worker's part of all that waits: the other workers shall not stand idle beside it.
    """
    waiting = connection.execute(_GROUPS).all()
    if not waiting:
        return []
    groups = [Group(Priority(row.priority), row.tenant, row.oldest) for row in waiting]
    if appetite.batch.rows > 1:
        appetite = appetite.among(_workers(connection), sum(row.jobs for row in waiting))
    if len(groups) > 1:
        running = {str(row.tenant): int(row.jobs) for row in connection.execute(_RUNNING)}
        groups = turns.order(groups, running, _shares(connection))
    for group in groups:
        which = {"priority": group.priority.value, "tenant": group.tenant, "most": appetite.rows}
        if ids := appetite.first(connection.execute(_NEXT, which)):
            turns.took(group, groups)
            return take(connection, ids, worker=worker, lease_s=lease_s)
    return []


def first(connection: sa.Connection) -> str | None:
    """The id of any row that waits."""
    return connection.execute(sa.select(_job.c.id).where(_BEGINS).limit(1)).scalar_one_or_none()


def waits(connection: sa.Connection, *, most: int) -> int:
    """How many rows wait, counting no further than `most`."""
    few = sa.select(_job.c.id).where(_BEGINS).limit(most).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(few)).scalar_one())


def take(connection: sa.Connection, job_ids: Sequence[str], *, worker: str, lease_s: float) -> list[Job]:
    """Take exactly these rows, where they wait; in the order of the ids."""
    taken = (
        sa.update(_job)
        .where(_job.c.id.in_(job_ids) & _BEGINS)
        .values(
            status=JobStatus.RUNNING.value,
            attempt=_job.c.attempt + 1,
            stage_attempt=_job.c.stage_attempt + 1,
            token=str(uuid_utils.uuid7()),
            lease=clock() + lease_s,
            claimed_at=clock(),
            worker=worker,
        )
        .returning(_job)
    )
    jobs = {row["id"]: read(row) for row in connection.execute(taken).mappings()}
    return [jobs[each] for each in job_ids if each in jobs]


def _workers(connection: sa.Connection) -> int:
    alive = tables.worker.c.seen_at > clock() - WORKER_SEEN_S
    return int(connection.execute(sa.select(sa.func.count()).select_from(tables.worker).where(alive)).scalar_one())


def _shares(connection: sa.Connection) -> dict[str, float]:
    rows = connection.execute(sa.select(tables.tenant.c.name, tables.tenant.c.share))
    return {str(row.name): float(row.share) for row in rows}
