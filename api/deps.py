"""What a route may ask for in its signature."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from api.errors import request_id
from api.security.principal import Principal
from api.services import Services
from shared.audit import Actor


def services_of(request: Request) -> Services:
    """Everything that the routes share."""
    return cast("Services", request.app.state.services)


async def services(request: Request) -> Services:
    """The same, for a route's signature."""
    return services_of(request)


async def caller(request: Request) -> Principal:
    """Whoever the guard let in."""
    return cast("Principal", request.state.principal)


def actor(request: Request) -> Actor:
    """Whoever the guard let in, as the audit trail names them for this request."""
    address = request.client.host if request.client else None
    return cast("Principal", request.state.principal).actor(address, request_id(request))


Here = Annotated[Services, Depends(services)]
Caller = Annotated[Principal, Depends(caller)]
