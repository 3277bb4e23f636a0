"""Following a job or a batch to its end: when to tell, listen and look again; a story says what, a mouth says how."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, Protocol, TypeVar

from api.ears import Ear
from api.events import Hub
from api.security.guard import identify
from api.services import Services
from shared.errors import BackingServiceError, ClinqError

H = TypeVar("H")


class NothingThereError(ClinqError):
    """The row that was followed is no longer there."""

    code = "nothing_there"


class Ending(Enum):
    """Why nothing more is told."""

    TOLD = auto()
    """The one terminal message has been told."""
    REFUSED = auto()
    """The key holds no longer, or the row is gone."""
    AGAIN = auto()
    """The client lagged behind, or the database is away: it may come back with the last place it knows."""
    LEFT = auto()
    """The client has gone."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event as every mouth says it; `text` is one line of JSON."""

    seq: str
    type: str
    text: str


Tell = Callable[[Message], Awaitable[None]]
"""A mouth: returns once the client has room for more; raises TimeoutError when it takes nothing."""


class Story(Protocol[H]):
    """What there is to tell about one job or batch: a snapshot, then each change, and one terminal message."""

    ended: bool
    """The terminal message has been handed out."""

    def listen(self, hub: Hub) -> AbstractContextManager[Ear[H]]:
        """Hear what happens from now on."""
        ...

    def begin(self, since: str | None) -> AsyncIterator[Message]:
        """Read the row; a snapshot, and what was missed since then. Raises NothingThereError, BackingServiceError."""
        ...

    async def hear(self, heard: H) -> Sequence[Message]:
        """What an event changes."""
        ...

    async def check(self, *, lost: bool) -> Sequence[Message]:
        """Read the row again, because it is time or because events may be lost."""
        ...

    def heartbeat(self) -> Message:
        """A sign of life while nothing happens."""
        ...


@dataclass
class Follower(Generic[H]):
    """One client that follows one story."""

    services: Services
    story: Story[H]
    secret: str
    """The key or token that was shown: it is checked again while the client listens."""
    since: str | None
    """The last place in the stream that the client knows."""
    _ear: Ear[H] | None = None
    _left: bool = False

    def leave(self) -> None:
        """The client has gone."""
        self._left = True
        if self._ear is not None:
            self._ear.leave()

    async def run(self, tell: Tell) -> Ending:
        """Tell all until the story ends, the client leaves, or its key ends."""
        try:
            with self.story.listen(self.services.hub) as self._ear:
                async for message in self.story.begin(self.since):
                    await tell(message)
                return await self._go_on(self._ear, tell)
        except BackingServiceError:
            return Ending.AGAIN
        except NothingThereError:
            return Ending.REFUSED
        except TimeoutError:
            return Ending.LEFT

    async def _go_on(self, ear: Ear[H], tell: Tell) -> Ending:
        reread_s, heartbeat_s = self.services.settings.socket_reread_s, self.services.settings.socket_heartbeat_s
        now = time.monotonic()
        read_at = now + reread_s * random.uniform(0.5, 1.0)  # noqa: S311 - those who came together shall not read together
        beat_at = now + heartbeat_s
        while not self.story.ended:
            heard, lost = await _next(ear, min(read_at, beat_at) - time.monotonic())
            if self._left or ear.left:
                return Ending.LEFT
            if ear.too_slow:
                return Ending.AGAIN
            if heard is not None:
                await _tell_all(tell, await self.story.hear(heard))
                if self.story.ended:  # a reading that is due now would tell the end again
                    break
            now = time.monotonic()
            if lost or now >= min(read_at, beat_at):
                if await identify(self.services, self.secret) is None:
                    return Ending.REFUSED
                await _tell_all(tell, await self.story.check(lost=lost))
                read_at = now + reread_s
            if now >= beat_at and not self.story.ended:  # only behind a reading: it must not repeat what is over
                await tell(self.story.heartbeat())
                beat_at = now + heartbeat_s
        return Ending.TOLD


async def _next(ear: Ear[H], timeout_s: float) -> tuple[H | None, bool]:
    """What comes next, and whether events may be lost."""
    try:
        heard = await ear.next(timeout_s)
    except TimeoutError:
        return None, False
    return heard, heard is None


async def _tell_all(tell: Tell, messages: Sequence[Message]) -> None:
    for message in messages:
        await tell(message)
