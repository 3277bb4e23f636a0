"""Who sends a request, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass

from shared.audit import Actor


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a machine that has shown who it is."""

    name: str
    """user:<id> or key:<id>."""
    tenant: str
    scopes: frozenset[str]
    role: str
    expires_at: float | None = None
    """Unix time at which what was shown ends; None for an API key."""

    def may(self, scope: str) -> bool:
        """Whether this scope was given."""
        return scope in self.scopes

    def actor(self, address: str | None = None, request_id: str | None = None) -> Actor:
        """As the audit trail names it."""
        return Actor(self.name, self.tenant, address, request_id)
