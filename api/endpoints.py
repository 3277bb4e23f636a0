"""The addresses that each tenant has named for all its jobs, believed for some seconds: a submission costs no SQL."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from shared.webhooks.outbox import Target

BELIEVED_S = 5.0
REMEMBERED = 10_000  # tenants
Find = Callable[[str], Awaitable[tuple[Target, ...]]]


class Endpoints:
    """A tenant's live endpoints; a change made by another process counts within BELIEVED_S seconds."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._known: dict[str, tuple[float, tuple[Target, ...]]] = {}

    async def read(self, tenant: str) -> tuple[Target, ...]:
        """All live endpoints of a tenant. Raises BackingServiceError."""
        known = self._known.get(tenant)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if known is not None:  # one asks, and those that come meanwhile take what was known
            self._known[tenant] = (time.monotonic() + BELIEVED_S, known[1])
        found = await self._find(tenant)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[tenant] = (time.monotonic() + BELIEVED_S, found)
        return found

    def forget(self, tenant: str) -> None:
        """Look this tenant's endpoints up again, because they were changed in this process."""
        self._known.pop(tenant, None)
