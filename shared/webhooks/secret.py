"""The secrets that sign a tenant's deliveries: at most two are live, so that a receiver can change without a gap."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import sqlalchemy as sa
import uuid_utils

from shared import tables
from shared.crypto import Keyring, WrappedKey
from shared.database import clock

MOST_LIVE = 2
PREFIX = "whsec_"  # lets secret scanners find one that leaked
RANDOM_BYTES = 32
PURPOSE = "signing_secret"

_secret = tables.signing_secret


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret as it is listed; the secret itself was shown once."""

    id: str
    created_at: float
    revoked_at: float | None = None


def ensure(connection: sa.Connection, keyring: Keyring, tenant: str) -> None:
    """Make the tenant's first secret where it has none, so that no delivery goes out unsigned."""
    if connection.execute(_ANY, {"tenant": tenant}).first() is None:
        _add(connection, keyring, tenant)


def rotate(connection: sa.Connection, keyring: Keyring, tenant: str) -> tuple[SigningSecret, str]:
    """Make a secret and revoke all but the one before it: its row, and the secret, which is not shown again."""
    made, text = _add(connection, keyring, tenant)
    kept = _live(tenant).order_by(_secret.c.id.desc()).limit(MOST_LIVE)
    older = (_secret.c.tenant == tenant) & _secret.c.revoked_at.is_(None) & _secret.c.id.not_in(kept)
    connection.execute(sa.update(_secret).where(older).values(revoked_at=clock()))
    return made, text


def listed(connection: sa.Connection, tenant: str) -> list[SigningSecret]:
    """All secrets of a tenant, newest first, revoked ones too."""
    mine = sa.select(*_LISTED).where(_secret.c.tenant == tenant).order_by(_secret.c.id.desc())
    return [SigningSecret(*row) for row in connection.execute(mine)]


def live(connection: sa.Connection, keyring: Keyring, tenant: str) -> tuple[str, ...]:
    """The tenant's live secrets in clear, newest first. Raises DecryptionError when the master key is not here."""
    columns = (_secret.c.id, _secret.c.key_id, _secret.c.wrapped_key, _secret.c.secret)
    rows = connection.execute(_live(tenant).with_only_columns(*columns).order_by(_secret.c.id.desc()).limit(MOST_LIVE))
    return tuple(
        keyring.unwrap(WrappedKey(row.key_id, row.wrapped_key), tenant, row.id).open(row.secret, PURPOSE).decode()
        for row in rows
    )


def _add(connection: sa.Connection, keyring: Keyring, tenant: str) -> tuple[SigningSecret, str]:
    secret_id, text = str(uuid_utils.uuid7()), PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    wrapped, key = keyring.new(tenant, secret_id)
    row = {"id": secret_id, "tenant": tenant, "key_id": wrapped.key_id, "wrapped_key": wrapped.wrapped}
    sealed = key.seal(text.encode(), PURPOSE)
    connection.execute(sa.insert(_secret).values(**row, secret=sealed, created_at=clock()))
    made = connection.execute(sa.select(*_LISTED).where(_secret.c.id == secret_id)).one()
    return SigningSecret(*made), text


def _live(tenant: str) -> sa.Select[tuple[str]]:
    return sa.select(_secret.c.id).where((_secret.c.tenant == tenant) & _secret.c.revoked_at.is_(None))


_LISTED = (_secret.c.id, _secret.c.created_at, _secret.c.revoked_at)
_ANY = (  # built once: each submission that is to be called back asks
    sa.select(_secret.c.id)
    .where((_secret.c.tenant == sa.bindparam("tenant")) & _secret.c.revoked_at.is_(None))
    .limit(1)
)
