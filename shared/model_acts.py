"""The acts on the model registry: a version is registered, tried, promoted, rolled back or retired.

Each act writes its rows, the log of changes and the audit trail in the caller's transaction; one act at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import sqlalchemy as sa
import uuid_utils

from shared import audit, tables
from shared.audit import Actor
from shared.database import clock
from shared.errors import ClinqError
from shared.job import StageName
from shared.models import IN_USE, InUse, NewVersion, State, Version, get, revision, serving, using

_version = tables.model_version
_change = tables.model_change
LOCK = 0x6D6F64656C  # "model": one act at a time on PostgreSQL, so that revisions are seen in their order
REASON_CHARS = 400
NEXT = {
    State.REGISTERED: {State.SHADOW, State.CANARY, State.LIVE, State.RETIRED},
    State.SHADOW: {State.REGISTERED, State.CANARY, State.LIVE, State.RETIRED},
    State.CANARY: {State.REGISTERED, State.CANARY, State.SHADOW, State.LIVE, State.RETIRED},
    State.LIVE: set[State](),
    State.RETIRED: {State.REGISTERED, State.SHADOW, State.CANARY, State.LIVE},
}
"""What `set_state` may do. A live version is left by promoting another one, or by `rollback`."""


class IllegalStateError(ClinqError):
    """A version cannot go from its state to the one that was asked for."""

    code = "illegal_state"


def register(connection: sa.Connection, actor: Actor, new: NewVersion) -> Version:
    """Keep a new version. Raises IllegalStateError when the stage has one of that name and version."""
    _lock(connection)
    same = (_version.c.name == new.name) & (_version.c.version == new.version) & (_version.c.stage == new.stage.value)
    if connection.execute(sa.select(_version.c.id).where(same)).first() is not None:
        raise IllegalStateError(f"{new.name}@{new.version} is registered already: choose another --version")
    made = {
        **{name: getattr(new, name) for name in NewVersion.__dataclass_fields__},
        "id": str(uuid_utils.uuid7()),
        "stage": new.stage.value,
        "options": json.dumps(dict(new.options)),
        "metrics": json.dumps(dict(new.metrics)),
        "state": State.REGISTERED.value,
        "registered_at": clock(),
        "registered_by": actor.name,
    }
    connection.execute(sa.insert(_version).values(made))
    _note(connection, actor, new.stage, made["id"], "", State.REGISTERED.value)
    return get(connection, made["id"])


def set_state(
    connection: sa.Connection, actor: Actor, version_id: str, state: State, *, share: float = 0.0, reason: str = ""
) -> Version:
    """Use a version for something else; who was in that place makes room, so that the stage never has two of a kind.

    `share` (above 0, at most 1) is the canary's. Raises NoSuchModelError and IllegalStateError.
    """
    _lock(connection)
    its = get(connection, version_id)
    if state not in NEXT[its.state]:
        left = " promote another version, or roll back" if its.state is State.LIVE else ""
        raise IllegalStateError(f"{its.label} is {its.state.value} and cannot become {state.value}:{left}".rstrip(":"))
    if state is State.CANARY and not 0.0 < share <= 1.0:
        raise IllegalStateError("a canary serves a share of the jobs above 0 % and up to 100 %")
    before = using(connection, its.stage, state) if state in IN_USE else None
    if before is not None and before.id != its.id:
        _move(connection, actor, before, State.RETIRED if state is State.LIVE else State.REGISTERED, "made room")
    _move(connection, actor, its, state, reason, share=share if state is State.CANARY else 0.0)
    if state is State.LIVE:
        _lead_back(connection, its, before)
    return get(connection, version_id)


def promote(connection: sa.Connection, actor: Actor, version_id: str, *, reason: str = "") -> Version:
    """Make a version live; who was live is retired, and comes back by `rollback`."""
    return set_state(connection, actor, version_id, State.LIVE, reason=reason)


def rollback(connection: sa.Connection, actor: Actor, stage: StageName, *, reason: str = "") -> InUse:
    """Make the previous live version (or the manifest's own model) live again; a canary of the stage ends with it.

    Raises IllegalStateError when the manifest's own model serves already and no canary is on.
    """
    _lock(connection)
    live, canary = using(connection, stage, State.LIVE), using(connection, stage, State.CANARY)
    if live is None and canary is None:
        raise IllegalStateError(f"{stage.value} runs on the manifest's own model: there is nothing to roll back")
    if canary is not None:
        _move(connection, actor, canary, State.REGISTERED, reason or "rolled back")
    if live is not None:
        _go_back(connection, actor, live, State.RETIRED, reason or "rolled back")
    return serving(connection).get(stage, InUse())


def refuse(connection: sa.Connection, actor: Actor, version_id: str, seen: State, *, reason: str) -> bool:
    """Take a version out of use because a worker cannot use it; False when it is in another state by now."""
    _lock(connection)
    its = get(connection, version_id)
    if its.state is not seen:
        return False
    if its.state is State.LIVE:
        _go_back(connection, actor, its, State.REGISTERED, reason)
    else:
        _move(connection, actor, its, State.REGISTERED, reason)
    return True


def set_metrics(connection: sa.Connection, actor: Actor, version_id: str, metrics: Mapping[str, float]) -> None:
    """Keep figures that were measured of a version, beside those it has."""
    known = dict(get(connection, version_id).metrics) | dict(metrics)
    connection.execute(sa.update(_version).where(_version.c.id == version_id).values(metrics=json.dumps(known)))
    audit.record(connection, actor, "model_measured", job_id=None, outcome=version_id)


def _lead_back(connection: sa.Connection, its: Version, before: Version | None) -> None:
    """Let a rollback lead to who was live; each version comes once on the way back, which ends at the manifest's."""
    replaced = sa.update(_version)
    connection.execute(replaced.where(_version.c.replaced == its.id).values(replaced=its.replaced))
    connection.execute(replaced.where(_version.c.id == its.id).values(replaced=None if before is None else before.id))


def _go_back(connection: sa.Connection, actor: Actor, live: Version, to: State, reason: str) -> None:
    """The version that was live before this one is live again; what that one had replaced stays as it was."""
    _move(connection, actor, live, to, reason)
    if live.replaced is None:
        _note(connection, actor, live.stage, None, "", State.LIVE.value, reason=reason)
    else:
        _move(connection, actor, get(connection, live.replaced), State.LIVE, reason)


def _move(connection: sa.Connection, actor: Actor, its: Version, to: State, reason: str, *, share: float = 0.0) -> None:
    times = {State.LIVE: {"promoted_at": clock()}, State.RETIRED: {"retired_at": clock()}}.get(to, {})
    change = sa.update(_version).where(_version.c.id == its.id).values(state=to.value, share=share, **times)
    connection.execute(change)
    _note(connection, actor, its.stage, its.id, its.state.value, to.value, share=share, reason=reason)


def _note(
    connection: sa.Connection,
    actor: Actor,
    stage: StageName,
    version_id: str | None,
    from_state: str,
    to_state: str,
    *,
    share: float = 0.0,
    reason: str = "",
) -> None:
    row = {
        "seq": revision(connection) + 1,
        "at": clock(),
        "stage": stage.value,
        "version_id": version_id,
        "actor": actor.name,
        "from_state": from_state,
        "to_state": to_state,
        "share": share,
        "reason": reason[:REASON_CHARS],
    }
    connection.execute(sa.insert(_change).values(row))
    audit.record(connection, actor, f"model_{to_state}", job_id=None, outcome=version_id or "manifest")


def _lock(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
