"""Logging in and out, for people."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.deps import Here
from api.errors import ProblemError, request_id
from api.security import passwords, sessions
from api.security.guard import JsonOnly
from api.security.sessions import Session
from api.services import Services
from api.writer import Act
from shared import accounts, audit
from shared.accounts import User
from shared.audit import Actor
from shared.job import Frozen

router = APIRouter(prefix="/auth", tags=["auth"], route_class=JsonOnly)
NOBODY = "anonymous"
NO_NUL = r"^[^\x00]+$"  # PostgreSQL takes none


class Login(Frozen):
    """Who, and the proof."""

    username: Annotated[str, Field(min_length=1, max_length=80, pattern=NO_NUL)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class RefreshToken(Frozen):
    """What login and refresh gave."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class TokenPair(BaseModel):
    """An access token for each request, and a refresh token for the next pair."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of token (RFC 6750)
    expires_in: int = Field(description="seconds that the access token lives")


@router.post("/login")
async def login(services: Here, request: Request, body: Login) -> TokenPair:
    """Show a password, get tokens."""
    user = await services.reader.run(lambda connection: accounts.find_user(connection, body.username))
    right = await asyncio.to_thread(passwords.matches, user.password_hash if user else None, body.password)
    address = request.client.host if request.client else None
    if user is None or not right:
        nobody = Actor(NOBODY, user.tenant if user else "-", address, request_id(request))
        await services.writer.run(lambda connection: _denied(connection, nobody))
        raise ProblemError(401, "wrong_login", "The user name or the password is wrong.")
    session = await services.writer.run(_begin(services, user, address, request_id(request)))
    return _pair(services, session)


@router.post("/refresh")
async def refresh(services: Here, request: Request, body: RefreshToken) -> TokenPair:
    """Trade a refresh token for the next pair; each can be traded once."""
    days = services.settings.refresh_token_days
    address = request.client.host if request.client else None
    session = await services.writer.run(
        lambda connection: sessions.rotate(connection, body.refresh_token, address=address, days=days)
    )
    if session is None:
        raise ProblemError(401, "session_ended", "This session has ended: log in again.")
    return _pair(services, session)


@router.post("/logout", status_code=204, response_class=Response)
async def logout(services: Here, body: RefreshToken) -> None:
    """End the session of a refresh token; an access token ends by itself."""
    await services.writer.run(lambda connection: sessions.end(connection, body.refresh_token))


def _begin(services: Services, user: User, address: str | None, request: str | None) -> Act[Session]:
    actor = Actor(f"user:{user.id}", user.tenant, address, request)
    days = services.settings.refresh_token_days
    return lambda connection: sessions.begin(connection, user, actor, days=days)


def _denied(connection: sa.Connection, nobody: Actor) -> None:
    audit.record(connection, nobody, "login", job_id=None, outcome="denied")


def _pair(services: Services, session: Session) -> TokenPair:
    return TokenPair(
        access_token=services.tokens.make(session.user),
        refresh_token=session.refresh_token,
        expires_in=services.tokens.lifetime_s,
    )
