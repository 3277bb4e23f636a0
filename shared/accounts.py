"""Accounts of people and keys of machines, as the database holds them: never a password and never a key itself."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.database import clock

SCOPES = "submit read review delete keys metrics models"
"""All that a key can allow: submit jobs, read results, review and delete them, make and revoke keys, read /metrics, and
say which models serve."""
EVERYTHING = "*"
PREFIX = "clinq_"  # lets secret scanners find a key that leaked
KEY_RANDOM_BYTES = 32
ROLES = {"admin": SCOPES, "clinician": "submit read review delete", "reader": "read"}
"""What an account of each role may do."""

_key = tables.api_key
_user = tables.user


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A machine's key as it is listed; the key itself was shown once."""

    id: str
    tenant: str
    name: str
    scopes: str
    created_at: float
    revoked_at: float | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A person's account."""

    id: str
    tenant: str
    username: str
    role: str
    password_hash: str


def create_key(connection: sa.Connection, tenant: str, name: str, scopes: str = SCOPES) -> str:
    """Make an API key and return it; only its hash is kept. Raises ValueError for a scope that does not exist."""
    return add_key(connection, tenant, name, scopes)[1]


def add_key(connection: sa.Connection, tenant: str, name: str, scopes: str = SCOPES) -> tuple[ApiKey, str]:
    """Make an API key: its row, and the key itself, which cannot be read again."""
    wanted = SCOPES if scopes == EVERYTHING else " ".join(scopes.split())
    if not wanted or not set(wanted.split()) <= set(SCOPES.split()):
        raise ValueError(f"scopes are some of: {SCOPES}")
    secret = PREFIX + secrets.token_urlsafe(KEY_RANDOM_BYTES)
    row = {"id": str(uuid_utils.uuid7()), "tenant": tenant, "name": name, "scopes": wanted}
    connection.execute(sa.insert(_key).values(**row, hash=digest(secret), created_at=clock()))
    made = connection.execute(sa.select(*_LISTED).where(_key.c.id == row["id"])).one()
    return ApiKey(*made), secret


def find_key(connection: sa.Connection, hashed: str) -> ApiKey | None:
    """The key with this hash, unless it was revoked."""
    found = connection.execute(sa.select(*_LISTED).where((_key.c.hash == hashed) & _key.c.revoked_at.is_(None)))
    row = found.one_or_none()
    return None if row is None else ApiKey(*row)


def list_keys(connection: sa.Connection, tenant: str) -> list[ApiKey]:
    """All keys of a tenant, oldest first, revoked ones too."""
    rows = connection.execute(sa.select(*_LISTED).where(_key.c.tenant == tenant).order_by(_key.c.id))
    return [ApiKey(*row) for row in rows]


def revoke_key(connection: sa.Connection, tenant: str, key_id: str) -> bool:
    """End a key; False when the tenant has no such key, or it had ended before."""
    mine = (_key.c.id == key_id) & (_key.c.tenant == tenant) & _key.c.revoked_at.is_(None)
    return connection.execute(sa.update(_key).where(mine).values(revoked_at=clock())).rowcount == 1


def create_user(connection: sa.Connection, tenant: str, username: str, password_hash: str, role: str) -> str:
    """Make an account and return its id; `password_hash` comes from api.security.passwords.

    Raises ValueError for a role that does not exist or a name that is taken.
    """
    if role not in ROLES:
        raise ValueError(f"roles are: {', '.join(ROLES)}")
    if find_user(connection, username) is not None:
        raise ValueError("there is an account of that name")
    row = {"id": str(uuid_utils.uuid7()), "tenant": tenant, "username": username, "role": role}
    connection.execute(sa.insert(_user).values(**row, password_hash=password_hash, created_at=clock()))
    return row["id"]


def find_user(connection: sa.Connection, username: str) -> User | None:
    """The account of that name, unless it was disabled."""
    return _one_user(connection, _user.c.username == username)


def get_user(connection: sa.Connection, user_id: str) -> User | None:
    """The account with that id, unless it was disabled."""
    return _one_user(connection, _user.c.id == user_id)


def digest(secret: str) -> str:
    """How a key or token is looked up: SHA-256 is enough for 256 random bits, unlike for a password."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _one_user(connection: sa.Connection, which: sa.ColumnElement[bool]) -> User | None:
    columns = (_user.c.id, _user.c.tenant, _user.c.username, _user.c.role, _user.c.password_hash)
    row = connection.execute(sa.select(*columns).where(which & _user.c.disabled_at.is_(None))).one_or_none()
    return None if row is None else User(*row)


_LISTED = (_key.c.id, _key.c.tenant, _key.c.name, _key.c.scopes, _key.c.created_at, _key.c.revoked_at)
