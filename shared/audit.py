"""The audit trail: who did what to which job, written in the transaction of the act itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.database import clock

_RECORD = sa.insert(tables.audit).values(at=clock())  # built once: building costs more than running


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where."""

    name: str
    """user:<id>, key:<id>, worker:<name> or reaper:<name>."""
    tenant: str
    address: str | None = None
    request_id: str | None = None


def record(connection: sa.Connection, actor: Actor, action: str, *, job_id: str | None, outcome: str = "done") -> None:
    """Append one row; the trail is never changed and holds nothing clinical."""
    connection.execute(_RECORD, _row(actor, action, job_id, outcome))


def record_all(connection: sa.Connection, done: Sequence[tuple[Actor, str, str | None]]) -> None:
    """Append one row for each actor, action and job, by one statement."""
    connection.execute(_RECORD, [_row(actor, action, job_id, "done") for actor, action, job_id in done])


def record_each(connection: sa.Connection, ended: Sequence[tuple[Actor, str, str, str]]) -> None:
    """Append one row for each actor, action, job and outcome, by one statement."""
    connection.execute(_RECORD, [_row(actor, action, job_id, outcome) for actor, action, job_id, outcome in ended])


def _row(actor: Actor, action: str, job_id: str | None, outcome: str) -> dict[str, str | None]:
    return {
        "id": str(uuid_utils.uuid7()),
        "tenant": actor.tenant,
        "actor": actor.name,
        "action": action,
        "job_id": job_id,
        "outcome": outcome,
        "address": actor.address,
        "request_id": actor.request_id,
    }
