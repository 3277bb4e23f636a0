"""Which deliveries a sender takes next, and what it writes once they are answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import uuid_utils

from shared import audit, tables
from shared.audit import Actor
from shared.crypto import Keyring
from shared.database import clock
from shared.errors import DecryptionError
from shared.reaper import pause_s
from shared.webhooks import endpoint, outbox, secret
from shared.webhooks.outbox import DeliveryState
from shared.webhooks.posting import Answer

CANDIDATES = 4  # rows looked at for each that is taken, so that one tenant's many do not hide another's few
LONGEST_PAUSE_S = 3600.0
FORGOTTEN_AT_ONCE = 5000  # rows

_delivery = tables.delivery
_attempt = tables.delivery_attempt
_job = tables.job
_endpoint = tables.endpoint


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that this sender has taken for one attempt."""

    id: str
    tenant: str
    attempt: int
    job_id: str | None
    batch_id: str | None
    endpoint_id: str | None
    kind: str
    """end or crisis."""
    status: str | None
    """The state of the job; None for a batch, or a job whose row is gone."""
    due_at: float
    age_s: float
    """Seconds since the event."""
    live: bool
    """Whether its endpoint, if it has one, is still to be called."""
    url: str | None
    """None when it cannot be unsealed with the master keys of this process."""
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a failing delivery is tried."""

    first_pause_s: float
    retry_s: float


def any_due(connection: sa.Connection) -> bool:
    """Whether something is to be sent now."""
    return connection.execute(sa.select(_delivery.c.id).where(_ready()).limit(1)).first() is not None


def claim(
    connection: sa.Connection,
    keyring: Keyring,
    *,
    most: int,
    in_hand: Mapping[str, str],
    most_per_tenant: int,
    lease_s: float,
) -> list[Due]:
    """Take up to `most` deliveries; if this sender dies, others take them after `lease_s` seconds.

    `in_hand` names the tenant of each delivery that is under way in this sender: none is taken twice, and no tenant
    gets more than `most_per_tenant` of its threads.
    """
    running = Counter(in_hand.values())
    full = [tenant for tenant, count in running.items() if count >= most_per_tenant]
    others = _delivery.c.tenant.not_in(full) & _delivery.c.id.not_in(list(in_hand))
    ready = _CANDIDATES.where(_ready() & others).limit(most * CANDIDATES)
    rows = connection.execute(ready.with_for_update(skip_locked=True, of=_delivery)).all()
    _wait_again(connection, [row.id for row in rows if row.open])
    taken = _fair([row for row in rows if not row.open], most, running, most_per_tenant)
    if not taken:
        return []
    mine = _delivery.c.id.in_([row.id for row in taken]) & _ready()
    push = sa.update(_delivery).where(mine).values(attempt=_delivery.c.attempt + 1, next_at=clock() + lease_s)
    pushed = set(connection.execute(push.returning(_delivery.c.id)).scalars())
    secrets = {tenant: _secrets(connection, keyring, tenant) for tenant in {row.tenant for row in taken}}
    return [_due(row, keyring, secrets[row.tenant]) for row in taken if row.id in pushed]


def record(connection: sa.Connection, due: Due, answer: Answer, patience: Patience, *, name: str) -> DeliveryState:
    """Write what came of an attempt: delivered, due again after a pause, or given up; `name` is the process's."""
    connection.execute(
        sa.insert(_attempt).values(
            id=str(uuid_utils.uuid7()),
            delivery_id=due.id,
            at=clock() - answer.seconds,
            status_code=answer.status,
            problem=answer.problem,
            seconds=answer.seconds,
        )
    )
    if answer.accepted:
        return _end(connection, due, DeliveryState.DELIVERED, name)
    if answer.gone and due.endpoint_id is not None:
        endpoint.disable(connection, due.endpoint_id)
    pause = pause_s(due.attempt, first_s=patience.first_pause_s, longest_s=LONGEST_PAUSE_S)
    pause = max(pause, min(answer.retry_after_s, LONGEST_PAUSE_S))
    if answer.gone or not due.live or due.age_s + answer.seconds + pause > patience.retry_s:
        return _end(connection, due, DeliveryState.GIVEN_UP, name)
    connection.execute(sa.update(_delivery).where(_owned(due)).values(next_at=clock() + pause))
    return DeliveryState.DUE


def forget(connection: sa.Connection, *, days: float) -> int:
    """Let the oldest of the log go; how many deliveries."""
    ended = _delivery.c.ended_at < clock() - days * 86400.0
    old = list(connection.execute(sa.select(_delivery.c.id).where(ended).limit(FORGOTTEN_AT_ONCE)).scalars())
    if old:
        connection.execute(sa.delete(_attempt).where(_attempt.c.delivery_id.in_(old)))
        connection.execute(sa.delete(_delivery).where(_delivery.c.id.in_(old)))
    return len(old)


def _ready() -> sa.ColumnElement[bool]:
    return (_delivery.c.state == tables.DUE) & (_delivery.c.next_at <= clock())


def _wait_again(connection: sa.Connection, ids: Sequence[str]) -> None:
    """What was replayed before its end was told has no end to tell."""
    if ids:
        armed = {"state": DeliveryState.ARMED.value, "due_at": None, "next_at": None}
        connection.execute(sa.update(_delivery).where(_delivery.c.id.in_(ids)).values(**armed))


def _fair(rows: Iterable[sa.Row[Any]], most: int, running: Counter[str], most_per_tenant: int) -> list[sa.Row[Any]]:
    counts = running.copy()
    taken: list[sa.Row[Any]] = []
    for row in rows:
        if len(taken) < most and counts[row.tenant] < most_per_tenant:
            counts[row.tenant] += 1
            taken.append(row)
    return taken


def _secrets(connection: sa.Connection, keyring: Keyring, tenant: str) -> tuple[str, ...]:
    try:
        return secret.live(connection, keyring, tenant)
    except DecryptionError:
        return ()


def _due(row: sa.Row[Any], keyring: Keyring, secrets: tuple[str, ...]) -> Due:
    try:
        url = outbox.address_of(row, keyring)
    except DecryptionError:
        url = None
    return Due(
        id=row.id,
        tenant=row.tenant,
        attempt=row.attempt + 1,
        job_id=row.job_id,
        batch_id=row.batch_id,
        endpoint_id=row.endpoint_id,
        kind=row.kind,
        status=row.status,
        due_at=row.due_at,
        age_s=row.age_s,
        live=row.live and (row.job_id is None or row.status is not None),
        url=url,
        secrets=secrets,
    )


def _owned(due: Due) -> sa.ColumnElement[bool]:
    return (
        (_delivery.c.id == due.id)
        & (_delivery.c.state == DeliveryState.DUE.value)
        & (_delivery.c.attempt == due.attempt)
    )


def _end(connection: sa.Connection, due: Due, state: DeliveryState, name: str) -> DeliveryState:
    """Once it is delivered, it is, whoever has taken the row meanwhile; only its owner may give up."""
    delivered = state is DeliveryState.DELIVERED
    which = (_delivery.c.id == due.id) & (_delivery.c.state == DeliveryState.DUE.value) if delivered else _owned(due)
    ended = sa.update(_delivery).where(which).values(state=state.value, ended_at=clock(), next_at=None)
    if connection.execute(ended).rowcount:
        actor = Actor(f"reaper:{name}", due.tenant)
        audit.record(connection, actor, "callback_ended", job_id=due.job_id, outcome=state.value)
    return state


_LIVE = _delivery.c.endpoint_id.is_(None) | sa.exists().where(
    (_endpoint.c.id == _delivery.c.endpoint_id) & _endpoint.c.disabled_at.is_(None)
).correlate(_delivery)
_CANDIDATES = sa.select(
    _delivery,
    (clock() - _delivery.c.due_at).label("age_s"),
    outbox.still_open().label("open"),
    _LIVE.label("live"),
    sa.select(_job.c.status).where(_job.c.id == _delivery.c.job_id).scalar_subquery().label("status"),
).order_by(_delivery.c.next_at)
