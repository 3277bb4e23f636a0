"""How many requests somebody may send: the seam where tiers are counted."""

from __future__ import annotations

from typing import Protocol

from api.security.principal import Principal


class Limits(Protocol):
    """Asked once a request, after the sender is known and before the body is read."""

    async def check(self, principal: Principal, route: str) -> None:
        """Raise ProblemError 429 with Retry-After when it is one too many."""
        ...


class Unlimited:
    """No limit: one machine serves its own people."""

    async def check(self, principal: Principal, route: str) -> None:
        """Let everybody pass."""
