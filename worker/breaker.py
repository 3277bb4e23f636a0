"""The circuit breaker: an engine that keeps failing is left alone for a while, then tried again with one case."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

MOST_SUSPECTS = 1000


class Circuit(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    """The engine serves."""
    OPEN = "open"
    """It has failed too often, and its pause is not over."""
    HALF_OPEN = "half_open"
    """Its pause is over: the next case tries it."""


class Breaker:
    """Counts the failures of one engine, by the jobs that saw them.

    A job that failed while the engine did well before and after it is a suspect: what it sees again counts no more.
    """

    def __init__(self, *, failures: int, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Open after so many failures in a row, for so many seconds; with 0 failures it never opens."""
        self._most = failures
        self._pause_s = pause_s
        self._clock = clock
        self._failed: dict[str, None] = {}
        self._suspects: dict[str, None] = {}
        self._opened_at: float | None = None

    @property
    def circuit(self) -> Circuit:
        """Where it stands now."""
        if self._opened_at is None:
            return Circuit.CLOSED
        return Circuit.OPEN if self.left_s > 0.0 else Circuit.HALF_OPEN

    @property
    def left_s(self) -> float:
        """Seconds until the engine may be tried."""
        return 0.0 if self._opened_at is None else max(0.0, self._opened_at + self._pause_s - self._clock())

    def failed(self, witness: str) -> bool:
        """Count what a job saw, once for each job; True when the engine is left alone from now on."""
        if self.circuit is Circuit.CLOSED:
            if witness not in self._suspects:
                self._failed[witness] = None
            if not 0 < self._most <= len(self._failed):
                return False
        self._opened_at = self._clock()
        return True

    def succeeded(self) -> bool:
        """Forget the failures; True when this success closes the circuit."""
        closes, self._opened_at = self._opened_at is not None, None
        if not closes:
            self._suspects |= self._failed
            for old in list(self._suspects)[:-MOST_SUSPECTS]:
                del self._suspects[old]
        self._failed = {}
        return closes
