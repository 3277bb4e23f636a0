"""What listens to the event stream: one ear hears all of a job in order, another the newest of each job of a batch."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from shared.broker import Event

PENDING = 1000  # events that a subscriber may lag behind; several readings of the stream
GATHER_S = 0.25  # what happens to a batch within this time is heard at once
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Told:
    """One event with its place in the stream."""

    seq: str
    event: Event


class Listener(Protocol):
    """Whoever the hub tells."""

    def tell(self, told: Told | None) -> None:
        """Take an event at once; None when some may be lost, so that the row must be read."""
        ...


class Ear(Listener, Protocol[T_co]):
    """What a follower waits with."""

    @property
    def left(self) -> bool:
        """The client has gone, or said what it must not."""
        ...

    @property
    def too_slow(self) -> bool:
        """It lagged so far behind that events are lost."""
        ...

    async def next(self, timeout_s: float) -> T_co | None:
        """What comes next; None when events may be lost. Raises TimeoutError."""
        ...

    def leave(self) -> None:
        """Nobody listens any more."""
        ...


@dataclass(eq=False, slots=True)
class Subscription:
    """What one client or long-poll hears about one job: each event, in order."""

    job_id: str
    seq: str
    """The hub's place in the stream when this began: every later event arrives here."""
    written: tuple[Event, ...] | None = None
    """What made up the text of the running stage at that moment; None where its beginning was not heard."""
    too_slow: bool = False
    left: bool = False
    _waiting: list[Told | None] = field(default_factory=list)
    _woken: asyncio.Future[None] | None = None
    """Set while `next` waits; an asyncio.Queue would cost each idle client 2.5 KB."""

    async def next(self, timeout_s: float) -> Told | None:
        """The next event."""
        if not self._waiting:
            self._woken = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._woken
        return self._waiting.pop(0)

    def tell(self, told: Told | None) -> None:
        """Put an event where `next` finds it."""
        if len(self._waiting) >= PENDING:
            self.too_slow = True
            return
        self._waiting.append(told)
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def leave(self) -> None:
        """Wake whoever waits."""
        self.left = True
        self.tell(None)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The newest event of each job of a batch since the last time, and the place in the stream of the last one."""

    seq: str
    newest: dict[str, Event]


class Gathering:
    """What one client hears about a batch: thousands of events a second come as four gatherings of the newest."""

    too_slow = False  # it keeps one event a job: it cannot lag behind

    def __init__(self, seq: str) -> None:
        self.seq = seq
        self.left = False
        self._newest: dict[str, Event] = {}
        self._lost = False
        self._woken = asyncio.Event()
        self._rests_until = 0.0

    async def next(self, timeout_s: float) -> Gathered | None:
        """What has gathered, at most once in GATHER_S."""
        async with asyncio.timeout(max(0.0, timeout_s)):
            await self._woken.wait()
            await asyncio.sleep(max(0.0, self._rests_until - time.monotonic()))
        self._woken.clear()
        self._rests_until = time.monotonic() + GATHER_S
        gathered, self._newest = Gathered(self.seq, self._newest), {}
        lost, self._lost = self._lost, False
        return None if lost else gathered

    def tell(self, told: Told | None) -> None:
        """Keep the newest of each job."""
        if told is None:
            self._lost = True
        else:
            self.seq = told.seq
            self._newest[told.event.job_id] = told.event
        self._woken.set()

    def leave(self) -> None:
        """Wake whoever waits."""
        self.left = True
        self._woken.set()
