"""API keys: looked up by their hash, believed for a few seconds, so that a request costs no SQL."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from api.security.principal import Principal
from shared import accounts
from shared.accounts import ApiKey

REMEMBERED = 10_000
LONGEST = 200  # characters; ours have 49
Find = Callable[[str], Awaitable[ApiKey | None]]


class Keys:
    """Checks API keys; a revoked one ends within `cache_s` seconds."""

    def __init__(self, find: Find, *, cache_s: float) -> None:
        self._find = find
        self._cache_s = cache_s
        self._known: dict[str, tuple[float, Principal]] = {}

    async def read(self, key: str) -> Principal | None:
        """Whoever holds the key; None when there is no such key."""
        if len(key) > LONGEST:
            return None
        hashed = accounts.digest(key)
        found = self._known.get(hashed)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        self._known.pop(hashed, None)
        row = await self._find(hashed)
        if row is None:
            return None
        principal = Principal(f"key:{row.id}", row.tenant, frozenset(row.scopes.split()), "machine")
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[hashed] = (time.monotonic() + self._cache_s, principal)
        return principal

    def forget(self) -> None:
        """Look every key up again, because one was revoked in this process."""
        self._known.clear()
