"""Whom a submission calls back: the address that came with it, and the tenant's own endpoints."""

from __future__ import annotations

from pydantic import HttpUrl

from api.errors import invalid
from api.services import Services
from shared.webhooks import address
from shared.webhooks.address import ForbiddenAddressError
from shared.webhooks.outbox import Target


async def targets(services: Services, tenant: str, callback_url: HttpUrl | None) -> tuple[Target, ...]:
    """All addresses to call, each once. Raises ProblemError 422 for an address that may not be called."""
    endpoints = await services.endpoints.read(tenant)
    if callback_url is None:
        return endpoints
    url = checked(services, callback_url, pointer="/callback_url")
    return endpoints if any(each.url == url for each in endpoints) else (Target(url), *endpoints)


def checked(services: Services, url: HttpUrl, *, pointer: str) -> str:
    """The address as it is kept; what its name resolves to is looked at when it is called. Raises ProblemError 422."""
    try:
        address.read(str(url), allow=services.settings.callback_allow)
    except ForbiddenAddressError as error:
        raise invalid(pointer, str(error)) from error
    return str(url)
