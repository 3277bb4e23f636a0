"""API keys for machines: make, list, revoke."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.deps import Caller, Here, actor
from api.errors import ProblemError, invalid
from api.security.guard import guarded
from shared import accounts, audit
from shared.accounts import SCOPES, ApiKey
from shared.job import Frozen

router = APIRouter(prefix="/auth/keys", tags=["auth"], route_class=guarded("keys"))
NO_NUL = r"^[^\x00]+$"  # PostgreSQL takes none


class WantedKey(Frozen):
    """A key to be made."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=NO_NUL)]
    scopes: Annotated[tuple[Annotated[str, Field(max_length=20)], ...], Field(min_length=1, max_length=10)] = (
        "submit",
        "read",
        "delete",
    )


class Key(BaseModel):
    """A key as it is listed."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None = None


class MadeKey(Key):
    """A key with its secret, which is shown this once."""

    key: str = Field(examples=["clinq_..."])


@router.post("", status_code=201)
async def make(services: Here, caller: Caller, request: Request, body: WantedKey) -> MadeKey:
    """Make a key; it can do no more than its maker."""
    if not set(body.scopes) <= set(SCOPES.split()):
        raise invalid("/scopes", f"scopes are some of: {SCOPES}")
    if not set(body.scopes) <= caller.scopes:
        raise ProblemError(403, "forbidden", "A key can do no more than whoever makes it.")
    who = actor(request)

    def act(connection: sa.Connection) -> tuple[ApiKey, str]:
        made = accounts.add_key(connection, who.tenant, body.name, " ".join(dict.fromkeys(body.scopes)))
        audit.record(connection, who, "key_made", job_id=None)
        return made

    row, secret = await services.writer.run(act)
    return MadeKey(**_listed(row).model_dump(), key=secret)


@router.get("")
async def list_(services: Here, caller: Caller) -> list[Key]:
    """All keys of the tenant, revoked ones too; never the keys themselves."""
    rows = await services.reader.run(lambda connection: accounts.list_keys(connection, caller.tenant))
    return [_listed(row) for row in rows]


@router.delete("/{key_id}", status_code=204, response_class=Response)
async def revoke(services: Here, request: Request, key_id: str) -> None:
    """End a key; other API processes believe it for some seconds more."""
    who = actor(request)

    def act(connection: sa.Connection) -> bool:
        revoked = accounts.revoke_key(connection, who.tenant, key_id)
        if revoked:
            audit.record(connection, who, "key_revoked", job_id=None)
        return revoked

    if not await services.writer.run(act):
        raise ProblemError(404, "key_not_found", "There is no such key.")
    services.keys.forget()


def _listed(row: ApiKey) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        scopes=row.scopes.split(),
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        revoked_at=None if row.revoked_at is None else datetime.fromtimestamp(row.revoked_at, UTC),
    )
