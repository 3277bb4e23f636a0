"""One worker process: all that it works with, and since when it is to stop."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from shared.audit import Actor
from shared.blobs import Blobs
from shared.broker import Broker
from shared.claiming import Turns
from shared.crypto import Keyring
from shared.database import Database
from shared.errors import BackingServiceError
from shared.settings import Settings
from worker.bench import Bench
from worker.heart import Heart
from worker.lineup import Lineup
from worker.turnstile import Turnstile

T = TypeVar("T")
HOST = socket.gethostname()
ONE_ASKING_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0


class Stopping:
    """Whether this process was told to stop, and how long ago."""

    def __init__(self) -> None:
        self._asked_at: float | None = None

    def ask(self) -> None:
        """Stop when the time comes; the first asking counts."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()

    def ask_again(self) -> None:
        """Stop as soon as the job in hand says a word; two that ask within a second ask once."""
        if (since_s := self.since_s) is None or since_s >= ONE_ASKING_S:
            self._asked_at = float("-inf")

    @property
    def since_s(self) -> float | None:
        """Seconds since it was asked; None while nobody has."""
        return None if self._asked_at is None else time.monotonic() - self._asked_at


@dataclass(frozen=True, slots=True)
class Worker:
    """All that one worker process works with."""

    name: str
    settings: Settings
    database: Database
    broker: Broker
    blobs: Blobs
    keyring: Keyring
    heart: Heart
    bench: Bench
    turns: Turns = field(default_factory=Turns)
    stopping: Stopping = field(default_factory=Stopping)
    turnstile: Turnstile = field(default_factory=Turnstile)
    """Between rounds and changes of the bench."""
    lineup: Lineup | None = None
    """What changes the bench as the model registry says; None where the bench stays as it is."""

    def actor(self, tenant: str) -> Actor:
        """As the audit trail names this process."""
        return Actor(f"worker:{self.name}", tenant, HOST)

    def write(self, act: Callable[[sa.Connection], T]) -> T:
        """One transaction, tried again while the database is away for less than a lease; BackingServiceError after.

        What the act writes must be guarded by a fencing token: a commit of which the answer was lost is done again.
        """
        for attempt in Retrying(
            retry=retry_if_exception_type(BackingServiceError),
            wait=wait_random_exponential(FIRST_PAUSE_S, LONGEST_PAUSE_S),
            stop=stop_after_delay(self.settings.lease_s),
            reraise=True,
        ):
            with attempt, self.database.write() as connection:
                return act(connection)
        raise AssertionError("tenacity either answers or raises")
