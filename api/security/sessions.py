"""Refresh tokens: one use each; a token that is used twice ends its whole family (RFC 9700, 4.14.2)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import sqlalchemy as sa
import uuid_utils

from shared import accounts, audit, tables
from shared.accounts import User
from shared.audit import Actor
from shared.database import clock

DAY_S = 86_400.0
RANDOM_BYTES = 32
_token = tables.refresh_token


@dataclass(frozen=True, slots=True)
class Session:
    """Whose session it is, and the token that continues it."""

    user: User
    refresh_token: str


def begin(connection: sa.Connection, user: User, actor: Actor, *, days: float) -> Session:
    """A new family for this account."""
    audit.record(connection, actor, "login", job_id=None)
    return _next(connection, user, str(uuid_utils.uuid7()), days)


def rotate(connection: sa.Connection, token: str, *, address: str | None, days: float) -> Session | None:
    """The next token of the family; None when this one does not hold, and its family ends if it was used before."""
    hashed = accounts.digest(token)
    holds = _token.c.used_at.is_(None) & _token.c.revoked_at.is_(None) & (_token.c.expires_at > clock())
    used = sa.update(_token).where((_token.c.hash == hashed) & holds).values(used_at=clock())
    row = connection.execute(used.returning(_token.c.family, _token.c.user_id)).one_or_none()
    if row is None:
        _end_if_reused(connection, hashed, address)
        return None
    user = accounts.get_user(connection, row.user_id)
    return None if user is None else _next(connection, user, row.family, days)


def end(connection: sa.Connection, token: str) -> None:
    """Log out: no token of this family holds any more."""
    row = connection.execute(sa.select(_token.c.family).where(_token.c.hash == accounts.digest(token))).one_or_none()
    if row is not None:
        _end_family(connection, row.family)


def _next(connection: sa.Connection, user: User, family: str, days: float) -> Session:
    token = secrets.token_urlsafe(RANDOM_BYTES)
    row = {"hash": accounts.digest(token), "family": family, "user_id": user.id}
    connection.execute(sa.insert(_token).values(**row, expires_at=clock() + days * DAY_S))
    return Session(user, token)


def _end_if_reused(connection: sa.Connection, hashed: str, address: str | None) -> None:
    found = sa.select(_token.c.family, _token.c.user_id).where(
        (_token.c.hash == hashed) & _token.c.used_at.is_not(None)
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return
    _end_family(connection, row.family)
    user = accounts.get_user(connection, row.user_id)
    actor = Actor(f"user:{row.user_id}", user.tenant if user else "-", address)
    audit.record(connection, actor, "refresh_reused", job_id=None, outcome="denied")


def _end_family(connection: sa.Connection, family: str) -> None:
    whole = (_token.c.family == family) & _token.c.revoked_at.is_(None)
    connection.execute(sa.update(_token).where(whole).values(revoked_at=clock()))
